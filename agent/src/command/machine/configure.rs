//! Configure: the periods of sampling and speaking, kept in the journal.
//!
//! Safety-order: persist, then act, then report. What is recorded is the operation as done, together with its periods in one write: so a
//! start finds both or neither.
use picket_proto::{OperationId, Reason, State};

use super::{Action, Machine, PATIENCE_MS, Step, Turn, reinstall_record::put};
use crate::{
    config::Periods,
    journal::{Outcome, Record, Recorded},
};

/// The number of this action.
pub(super) const CONFIGURE: u16 = 7;

/// A configuration that is under way.
#[derive(Debug)]
pub(super) struct Configure {
    pub(super) operation: OperationId,
    /// When it isn't waited for any longer.
    pub(super) until_ms: Option<u64>,
    periods: Periods,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The journal writes.
    Recording(Record),
    /// Whether the journal has it isn't known.
    Unsure(Record),
    /// The shell does it.
    Applying,
}

impl Configure {
    /// Whether it goes on by itself: not when the disk keeps it waiting.
    pub(super) fn is_acting(&self) -> bool {
        !matches!(self.stage, Stage::Unsure(_))
    }
}

impl Machine {
    pub(super) fn begin_configure(
        &mut self,
        operation: OperationId,
        (period_ms, window_ms): (Option<u32>, Option<u32>),
        now_ms: u64,
    ) {
        let periods = match self.periods.with(period_ms, window_ms) {
            Ok(periods) => periods,
            Err(error) => {
                let turn = Turn::refused(Reason::OutOfRange, error);
                return self.turn(operation, turn, now_ms);
            }
        };
        let set = period_ms.or(window_ms).map(|_| periods);
        let record = self.record_with(operation, set);
        self.configure = Some(Configure {
            operation,
            until_ms: Some(now_ms.saturating_add(PATIENCE_MS)),
            periods,
            stage: Stage::Recording(record.clone()),
        });
        self.steps.push(Step::Do(Action::Record(record)));
    }

    pub(super) fn journal(&mut self, outcome: Outcome, now_ms: u64) {
        match outcome {
            Outcome::Written | Outcome::Failed(_) | Outcome::Unknown if self.reinstall_writes() => {
                self.reinstall_recorded(outcome, now_ms);
            }
            Outcome::Written | Outcome::Failed(_) | Outcome::Unknown if self.keeper.writes() => {
                self.keep_recorded(outcome);
            }
            Outcome::Written => self.written(now_ms),
            Outcome::Failed(words) => self.not_written(words, now_ms),
            Outcome::Unknown => self.unsure(now_ms),
            Outcome::Opened { record, .. } => self.opened(record),
        }
    }

    pub(super) fn configured(&mut self, result: Result<(), String>, now_ms: u64) {
        let Some((operation, Stage::Applying)) = self.configuring() else {
            return;
        };
        match result {
            Ok(()) => self.turn(operation, Turn::to(State::Succeeded), now_ms),
            Err(words) => self.not_applied(operation, &words, now_ms),
        }
    }

    pub(super) fn configure_is_late(&mut self, now_ms: u64) {
        let late = |until_ms: Option<u64>| until_ms.is_some_and(|until| until <= now_ms);
        match &self.configure {
            Some(one) if late(one.until_ms) && matches!(one.stage, Stage::Applying) => {
                self.not_applied(one.operation, "nothing came of it in 15 s", now_ms);
            }
            Some(one) if late(one.until_ms) => self.unsure(now_ms),
            _ => {}
        }
    }

    fn written(&mut self, now_ms: u64) {
        let Some(one) = &mut self.configure else {
            return;
        };
        match std::mem::replace(&mut one.stage, Stage::Applying) {
            Stage::Applying => {}
            Stage::Recording(record) | Stage::Unsure(record) => {
                self.record = record;
                one.until_ms = Some(now_ms.saturating_add(PATIENCE_MS));
                self.steps.push(Step::Do(Action::Configure(one.periods)));
            }
        }
    }

    fn not_written(&mut self, words: String, now_ms: u64) {
        if let Some((operation, Stage::Recording(_) | Stage::Unsure(_))) = self.configuring() {
            self.turn(operation, Turn::refused(Reason::Journal, words), now_ms);
        }
    }

    fn unsure(&mut self, now_ms: u64) {
        let Some(one) = &mut self.configure else {
            return;
        };
        let operation = one.operation;
        if let Stage::Recording(record) = &mut one.stage {
            one.stage = Stage::Unsure(std::mem::take(record));
            one.until_ms = None;
            let detail = "the disk doesn't answer; nothing else can be recorded until it does, or until picketd is started again";
            let turn = Turn::to(State::Unknown).saying(detail.to_owned());
            self.turn(operation, turn, now_ms);
        }
    }

    /// The journal could be read only now. It counts as it would have at the start, and what it sets is set.
    fn opened(&mut self, record: Option<Record>) {
        let Some(record) = record else {
            return;
        };
        if let Some(periods) = record.periods {
            self.steps.push(Step::Do(Action::Configure(periods)));
        }
        self.recover(record);
    }

    fn not_applied(&mut self, operation: OperationId, words: &str, now_ms: u64) {
        let detail = format!("it is recorded, and will hold after the next start: {words}");
        self.turn(operation, Turn::failed(Reason::Host, detail), now_ms);
    }

    /// The journal's record as it will be: what it holds now, the periods, and the operation as done.
    fn record_with(&self, operation: OperationId, periods: Option<Periods>) -> Record {
        let mut record = self.record.clone();
        record.periods = periods;
        let fingerprint = self
            .known
            .get(operation)
            .map_or(0, |known| known.fingerprint);
        let recorded = Recorded {
            operation,
            action: CONFIGURE,
            state: State::Succeeded,
            reason: None,
            fingerprint,
            boot: self.boot,
            boots: 0,
        };
        put(&mut record, recorded);
        record
    }

    fn configuring(&self) -> Option<(OperationId, &Stage)> {
        let one = self.configure.as_ref();
        one.map(|one| (one.operation, &one.stage))
    }
}
