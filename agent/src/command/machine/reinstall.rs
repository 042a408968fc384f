//! Reinstall, up to the image that waits in the idle slot: a child does the work, and this decides what comes of what it says.
//!
//! Safety-order: recorded before anything is done, so a disk that takes no record refuses it; and recorded again when it is staged,
//! armed, committed and over. What lies between is done again from the start or given up, so it is not recorded.
use picket_proto::{OperationId, Progress, Reason, Reinstall, State};

use super::{Action, MOST_WARNINGS, Machine, Order, Step, Turn, bounded, reinstall_wish::wrong};
use crate::{
    command::{Install, Slots, WorkerEvent},
    journal::{Record, Reinstalled},
};

/// Reports of progress are at least so far apart, in ms.
const PROGRESS_MS: u64 = 2_000;
/// A commit that failed is tried again after so long, in ms.
pub(super) const AGAIN_MS: u64 = 10_000;

/// A reinstall that is under way.
#[derive(Debug)]
pub(super) struct Reinstalling {
    pub(super) operation: OperationId,
    pub(super) stage: Stage,
    /// What the journal keeps of it.
    pub(super) kept: Reinstalled,
    /// What the journal writes now, and what it is to write as soon as it can.
    pub(super) writing: Option<Record>,
    pub(super) owed: Option<State>,
    /// It was given up, and why: what was begun ends first.
    pub(super) given_up: Option<String>,
    pub(super) progress_ms: Option<u64>,
    /// When something is tried again.
    pub(super) until_ms: Option<u64>,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Stage {
    /// Of a process before this one; it goes on at the next moment.
    Found(Found),
    /// The journal writes that it begins.
    Accepted(Box<Reinstall>),
    /// The child works.
    Working,
    /// It was given up, or a process before this one had begun it: the child removes what there is.
    Emptying(Turn),
    /// The journal writes that it is staged.
    Holding,
    /// It waits for its activation.
    Held,
    /// The journal writes that it will be armed.
    Arming,
    /// The boot record is being written.
    Armed,
    /// The host was told to reboot, or will be.
    GoingDown,
    /// The image runs, and the broker is being told.
    Trial,
    /// The boot record is being written.
    Committing,
    /// The journal writes that it is committed.
    Committed,
    /// The child removes what ran before.
    Cleaning,
    /// The journal writes how it ended.
    Ending(Turn),
}

/// What a start makes of a reinstall that the journal knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A child was at work: what it made is removed.
    Interrupted,
    /// It waits for its activation.
    Hold,
    /// It was to be armed: it is, again.
    Arm,
    /// The image runs on trial.
    Trial,
    /// The image runs and is committed.
    Clean,
    /// The image ran, or could not, and the slot before runs again.
    RolledBack(String),
    /// It lasted too many boots.
    Capped,
}

impl Reinstalling {
    pub(super) fn new(kept: Reinstalled, stage: Stage) -> Self {
        Self {
            operation: kept.operation,
            stage,
            kept,
            writing: None,
            owed: None,
            given_up: None,
            progress_ms: None,
            until_ms: None,
        }
    }

    /// Whether a reboot or a configure must wait. What waits for an operator, or only removes what nobody needs, hinders nobody; what
    /// goes down and stays up needs another reboot.
    pub(super) fn is_acting(&self) -> bool {
        !matches!(self.stage, Stage::Held | Stage::Cleaning | Stage::GoingDown)
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        match self.stage {
            Stage::Found(_) => Some(0),
            _ => self.until_ms,
        }
    }

    /// Whether it can be given up: until the journal says that it will be armed.
    fn is_cancellable(&self) -> bool {
        matches!(
            self.stage,
            Stage::Accepted(_) | Stage::Working | Stage::Holding | Stage::Held
        )
    }
}

