//! One Pi of an order: what was asked, what it said, and what is next. Knows no other Pi.
use std::collections::VecDeque;

use picket_proto::{Action as Wish, BootId, DeviceId, Pong, Presence, Report, Status, Target};

use super::{
    MAX_SIGNATURES, SILENCE_MS, VALIDITY_MS, WORD_PATIENCE_MS, advice,
    judge::{Seen, Verdict, judge},
    news::{News, Word},
    order::{Aim, Before, Ending, Power, Wait},
    turn::{Action, Turn},
};

/// Pings that are not answered are repeated so often, in ms; after [`SOON`] of them less often.
const PING_MS: u64 = 3_000;
const PING_LATER_MS: u64 = 10_000;
const SOON: u32 = 10;
/// After so many pings without an answer it is told that the Pi does not answer.
const PATIENT: u32 = 2;
/// A command is offered so often, in ms, until its end is reported.
const OFFER_MS: u64 = 10_000;
/// News of a connection make us ask or offer at once, but not more often than this, in ms.
const LEAST_MS: u64 = 1_000;
/// Tokens of pings that may still be answered.
const TOKENS: usize = 8;
/// What a Pi may say before its further progress is no longer told.
const MAX_TOLD: u32 = 256;
/// A boot that began after a power cycle says so within this much, in ms.
const SLACK_MS: u64 = 5_000;

/// How far a Pi is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Its turn has not come.
    Waiting,
    /// It is asked for its nonce.
    Pinging {
        /// When it is asked again.
        next_ms: u64,
        /// How often it was asked.
        tries: u32,
    },
    /// Its nonce is known.
    Ready(Pong),
    /// A command is being signed.
    Signing {
        /// The request.
        number: u64,
    },
    /// It has the command, or is going to.
    Offered {
        /// When it is offered again.
        next_ms: u64,
    },
    /// Its power is being cut.
    Cycling,
    /// Nothing follows.
    Over(Ending),
}

/// One Pi of an order.
#[derive(Debug, Clone)]
pub struct Pi {
    /// Which.
    pub device: DeviceId,
    power: Power,
    pub(super) phase: Phase,
    pub(super) seen: Seen,
    /// When it must have ended.
    deadline_ms: u64,
    tokens: VecDeque<u64>,
    /// The newest signed command.
    frame: Option<Vec<u8>>,
    signatures: u32,
    /// Whether a command may have gone out, now or in an earlier run.
    pub(super) is_offered: bool,
    /// When the broker confirmed the command.
    confirmed_ms: Option<u64>,
    told: u32,
    is_disbelieved: bool,
    sent_ms: Option<u64>,
    /// When it last spoke itself.
    pub(super) heard_ms: Option<u64>,
    /// The newest boot that answered a ping.
    pub(super) boot: Option<BootId>,
    pub(super) presence: Option<Presence>,
    pub(super) features: Option<Vec<String>>,
    pub(super) cycled_ms: Option<u64>,
    /// Since when it is in its phase, or said its newest word.
    since_ms: u64,
}

impl Pi {
    pub(super) fn new(aim: &Aim) -> Self {
        let (phase, recorded) = match aim.before {
            Before::Nothing => (Phase::Waiting, None),
            Before::Signed(boot) => (Phase::Waiting, Some(boot)),
            Before::Ended(ending) => (Phase::Over(ending), None),
        };
        Self {
            device: aim.device,
            power: aim.power,
            phase,
            seen: Seen {
                recorded,
                latest: None,
            },
            deadline_ms: u64::MAX,
            tokens: VecDeque::new(),
            frame: None,
            signatures: 0,
            is_offered: recorded.is_some(),
            confirmed_ms: None,
            told: 0,
            is_disbelieved: false,
            sent_ms: None,
            heard_ms: None,
            boot: None,
            presence: None,
            features: None,
            cycled_ms: None,
            since_ms: 0,
        }
    }

    /// How far it is.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The newest thing to say of it, and since when (on the clock of the order).
    #[must_use]
    pub fn standing(&self) -> (Word, u64) {
        let word = match (&self.phase, self.seen.latest) {
            (Phase::Waiting | Phase::Pinging { .. }, None) => Word::Waiting,
            (Phase::Cycling, _) => Word::PowerCycling,
            (_, Some(latest)) => Word::Pi(latest.state),
            (_, None) => Word::Offered,
        };
        (word, self.since_ms)
    }

