//! What ran before a reinstall that was ordered to keep it: it stays so many days after the commit, and then is removed. The days are the
//! file server's, whose clock is one where the Pi's may say 1970. Whatever speaks against its removal keeps it longer.
//!
//! Safety-order: the journal knows from when on the days count, and of which tree, before one of them passes. What is removed is that very
//! tree, in the slot that doesn't run and that the boot record doesn't name, while no reinstall is under way.
use picket_proto::{OperationId, Reason, RootSlot, State};

use super::{Action, Machine, PATIENCE_MS, Step, reinstall::Stage as Reinstalling};
use crate::{
    command::{IdleSlot, Slots, WorkerEvent},
    journal::{Kept, Outcome, Record, Since},
};

/// It is looked at so often, in ms.
const EVERY_MS: u64 = 3_600_000;
const DAY_S: u64 = 86_400;

/// How far it is with what is kept.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    stage: Stage,
    /// When it is looked at next.
    next_ms: u64,
    /// What keeps it longer was said.
    is_told: bool,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Waiting,
    /// The shell looks.
    Looking,
    /// The journal writes.
    Writing(Record),
    /// The child removes it.
    Removing,
}

/// What is to be done with a slot that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The days count from now on.
    Count(Since),
    /// The server's clock went back to before they began: they count anew.
    CountAnew(Since),
    /// It is early.
    Keep,
    /// The days are over.
    Remove,
    /// What was kept isn't there any more.
    Forget,
}

fn judge(kept: &Kept, found: IdleSlot) -> Verdict {
    let Some(since) = kept.since else {
        return match found.tree {
            Some(tree) => Verdict::Count(Since {
                time_s: found.time_s,
                tree,
            }),
            None => Verdict::Forget,
        };
    };
    let until_s = since.time_s.saturating_add(u64::from(kept.days) * DAY_S);
    match found.tree {
        Some(tree) if tree != since.tree => Verdict::Forget,
        Some(tree) if found.time_s < since.time_s => Verdict::CountAnew(Since {
            time_s: found.time_s,
            tree,
        }),
        _ if found.is_wanted || found.time_s < until_s => Verdict::Keep,
        // Also what a child has left that was removing it.
        _ => Verdict::Remove,
    }
}

impl Keeper {
    /// Whether the journal writes for it.
    pub(super) fn writes(&self) -> bool {
        matches!(self.stage, Stage::Writing(_))
    }

    pub(super) fn objection_to_writing(&self) -> Option<(Reason, String)> {
        let words = "the journal writes how long the slot before is kept; order it again";
        self.writes().then(|| (Reason::Busy, words.to_owned()))
    }

    pub(super) fn objection_to_filling(&self) -> Option<(Reason, String)> {
        let words = "the slot before was kept for its days and is being removed; order it again in some minutes";
        let is_removing = matches!(self.stage, Stage::Removing);
        is_removing.then(|| (Reason::Busy, words.to_owned()))
    }
}

impl Machine {
    pub(super) fn keep_deadline(&self) -> Option<u64> {
        let waits = matches!(self.keeper.stage, Stage::Waiting | Stage::Looking);
        let has_work = self.kept().is_some() || self.runs_what_was_kept();
        (waits && has_work).then_some(self.keeper.next_ms)
    }

    pub(super) fn keep_is_due(&mut self, now_ms: u64) {
        if self.keep_deadline().is_none_or(|due| now_ms < due) {
            return;
        }
        self.keeper.next_ms = now_ms.saturating_add(EVERY_MS);
        match self.kept().map(|kept| kept.slot) {
            Some(slot) => {
                self.keeper.stage = Stage::Looking;
                self.steps.push(Step::Do(Action::LookAt(slot)));
            }
            // Somebody has gone back to it, so it isn't what ran before.
            None => {
                let mounted = self.mounted();
                self.keep_recording(now_ms, |kept| kept.retain(|one| Some(one.slot) != mounted));
            }
        }
    }

