//! One Pi of an order: what was asked, what it said, and what is next. Knows no other Pi.
mod asking;
mod hearing;
mod power;

use std::collections::VecDeque;

use picket_proto::{Action, BootId, DeviceId, Pong, Presence, Progress};

use super::{
    advice,
    judge::Seen,
    news::{News, Word},
    order::{Aim, Before, Ending, Power},
    turn::Turn,
};

/// After so many pings without an answer it is told that the Pi does not answer.
const PATIENT: u32 = 2;
/// News of a connection make us ask or offer at once, but not more often than this, in ms.
const LEAST_MS: u64 = 1_000;

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
    /// When the command began that cuts its power.
    pub(super) cycled_ms: Option<u64>,
    /// So long before this run its power was cut by an earlier one, in ms.
    cycled_before_ms: Option<u64>,
    /// Since when it is in its phase, or said its newest word.
    since_ms: u64,
    /// When its turn came.
    begun_ms: u64,
    /// How much of the stage of its newest word is done, and the boottime at which it said so.
    progress: Option<(u64, Progress)>,
    /// When that was last told.
    progress_told_ms: Option<u64>,
}

impl Pi {
    pub(super) fn new(aim: &Aim) -> Self {
        let (phase, recorded) = match aim.before {
            Before::Nothing | Before::PowerCycled(_) => (Phase::Waiting, None),
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
            cycled_before_ms: match aim.before {
                Before::PowerCycled(ms) => Some(ms),
                _ => None,
            },
            since_ms: 0,
            begun_ms: 0,
            progress: None,
            progress_told_ms: None,
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

    /// How much of the stage that [`Self::standing`] names is done, as the Pi says.
    #[must_use]
    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref().map(|(_, progress)| progress)
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
        self.begun_ms = turn.now_ms;
        self.ask(turn, 0);
    }

    /// The order is halted: a Pi to which nothing was done yet goes back.
    pub(super) fn stand_down(&mut self) {
        if self.is_in_flight() && !self.is_offered && !self.was_cycled() {
            self.phase = Phase::Waiting;
        }
    }

    /// Whether it can be hoped that its nonce comes soon.
    pub(super) fn is_expected(&self) -> bool {
        let is_offline = self.presence.is_some_and(|presence| !presence.online);
        matches!(self.phase, Phase::Pinging { tries, .. } if tries <= PATIENT && !is_offline)
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

    fn end(&mut self, turn: &mut Turn, ending: Ending, mut news: News) {
        self.phase = Phase::Over(ending);
        self.since_ms = turn.now_ms;
        self.frame = None;
        self.progress = None;
        news.device = Some(self.device);
        news.is_final = true;
        if matches!(turn.order.action, Action::Reinstall(_)) && ending != Ending::NotStarted {
            news.took_ms = Some(turn.now_ms.saturating_sub(self.begun_ms));
        }
        turn.tell(news);
    }
}