impl Machine {
    /// Whether a reinstall can be begun.
    pub(super) fn reinstall_objection(&self, wanted: &Reinstall) -> Option<(Reason, String)> {
        let standing = match &self.slots {
            Slots::Missing(why) => return Some((Reason::NoSlots, why.clone())),
            Slots::Are(standing) => standing,
        };
        if let Err(why) = &standing.images {
            return Some((Reason::NoImages, why.clone()));
        }
        let wrong = wrong(wanted).map(|why| (Reason::OutOfRange, why.to_owned()));
        let other = self.reinstall.as_ref().map(|one| one.operation);
        wrong
            .or_else(|| self.busy(self.acting().or(self.recording()).or(other)))
            .or_else(|| self.keeper.objection_to_filling())
    }

    pub(super) fn begin_reinstall(&mut self, operation: OperationId, wanted: Reinstall) {
        let Slots::Are(standing) = &self.slots else {
            return;
        };
        let slot = standing.idle;
        let kept = Reinstalled {
            operation,
            slot,
            keep_old: wanted.keep_old_days > 0,
            digest: wanted.digest,
            image: wanted.image.clone(),
            host_keys: Vec::new(),
        };
        let stage = Stage::Accepted(Box::new(wanted));
        self.reinstall = Some(Reinstalling::new(kept, stage));
        self.persist(State::Preflight);
    }

    /// The journal has it: the child begins.
    pub(super) fn begin_work(&mut self, wanted: Reinstall, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        one.stage = Stage::Working;
        let install = Install {
            operation: one.operation,
            slot: one.kept.slot,
            wanted,
        };
        let operation = one.operation;
        self.turn(operation, Turn::to(State::Preflight), now_ms);
        self.steps
            .push(Step::Do(Action::Install(Box::new(install))));
    }