    /// What the shell has found.
    pub(super) fn looked(&mut self, found: Result<IdleSlot, String>, now_ms: u64) {
        if !matches!(self.keeper.stage, Stage::Looking) {
            return;
        }
        self.keeper.stage = Stage::Waiting;
        let Some(kept) = self.kept().copied() else {
            return;
        };
        let count = |since| {
            move |all: &mut Vec<Kept>| {
                let counted = all.iter_mut().filter(|one| **one == kept);
                counted.for_each(|one| one.since = Some(since));
            }
        };
        match found.map(|found| judge(&kept, found)) {
            Err(words) => self.keep_longer(&format!(
                "slot {} is kept longer than for its {}, until the file server tells the time: {words}",
                kept.slot,
                in_words(kept.days)
            )),
            Ok(Verdict::Keep) => self.keeper.is_told = false,
            Ok(Verdict::Count(since)) => self.keep_recording(now_ms, count(since)),
            Ok(Verdict::CountAnew(since)) => {
                self.keep_longer(&format!(
                    "the file server's clock went back to before slot {} was kept: its {} count anew",
                    kept.slot,
                    in_words(kept.days)
                ));
                self.keep_recording(now_ms, count(since));
            }
            Ok(Verdict::Forget) => {
                self.keep_recording(now_ms, move |all| all.retain(|one| *one != kept));
            }
            Ok(Verdict::Remove) => {
                self.keeper.stage = Stage::Removing;
                let words = format!(
                    "slot {} was kept for {} after the commit of what runs, and is removed now",
                    kept.slot,
                    in_words(kept.days)
                );
                self.steps.push(Step::Do(Action::Warn(words)));
                self.steps.push(Step::Do(Action::Remove(Some(kept.slot))));
            }
        }
    }

    /// What the child says that removes it.
    pub(super) fn kept_is_removed(&mut self, event: WorkerEvent, now_ms: u64) {
        if !matches!(self.keeper.stage, Stage::Removing) {
            return;
        }
        match event {
            WorkerEvent::Cleaned => {
                self.keeper.stage = Stage::Waiting;
                let kept = self.kept().copied();
                self.keep_recording(now_ms, move |all| all.retain(|one| Some(*one) != kept));
            }
            WorkerEvent::Failed { detail, .. } => {
                self.keeper.stage = Stage::Waiting;
                self.keep_longer(&format!(
                    "the slot before can't be removed, which is tried again in an hour: {detail}"
                ));
            }
            _ => {}
        }
    }

    /// What became of the write.
    pub(super) fn keep_recorded(&mut self, outcome: Outcome) {
        match (outcome, std::mem::take(&mut self.keeper.stage)) {
            (Outcome::Written, Stage::Writing(record)) => self.record = record,
            (Outcome::Failed(words), _) => self.keep_longer(&format!(
                "the journal doesn't take how long the slot before is kept, which is tried again in an hour: {words}"
            )),
            // It follows when the disk answers.
            (_, stage) => self.keeper.stage = stage,
        }
    }

    /// What becomes of kept slots with that state of the reinstall under way.
    pub(super) fn keep_in(&self, record: &mut Record, state: State) {
        let Some(one) = &self.reinstall else {
            return;
        };
        let (operation, slot) = (one.operation, one.kept.slot);
        match (&one.stage, state) {
            (Reinstalling::Accepted(wanted), _) => {
                let counts = |kept: &Kept| kept.since.is_some() && kept.slot == slot;
                record.kept.retain(counts);
                let days = wanted.keep_old_days;
                record.kept.extend((days > 0).then_some(Kept {
                    operation,
                    slot: other(slot),
                    days,
                    since: None,
                }));
            }
            // It was filled anew.
            (_, State::Staged | State::Armed) => record.kept.retain(|kept| kept.slot != slot),
            (_, State::Failed | State::Cancelled | State::RolledBack) => {
                record.kept.retain(|kept| kept.operation != operation);
            }
            _ => {}
        }
    }

    pub(super) fn how_long_kept(&self, operation: OperationId) -> String {
        let mut kept = self.record.kept.iter();
        match kept.find(|kept| kept.operation == operation) {
            Some(kept) => format!(
                "the slot before is kept for {}, or until a reinstall needs it",
                in_words(kept.days)
            ),
            None => "the slot before is kept, until a reinstall needs it".to_owned(),
        }
    }

