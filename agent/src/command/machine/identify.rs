//! Identify: blinking, so that a person finds the Pi. It harms nothing, so it may go on beside any other operation.
use picket_proto::{OperationId, Reason, State};

use super::{Action, Machine, PATIENCE_MS, Step, Turn};

/// A blinking that the host has not answered yet. Answers bear no name, so there is one at a time, even when it has timed out.
#[derive(Debug)]
pub(super) struct Identify {
    pub(super) operation: OperationId,
    /// When it isn't waited for any longer; `None` once it isn't.
    pub(super) until_ms: Option<u64>,
}

impl Machine {
    pub(super) fn begin_identify(&mut self, operation: OperationId, seconds: u16, now_ms: u64) {
        self.identify = Some(Identify {
            operation,
            until_ms: Some(now_ms.saturating_add(PATIENCE_MS)),
        });
        self.steps.push(Step::Do(Action::Identify { seconds }));
    }

    pub(super) fn identified(&mut self, result: Result<(), String>, now_ms: u64) {
        let Some(one) = self.identify.take().filter(|one| one.until_ms.is_some()) else {
            return;
        };
        let turn = match result {
            Ok(()) => Turn::to(State::Succeeded),
            Err(words) => Turn::failed(Reason::NoLed, words),
        };
        self.turn(one.operation, turn, now_ms);
    }

    pub(super) fn identify_is_late(&mut self, now_ms: u64) {
        let Some(one) = &self.identify else {
            return;
        };
        if one.until_ms.is_some_and(|until| until <= now_ms) {
            let detail = "nothing blinked in 15 s; look at the Pi's log".to_owned();
            self.turn(
                one.operation,
                Turn::failed(Reason::TimedOut, detail),
                now_ms,
            );
        }
    }
}
