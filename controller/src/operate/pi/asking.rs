//! How a Pi is asked and given its command: pings until its nonce is known, then the command until its end is reported.
use picket_proto::{Action as Wish, Pong, Target};

use super::{LEAST_MS, PATIENT, Phase, Pi};
use crate::operate::{
    VALIDITY_MS, WORD_PATIENCE_MS, advice,
    news::{News, Word},
    order::{Ending, Wait},
    turn::{Action, Turn},
};

/// Pings that are not answered are repeated so often, in ms; after [`SOON`] of them less often.
const PING_MS: u64 = 3_000;
const PING_LATER_MS: u64 = 10_000;
const SOON: u32 = 10;
/// A command is offered so often, in ms, until its end is reported.
const OFFER_MS: u64 = 10_000;
/// Tokens of pings that may still be answered.
const TOKENS: usize = 8;

impl Pi {
    /// Asks for a nonce, `delay_ms` from now.
    pub(super) fn ask(&mut self, turn: &mut Turn, delay_ms: u64) {
        self.tokens.clear();
        // What the broker confirmed is not the command that comes now.
        self.confirmed_ms = None;
        self.since_ms = turn.now_ms;
        self.phase = Phase::Pinging {
            next_ms: turn.now_ms.saturating_add(delay_ms),
            tries: 0,
        };
    }

    /// Does what is due.
    pub(in crate::operate) fn tick(&mut self, turn: &mut Turn) {
        if !self.is_in_flight() || self.phase == Phase::Cycling {
            return;
        }
        if turn.now_ms >= self.deadline_ms {
            return self.time_is_over(turn);
        }
        if self.is_left_alone(turn) {
            return self.end(turn, Ending::Offered, News::ours(None, Word::Confirmed));
        }
        if turn.connected_ms.is_none() {
            return;
        }
        match self.phase {
            Phase::Pinging { next_ms, tries } if turn.now_ms >= next_ms => self.ping(turn, tries),
            Phase::Offered { next_ms } if turn.now_ms >= next_ms => self.offer(turn),
            _ => {}
        }
    }

    /// When something is due, if it is in flight.
    pub(in crate::operate) fn next_ms(&self, turn_is_connected: bool, wait: Wait) -> Option<u64> {
        if !self.is_in_flight() || self.phase == Phase::Cycling {
            return None;
        }
        let due = match self.phase {
            Phase::Pinging { next_ms, .. } | Phase::Offered { next_ms } if turn_is_connected => {
                next_ms
            }
            _ => u64::MAX,
        };
        let patience = self.confirmed_ms.filter(|_| wait == Wait::FirstWord);
        let patience = patience.map_or(u64::MAX, |ms| ms.saturating_add(WORD_PATIENCE_MS));
        Some(self.deadline_ms.min(due).min(patience))
    }

    fn is_left_alone(&self, turn: &Turn) -> bool {
        turn.pace.wait == Wait::FirstWord
            && self
                .confirmed_ms
                .is_some_and(|ms| turn.now_ms >= ms.saturating_add(WORD_PATIENCE_MS))
    }

    fn ping(&mut self, turn: &mut Turn, tries: u32) {
        let token = turn.ping(self.device);
        self.tokens.push_back(token);
        if self.tokens.len() > TOKENS {
            self.tokens.pop_front();
        }
        self.sent_ms = Some(turn.now_ms);
        let tries = tries.saturating_add(1);
        let period_ms = if tries < SOON { PING_MS } else { PING_LATER_MS };
        self.phase = Phase::Pinging {
            next_ms: turn.now_ms.saturating_add(period_ms),
            tries,
        };
        if tries == PATIENT + 1 {
            let news = News::ours(Some(self.device), Word::Waiting);
            turn.tell(news.because(advice::unanswered(self)));
        }
    }

    fn offer(&mut self, turn: &mut Turn) {
        let Some(frame) = self.frame.clone() else {
            return self.ask(turn, 0);
        };
        self.phase = Phase::Offered {
            next_ms: turn.now_ms.saturating_add(OFFER_MS),
        };
        self.is_offered = true;
        self.sent_ms = Some(turn.now_ms);
        let device = self.device;
        turn.out.push(Action::Offer { device, frame });
    }

    /// A pong of this Pi.
    pub(in crate::operate) fn pong(&mut self, turn: &mut Turn, pong: Pong) {
        if !self.is_in_flight() || !self.tokens.contains(&pong.token) {
            return;
        }
        self.heard_ms = Some(turn.now_ms);
        self.boot = Some(pong.boot);
        if !matches!(self.phase, Phase::Pinging { .. } | Phase::Ready(_)) {
            return;
        }
        if matches!(turn.order.action, Wish::Reboot { .. }) {
            if self.was_cycled() && self.seen.recorded.is_none() {
                return self.back(turn, pong);
            }
            if *self.seen.recorded.get_or_insert(pong.boot) != pong.boot && self.frame.is_some() {
                // It is in another boot already: what was signed is good enough for it to say so.
                return self.offer(turn);
            }
        }
        if matches!(turn.order.action, Wish::Reinstall(_)) && !self.is_offered {
            self.seen.recorded = Some(pong.boot);
        }
        self.phase = Phase::Ready(pong);
    }

    /// What to sign for it, when its nonce is known.
    pub(in crate::operate) fn target(&self, turn: &Turn) -> Option<Target> {
        let Phase::Ready(pong) = self.phase else {
            return None;
        };
        let boot = match turn.order.action {
            Wish::Reboot { .. } => self.seen.recorded?,
            _ => pong.boot,
        };
        Some(Target {
            device: self.device,
            boot,
            nonce: pong.nonce,
            not_after_ms: pong.boottime_ms.saturating_add(VALIDITY_MS),
        })
    }

    /// It is part of that request to sign.
    pub(in crate::operate) fn signing(&mut self, number: u64) {
        self.signatures += 1;
        self.phase = Phase::Signing { number };
    }

    pub(in crate::operate) fn signed(&mut self, turn: &mut Turn, signed: &Result<Vec<u8>, String>) {
        match signed {
            Err(why) => {
                let news = News::ours(None, Word::NotSigned).because(why.clone());
                self.end(turn, Ending::Failed, news);
            }
            Ok(frame) => {
                self.frame = Some(frame.clone());
                self.since_ms = turn.now_ms;
                let is_first = self.signatures == 1;
                self.phase = Phase::Offered {
                    next_ms: turn.now_ms,
                };
                if is_first {
                    turn.tell(News::ours(Some(self.device), Word::Offered));
                }
            }
        }
    }

    /// The broker has something of ours for it.
    pub(in crate::operate) fn confirmed(&mut self, turn: &mut Turn) {
        if matches!(self.phase, Phase::Offered { .. }) && self.confirmed_ms.is_none() {
            self.confirmed_ms = Some(turn.now_ms);
        }
    }

    /// It, or we, came back: what is due anyway is due now.
    pub(in crate::operate) fn hurry(&mut self, turn: &Turn) {
        let soonest_ms = self.sent_ms.map_or(0, |ms| ms.saturating_add(LEAST_MS));
        let at_ms = turn.now_ms.max(soonest_ms);
        if let Phase::Pinging { next_ms, .. } | Phase::Offered { next_ms } = &mut self.phase {
            *next_ms = at_ms.min(*next_ms);
        }
    }
}