    /// What is kept beside what runs and is committed.
    fn kept(&self) -> Option<&Kept> {
        let Slots::Are(standing) = &self.slots else {
            return None;
        };
        let runs = matches!(standing.mounted, RootSlot::A | RootSlot::B);
        let is_settled = runs && standing.trial.is_none() && self.reinstall.is_none();
        let mut kept = self.record.kept.iter().filter(|_| is_settled);
        kept.find(|kept| kept.slot == standing.idle)
    }

    fn runs_what_was_kept(&self) -> bool {
        let mounted = self.mounted().filter(|_| self.reinstall.is_none());
        let mut kept = self.record.kept.iter();
        kept.any(|kept| Some(kept.slot) == mounted)
    }

    fn mounted(&self) -> Option<RootSlot> {
        match &self.slots {
            Slots::Are(standing) => Some(standing.mounted),
            Slots::Missing(_) => None,
        }
    }

    /// Has the journal write that. While it writes for another it is tried again soon.
    fn keep_recording(&mut self, now_ms: u64, change: impl FnOnce(&mut Vec<Kept>)) {
        if self.configure.is_some() || self.reinstall.is_some() {
            self.keeper.next_ms = now_ms.saturating_add(PATIENCE_MS);
            return;
        }
        let mut record = self.record.clone();
        change(&mut record.kept);
        self.keeper.stage = Stage::Writing(record.clone());
        self.steps.push(Step::Do(Action::Record(record)));
    }

    /// Says once what keeps it longer.
    fn keep_longer(&mut self, words: &str) {
        if !std::mem::replace(&mut self.keeper.is_told, true) {
            self.steps.push(Step::Do(Action::Warn(words.to_owned())));
        }
    }
}

/// The slot beside that one.
pub(super) fn other(slot: RootSlot) -> RootSlot {
    match slot {
        RootSlot::A => RootSlot::B,
        _ => RootSlot::A,
    }
}

fn in_words(days: u8) -> String {
    match days {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: u64 = 1_795_385_000;

    fn found(time_s: u64, tree: Option<u64>, is_wanted: bool) -> IdleSlot {
        IdleSlot {
            time_s,
            tree,
            is_wanted,
        }
    }

    #[test]
    fn the_days_count_from_the_first_look_and_what_is_doubtful_is_kept() {
        let since = |time_s| Since { time_s, tree: 7 };
        let end = BEGUN + 3 * DAY_S;
        let late = u64::MAX;
        #[rustfmt::skip]
        let table = [
            // counts from   time       tree     wanted
            (None,           BEGUN,     Some(7), false, Verdict::Count(since(BEGUN))),
            (None,           BEGUN,     Some(7), true,  Verdict::Count(since(BEGUN))),
            (None,           BEGUN,     None,    false, Verdict::Forget),
            (Some(BEGUN),    BEGUN,     Some(7), false, Verdict::Keep),
            (Some(BEGUN),    end - 1,   Some(7), false, Verdict::Keep),
            (Some(BEGUN),    end,       Some(7), false, Verdict::Remove),
            (Some(BEGUN),    late,      Some(7), false, Verdict::Remove),
            (Some(BEGUN),    end,       Some(7), true,  Verdict::Keep),
            (Some(BEGUN),    end,       Some(8), false, Verdict::Forget),
            (Some(BEGUN),    BEGUN - 1, Some(8), false, Verdict::Forget),
            (Some(BEGUN),    BEGUN - 1, Some(7), false, Verdict::CountAnew(since(BEGUN - 1))),
            (Some(BEGUN),    0,         Some(7), true,  Verdict::CountAnew(since(0))),
            (Some(BEGUN),    end - 1,   None,    false, Verdict::Keep),
            (Some(BEGUN),    end,       None,    false, Verdict::Remove),
            (Some(late),     late,      Some(7), false, Verdict::Remove),
        ];
        for (counts, time_s, tree, is_wanted, expected) in table {
            let kept = Kept {
                operation: OperationId([1; 16]),
                slot: RootSlot::A,
                days: 3,
                since: counts.map(since),
            };
            let verdict = judge(&kept, found(time_s, tree, is_wanted));
            assert_eq!(verdict, expected, "{kept:?} at {time_s}, {tree:?}");
        }
    }
}