    /// What the child says. Of a child that is not expected nothing counts.
    pub(super) fn worker(&mut self, event: WorkerEvent, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return self.kept_is_removed(event, now_ms);
        };
        let operation = one.operation;
        match (&one.stage, event) {
            (Stage::Working, WorkerEvent::Stage(state)) => self.stage_begins(state, now_ms),
            (Stage::Working | Stage::Cleaning, WorkerEvent::Progress(progress)) => {
                self.progress(operation, progress, now_ms);
            }
            (Stage::Working | Stage::Cleaning, WorkerEvent::Warning(words)) => {
                self.warn(operation, &words);
            }
            (Stage::Working, WorkerEvent::Staged { host_keys }) => self.staged(host_keys, now_ms),
            (Stage::Working, WorkerEvent::Failed { reason, detail }) => {
                self.failed(reason, detail);
            }
            (Stage::Emptying(_) | Stage::Cleaning, WorkerEvent::Cleaned) => self.emptied(),
            (Stage::Emptying(_) | Stage::Cleaning, WorkerEvent::Failed { detail, .. }) => {
                self.warn(operation, &format!("not everything is removed: {detail}"));
                self.emptied();
            }
            _ => {}
        }
    }

    /// Gives it up, if that is possible: what became of the wish.
    pub(super) fn give_up_reinstall(&mut self, other: OperationId, by: &str) -> bool {
        let Some(one) = self.reinstall.as_mut().filter(|one| one.operation == other) else {
            return false;
        };
        if !one.is_cancellable() {
            return false;
        }
        one.given_up = Some(by.to_owned());
        match one.stage {
            Stage::Working => self.steps.push(Step::Do(Action::GiveUp)),
            Stage::Held => self.empty(cancelled(by)),
            _ => {}
        }
        true
    }

    /// Lets a reinstall that holds go on.
    pub(super) fn activate(&mut self, order: Order, other: OperationId, now_ms: u64) {
        let operation = order.operation;
        let held = self
            .reinstall
            .as_ref()
            .is_some_and(|one| one.operation == other && matches!(one.stage, Stage::Held));
        let state = self.known.get(other).map(|known| known.state);
        self.take_on(order);
        let turn = match state {
            None => {
                let detail = format!("this picketd knows of no operation {other}");
                Turn::refused(Reason::UnknownOperation, detail)
            }
            Some(_) if held => Turn::to(State::Succeeded).saying(format!("{other} goes on")),
            Some(State::Armed | State::Rebooting | State::Trial | State::Committed) => {
                Turn::to(State::Succeeded).saying(format!("{other} goes on already"))
            }
            Some(state) => {
                let detail = format!(
                    "{other} is {state}, and only what is staged and holds can be activated"
                );
                Turn::refused(Reason::TooLate, detail)
            }
        };
        self.turn(operation, turn, now_ms);
        if held {
            self.go_to(Stage::Arming, State::Armed);
        }
    }

    /// The final state is recorded, and then told.
    pub(super) fn end_reinstall(&mut self, turn: Turn) {
        let state = turn.state;
        self.go_to(Stage::Ending(turn), state);
    }

    /// Comes into a stage of which the journal must know first.
    pub(super) fn go_to(&mut self, stage: Stage, recorded: State) {
        if let Some(one) = &mut self.reinstall {
            one.stage = stage;
            self.persist(recorded);
        }
    }

    /// The idle slot is emptied, and then it ends so.
    pub(super) fn empty(&mut self, turn: Turn) {
        if let Some(one) = &mut self.reinstall {
            one.stage = Stage::Emptying(turn);
            let slot = Some(one.kept.slot);
            self.steps.push(Step::Do(Action::Remove(slot)));
        }
    }

    /// What a child left is removed, and then it ends so.
    pub(super) fn sweep(&mut self, turn: Turn) {
        if let Some(one) = &mut self.reinstall {
            one.stage = Stage::Emptying(turn);
            self.steps.push(Step::Do(Action::Remove(None)));
        }
    }

    fn stage_begins(&mut self, state: State, now_ms: u64) {
        let Some(operation) = self.reinstall.as_ref().map(|one| one.operation) else {
            return;
        };
        let before = self.known.get(operation).map(|known| known.state);
        let comes = matches!(
            state,
            State::Fetching | State::Unpacking | State::Sealed | State::Personalised
        );
        if comes && before != Some(state) {
            self.turn(operation, Turn::to(state), now_ms);
        }
    }

    fn staged(&mut self, host_keys: Vec<String>, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        one.kept.host_keys = host_keys;
        one.kept.bound();
        let (operation, keys) = (one.operation, one.kept.host_keys.clone());
        // It was given up when there was nothing more to give up.
        if let Some(by) = one.given_up.take() {
            return self.empty(cancelled(&by));
        }
        let known = self.known.get_mut(operation);
        let hold = known.is_some_and(|known| {
            known.host_keys = keys;
            known.hold
        });
        if hold {
            return self.go_to(Stage::Holding, State::Staged);
        }
        self.turn(operation, Turn::to(State::Staged), now_ms);
        self.go_to(Stage::Arming, State::Armed);
    }

    fn failed(&mut self, reason: Reason, detail: String) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        let operation = one.operation;
        let Some(by) = one.given_up.take() else {
            return self.end_reinstall(Turn::failed(reason, detail));
        };
        let left = match reason {
            Reason::GivenUp => "; nothing of it is left",
            // It failed by itself, or had to be killed: its words say what is left.
            _ => {
                self.warn(operation, &detail);
                ""
            }
        };
        self.end_reinstall(Turn::to(State::Cancelled).saying(by + left));
    }

    fn emptied(&mut self) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        let turn = match std::mem::replace(&mut one.stage, Stage::Cleaning) {
            Stage::Emptying(turn) => turn,
            _ => Turn::to(State::Succeeded),
        };
        self.end_reinstall(turn);
    }

    /// Progress is no transition.
    fn progress(&mut self, operation: OperationId, progress: Progress, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        if one
            .progress_ms
            .is_some_and(|last| now_ms < last.saturating_add(PROGRESS_MS))
        {
            return;
        }
        one.progress_ms = Some(now_ms);
        if let Some(known) = self.known.get(operation) {
            let report = known.progressing(self.boot, progress, now_ms);
            self.steps.push(Step::Progress(report));
        }
    }

    pub(super) fn warn(&mut self, operation: OperationId, words: &str) {
        if let Some(known) = self.known.get_mut(operation) {
            if known.warnings.len() < MOST_WARNINGS {
                known.warnings.push(bounded(words));
            }
        }
    }
}

pub(super) fn cancelled(by: &str) -> Turn {
    Turn::to(State::Cancelled).saying(format!("{by}; nothing of it is left"))
}
