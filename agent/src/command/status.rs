//! When `status` tells of the last operation: at each change, but not more than once a second; the last word counts.
use super::{Action, LastOperation};

const EVERY_MS: u64 = 1_000;

/// What `status` says, and when it may say something else.
#[derive(Debug)]
pub(super) struct StatusPace {
    said: Option<LastOperation>,
    next_ms: u64,
    waits: bool,
}

impl StatusPace {
    /// `said` stands in the first status.
    pub(super) fn new(said: Option<LastOperation>) -> Self {
        Self {
            said,
            next_ms: 0,
            waits: false,
        }
    }

    /// Says it now, if it is new.
    pub(super) fn say(&mut self, last: Option<LastOperation>, now_ms: u64) -> Option<Action> {
        self.waits = false;
        if last == self.said {
            return None;
        }
        self.said = last;
        self.next_ms = now_ms.saturating_add(EVERY_MS);
        self.said.clone().map(Action::Status)
    }

    /// Says it, if it is new, now or when its time has come.
    pub(super) fn pass_time(&mut self, last: Option<LastOperation>, now_ms: u64) -> Option<Action> {
        if self.next_ms <= now_ms {
            return self.say(last, now_ms);
        }
        self.waits = last != self.said;
        None
    }

    /// When [`StatusPace::pass_time`] is wanted.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.waits.then_some(self.next_ms)
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::{OperationId, State};

    use super::*;

    #[test]
    fn a_change_is_told_at_once_but_only_the_last_of_a_second() {
        let mut pace = StatusPace::new(None);
        for (now, state, told, deadline) in [
            (5_000, State::Accepted, true, None),
            (5_000, State::Preflight, false, Some(6_000)),
            (5_900, State::Rebooting, false, Some(6_000)),
            (6_000, State::Rebooting, true, None),
            (6_100, State::Failed, false, Some(7_000)),
            // What is said again by then needs no telling.
            (6_200, State::Rebooting, false, None),
            (9_000, State::Rebooting, false, None),
        ] {
            let last = Some(LastOperation {
                operation: OperationId([1; 16]),
                state,
                detail: None,
            });
            let expected = last.clone().filter(|_| told).map(Action::Status);
            assert_eq!(pace.pass_time(last, now), expected, "at {now}");
            assert_eq!(pace.deadline(), deadline, "at {now}");
        }
    }
}
