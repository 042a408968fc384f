//! What the journal keeps of a reinstall, and how it goes on once that is written. One write at a time: a configure's comes first, if
//! it was there first.
use picket_proto::{Reason, State};

use super::{
    Machine, Step, Turn,
    reinstall::{Stage, cancelled},
};
use crate::{
    command::Action,
    journal::{MOST_OPERATIONS, Outcome, Record, Recorded},
};

/// The number of this action.
pub(super) const REINSTALL: u16 = 2;

impl Machine {
    /// Has the journal write how it stands.
    pub(super) fn persist(&mut self, state: State) {
        if let Some(one) = &mut self.reinstall {
            one.owed = Some(state);
            self.pay();
        }
    }

    /// Writes what is owed, if the journal is free.
    pub(super) fn pay(&mut self) {
        let free = self.configure.is_none() && !self.keeper.writes();
        let Some(one) = self
            .reinstall
            .as_mut()
            .filter(|one| free && one.writing.is_none())
        else {
            return;
        };
        let Some(state) = one.owed.take() else {
            return;
        };
        let (operation, kept) = (one.operation, one.kept.clone());
        let fingerprint = self
            .known
            .get(operation)
            .map_or(0, |known| known.fingerprint);
        let before = self
            .record
            .operations
            .iter()
            .find(|one| one.operation == operation);
        let recorded = Recorded {
            operation,
            action: REINSTALL,
            state,
            reason: self.reason_to_record(),
            fingerprint,
            boot: self.boot,
            boots: before.map_or(0, |before| before.boots),
        };
        let mut record = self.record.clone();
        record.operations.retain(|one| one.operation != operation);
        record.reinstall = Some(Box::new(kept));
        self.keep_in(&mut record, state);
        put(&mut record, recorded);
        if let Some(one) = &mut self.reinstall {
            one.writing = Some(record.clone());
        }
        self.steps.push(Step::Do(Action::Record(record)));
    }

    /// What became of the write.
    pub(super) fn reinstall_recorded(&mut self, outcome: Outcome, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        let operation = one.operation;
        match outcome {
            Outcome::Written => {
                if let Some(record) = one.writing.take() {
                    self.record = record;
                }
                self.recorded(now_ms);
            }
            Outcome::Failed(words) => {
                one.writing = None;
                self.not_recorded(words, now_ms);
            }
            Outcome::Unknown => {
                let detail = "the journal's disk doesn't answer; it goes on when that does";
                let turn = Turn::to(State::Unknown).saying(detail.to_owned());
                self.turn(operation, turn, now_ms);
            }
            Outcome::Opened { .. } => {}
        }
    }

    /// Whether the journal writes for it.
    pub(super) fn reinstall_writes(&self) -> bool {
        self.reinstall
            .as_ref()
            .is_some_and(|one| one.writing.is_some())
    }

    fn reason_to_record(&self) -> Option<Reason> {
        match &self.reinstall.as_ref()?.stage {
            Stage::Ending(turn) => turn.reason,
            _ => None,
        }
    }

    fn recorded(&mut self, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        let operation = one.operation;
        match std::mem::replace(&mut one.stage, Stage::Held) {
            Stage::Accepted(wanted) => match one.given_up.take() {
                Some(by) => self.end_reinstall(cancelled(&by)),
                None => self.begin_work(*wanted, now_ms),
            },
            Stage::Holding => {
                let by = one.given_up.take();
                self.turn(operation, Turn::to(State::Staged), now_ms);
                if let Some(by) = by {
                    self.empty(cancelled(&by));
                }
            }
            Stage::Arming => self.arm(),
            Stage::Committed => self.tell_committed(None, now_ms),
            Stage::Ending(turn) => self.turn(operation, turn, now_ms),
            other => one.stage = other,
        }
    }

    fn not_recorded(&mut self, words: String, now_ms: u64) {
        let Some(one) = &mut self.reinstall else {
            return;
        };
        let operation = one.operation;
        match std::mem::replace(&mut one.stage, Stage::Held) {
            Stage::Accepted(_) => {
                self.turn(operation, Turn::refused(Reason::Journal, words), now_ms);
            }
            Stage::Holding | Stage::Arming => {
                let detail =
                    format!("the image lies in the idle slot, and nothing is armed: {words}");
                self.turn(operation, Turn::failed(Reason::Journal, detail), now_ms);
            }
            // The boot record has it, and a start sees that.
            Stage::Committed => self.tell_committed(Some(words), now_ms),
            Stage::Ending(turn) => self.turn(operation, turn, now_ms),
            other => one.stage = other,
        }
    }

    fn tell_committed(&mut self, unwritten: Option<String>, now_ms: u64) {
        let Some(operation) = self.reinstall.as_ref().map(|one| one.operation) else {
            return;
        };
        if let Some(words) = unwritten {
            self.warn(
                operation,
                &format!("the journal doesn't know of the commit: {words}"),
            );
        }
        self.turn(operation, Turn::to(State::Committed), now_ms);
        self.clean(now_ms);
    }
}

/// Puts an operation into the record. The oldest that is over gives way.
pub(super) fn put(record: &mut Record, recorded: Recorded) {
    record.operations.push(recorded);
    if record.operations.len() > MOST_OPERATIONS {
        let over = record
            .operations
            .iter()
            .position(|one| one.state.is_final());
        record.operations.remove(over.unwrap_or(0));
    }
}
