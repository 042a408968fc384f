//! When the time is over: the power of a Pi that is silent is cut, if it can be, and it is waited for once more.
use picket_proto::{Action as Wish, Pong};

use super::{Phase, Pi};
use crate::operate::{
    advice,
    news::{News, Word},
    order::{Ending, Power},
    turn::{Action, Turn},
};

/// A boot that began after a power cycle says so within this much, in ms.
const SLACK_MS: u64 = 5_000;

impl Pi {
    pub(super) fn time_is_over(&mut self, turn: &mut Turn) {
        if self.may_cycle(turn) {
            self.phase = Phase::Cycling;
            self.cycled_ms = Some(turn.now_ms);
            self.since_ms = turn.now_ms;
            turn.tell(News::ours(Some(self.device), Word::PowerCycling));
            let device = self.device;
            return turn.out.push(Action::PowerCycle { device });
        }
        let mut words = advice::timed_out(self, turn);
        if self.is_switched(turn) && !has_time_for_silence(turn) {
            let s = turn.pace.silence_ms.saturating_mul(2).div_ceil(1_000);
            words += &format!("; its power is only cut with a --timeout of {s} s or more");
        }
        let news = News::ours(None, Word::TimedOut).because(words);
        self.end(turn, Ending::TimedOut, news);
    }

    /// Silence is only the Pi's when we could have heard it.
    fn may_cycle(&self, turn: &Turn) -> bool {
        let silence_ms = turn.pace.silence_ms;
        let for_long = |since_ms: u64| turn.now_ms.saturating_sub(since_ms) >= silence_ms;
        self.is_switched(turn)
            && has_time_for_silence(turn)
            && self.cycled_ms.is_none()
            && turn.connected_ms.is_some_and(for_long)
            && self.heard_ms.is_none_or(for_long)
    }

    fn is_switched(&self, turn: &Turn) -> bool {
        matches!(turn.order.action, Wish::Reboot { .. }) && self.power == Power::Switched
    }

    /// Whether its power was cut, in this run or an earlier one.
    pub(in crate::operate) fn was_cycled(&self) -> bool {
        self.cycled_ms.is_some() || self.cycled_before_ms.is_some()
    }

    /// The command that cuts its power has ended.
    pub(in crate::operate) fn cycled(&mut self, turn: &mut Turn, result: Result<String, String>) {
        if self.phase != Phase::Cycling {
            return;
        }
        self.deadline_ms = turn.now_ms.saturating_add(turn.pace.timeout_ms);
        match result {
            Ok(words) => {
                let news = News::ours(Some(self.device), Word::PowerCycled);
                turn.tell(news.because(words));
                self.ask(turn, 0);
                if self.frame.is_some() {
                    self.phase = Phase::Offered {
                        next_ms: turn.now_ms,
                    };
                }
            }
            Err(why) => {
                let news = News::ours(None, Word::TimedOut);
                self.end(turn, Ending::TimedOut, news.because(why));
            }
        }
    }

    /// It answers, after its power was cut, and its boot before is not known: nothing is signed any more.
    pub(super) fn back(&mut self, turn: &mut Turn, pong: Pong) {
        let since_ms = match self.cycled_before_ms {
            Some(before_ms) => turn.now_ms.saturating_add(before_ms),
            None => turn.now_ms.saturating_sub(self.cycled_ms.unwrap_or(0)),
        };
        if pong.boottime_ms > since_ms.saturating_add(SLACK_MS) {
            return;
        }
        let news = News {
            boot: Some(pong.boot),
            ..News::ours(None, Word::BackAfterPowerCycle)
                .because("its power was cut, and it answers from a boot that began since")
        };
        self.end(turn, Ending::Succeeded, news);
    }
}

/// A Pi that needs a while to come up is silent too: the silence may be half of the timeout at most.
fn has_time_for_silence(turn: &Turn) -> bool {
    turn.pace.timeout_ms / 2 >= turn.pace.silence_ms
}