    /// How it ended.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        match self.phase {
            Phase::Over(ending) => Some(ending),
            _ => None,
        }
    }

    /// Whether it was begun and has not ended.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        !matches!(self.phase, Phase::Waiting | Phase::Over(_))
    }

    pub(super) fn begin(&mut self, turn: &mut Turn) {
        self.deadline_ms = turn.now_ms.saturating_add(turn.pace.timeout_ms);
        self.ask(turn, 0);
    }

    /// Asks for a nonce, `delay_ms` from now.
    fn ask(&mut self, turn: &mut Turn, delay_ms: u64) {
        self.tokens.clear();
        self.since_ms = turn.now_ms;
        self.phase = Phase::Pinging {
            next_ms: turn.now_ms.saturating_add(delay_ms),
            tries: 0,
        };
    }

    /// The order is halted: what was not offered yet goes back.
    pub(super) fn stand_down(&mut self) {
        if self.is_in_flight() && !self.is_offered && self.phase != Phase::Cycling {
            self.phase = Phase::Waiting;
        }
    }

    /// Whether it can be hoped that its nonce comes soon.
    pub(super) fn is_expected(&self) -> bool {
        let is_offline = self.presence.is_some_and(|presence| !presence.online);
        matches!(self.phase, Phase::Pinging { tries, .. } if tries <= PATIENT && !is_offline)
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, turn: &mut Turn) {
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
    pub(super) fn next_ms(&self, turn_is_connected: bool, wait: Wait) -> Option<u64> {
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
    pub(super) fn pong(&mut self, turn: &mut Turn, pong: Pong) {
        if !self.is_in_flight() || !self.tokens.contains(&pong.token) {
            return;
        }
        self.heard_ms = Some(turn.now_ms);
        self.boot = Some(pong.boot);
        if !matches!(self.phase, Phase::Pinging { .. } | Phase::Ready(_)) {
            return;
        }
        if matches!(turn.order.action, Wish::Reboot { .. }) {
            if let (Some(at_ms), None) = (self.cycled_ms, self.seen.recorded) {
                return self.back(turn, at_ms, pong);
            }
            if *self.seen.recorded.get_or_insert(pong.boot) != pong.boot && self.frame.is_some() {
                // It is in another boot already: what was signed is good enough for it to say so.
                return self.offer(turn);
            }
        }
        self.phase = Phase::Ready(pong);
    }

    /// It answers, after its power was cut, and its boot before is not known: nothing is signed any more.
    fn back(&mut self, turn: &mut Turn, cycled_ms: u64, pong: Pong) {
        let since_ms = turn.now_ms.saturating_sub(cycled_ms);
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

    /// What to sign for it, when its nonce is known.
    pub(super) fn target(&self, turn: &Turn) -> Option<Target> {
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
    pub(super) fn signing(&mut self, number: u64) {
        self.signatures += 1;
        self.phase = Phase::Signing { number };
    }

    pub(super) fn signed(&mut self, turn: &mut Turn, signed: &Result<Vec<u8>, String>) {
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
    pub(super) fn confirmed(&mut self, turn: &mut Turn) {
        if matches!(self.phase, Phase::Offered { .. }) && self.confirmed_ms.is_none() {
            self.confirmed_ms = Some(turn.now_ms);
        }
    }

    pub(super) fn report(&mut self, turn: &mut Turn, report: &Report) {
        if !self.is_in_flight() {
            return;
        }
        self.heard_ms = Some(turn.now_ms);
        match judge(turn.order, &self.seen, report) {
            Verdict::Nothing => {}
            Verdict::Progress(latest) => {
                self.seen.latest = Some(latest);
                self.since_ms = turn.now_ms;
                let news = News::of(self.device, Word::Pi(latest.state), report);
                if turn.pace.wait == Wait::FirstWord {
                    return self.end(turn, Ending::Accepted, news);
                }
                self.tell(turn, news);
            }
            Verdict::Over(ending, state) => {
                let mut news = News::of(self.device, Word::Pi(state), report);
                if news.detail.is_none() || ending == Ending::Refused {
                    news.detail = advice::refused(report.reason, news.detail);
                }
                self.end(turn, ending, news);
            }
            Verdict::Answer(operation, state) => {
                if self.is_offered {
                    let mut news = News::of(self.device, Word::Pi(state), report);
                    news.about = Some(operation);
                    self.end(turn, Ending::Succeeded, news);
                }
            }
            Verdict::SignAgain => self.again(turn, report),
            Verdict::Noise => {
                let news = News::of(self.device, Word::Note, report);
                self.tell(turn, news);
            }
            Verdict::Disbelieved(why) => {
                if !std::mem::replace(&mut self.is_disbelieved, true) {
                    let news = News::of(self.device, Word::Disbelieved, report).because(why);
                    turn.tell(news);
                }
            }
        }
    }

    /// Its nonce was used up, by another operator or by a restart.
    fn again(&mut self, turn: &mut Turn, report: &Report) {
        if !matches!(self.phase, Phase::Offered { .. }) {
            return;
        }
        let news = News::of(self.device, Word::Note, report);
        if self.signatures >= MAX_SIGNATURES {
            let words = format!("{MAX_SIGNATURES} commands were signed, and none was fresh enough");
            let news = News::of(self.device, Word::Pi(picket_proto::State::Refused), report);
            return self.end(turn, Ending::Refused, news.because(words));
        }
        self.tell(turn, news);
        // The first time at once, then more and more slowly.
        let delay_ms = match self.signatures {
            1 => 0,
            many => LEAST_MS << many.min(5),
        };
        self.ask(turn, delay_ms);
    }

    pub(super) fn presence(&mut self, turn: &mut Turn, presence: Presence) {
        let is_older = self.presence.is_some_and(|known| {
            known.boot == presence.boot && presence.connection < known.connection
        });
        if is_older || self.presence.replace(presence) == Some(presence) {
            return;
        }
        if presence.online {
            self.hurry(turn);
        }
    }

    pub(super) fn status(&mut self, status: Status) {
        self.features = status.features;
    }

    /// It, or we, came back: what is due anyway is due now.
    pub(super) fn hurry(&mut self, turn: &Turn) {
        let soonest_ms = self.sent_ms.map_or(0, |ms| ms.saturating_add(LEAST_MS));
        let at_ms = turn.now_ms.max(soonest_ms);
        if let Phase::Pinging { next_ms, .. } | Phase::Offered { next_ms } = &mut self.phase {
            *next_ms = at_ms.min(*next_ms);
        }
    }

    fn time_is_over(&mut self, turn: &mut Turn) {
        if self.may_cycle(turn) {
            self.phase = Phase::Cycling;
            self.since_ms = turn.now_ms;
            turn.tell(News::ours(Some(self.device), Word::PowerCycling));
            let device = self.device;
            return turn.out.push(Action::PowerCycle { device });
        }
        let words = advice::timed_out(self, turn);
        let news = News::ours(None, Word::TimedOut).because(words);
        self.end(turn, Ending::TimedOut, news);
    }

    /// Silence is only the Pi's when we could have heard it.
    fn may_cycle(&self, turn: &Turn) -> bool {
        let silence_ms = SILENCE_MS.min(turn.pace.timeout_ms / 2);
        let for_long = |since_ms: u64| turn.now_ms.saturating_sub(since_ms) >= silence_ms;
        matches!(turn.order.action, Wish::Reboot { .. })
            && self.power == Power::Switched
            && self.cycled_ms.is_none()
            && turn.connected_ms.is_some_and(for_long)
            && self.heard_ms.is_none_or(for_long)
    }

    /// The command that cuts its power has ended.
    pub(super) fn cycled(&mut self, turn: &mut Turn, result: Result<String, String>) {
        if self.phase != Phase::Cycling {
            return;
        }
        self.cycled_ms = Some(turn.now_ms);
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

    pub(super) fn leave(&mut self, turn: &mut Turn) {
        if self.is_in_flight() {
            let words = advice::left(turn.order.operation);
            let news = News::ours(None, Word::Left).because(words);
            self.end(turn, Ending::Left, news);
        }
    }

    pub(super) fn not_started(&mut self, turn: &mut Turn) {
        if self.phase == Phase::Waiting {
            self.end(turn, Ending::NotStarted, News::ours(None, Word::NotStarted));
        }
    }

    fn tell(&mut self, turn: &mut Turn, news: News) {
        self.told = self.told.saturating_add(1);
        if self.told <= MAX_TOLD {
            turn.tell(news);
        }
    }

    fn end(&mut self, turn: &mut Turn, ending: Ending, mut news: News) {
        self.phase = Phase::Over(ending);
        self.since_ms = turn.now_ms;
        self.frame = None;
        news.device = Some(self.device);
        news.is_final = true;
        turn.tell(news);
    }
}
