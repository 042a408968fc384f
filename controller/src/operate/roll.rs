//! The Pis of an order together: who is begun when, whose signatures are made together, and when it halts. See the module's
//! head for the way of one Pi.
use picket_proto::{
    Channel, Command, DeviceId, Pong, Presence, Report, Status, Topic, command::MAX_TARGETS, frame,
};

use super::{
    news::{News, Word},
    order::{Aim, AtFailure, Ending, Order, Pace, Signing},
    pi::{Phase, Pi},
    turn::{Action, Turn},
};

/// With [`Signing::Together`], how long the nonces of the others are waited for, in ms.
const GATHER_MS: u64 = 2_000;

/// What the core is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// There is a connection, with every subscription.
    Connected,
    /// There is none any more.
    Disconnected,
    /// Something on one of the topics.
    Message {
        /// Where.
        topic: Topic,
        /// What.
        payload: Vec<u8>,
        /// The retain flag as received.
        retained: bool,
    },
    /// The broker has what was published there.
    Confirmed(Topic),
    /// The answer to [`Action::Sign`].
    Signed {
        /// Which request.
        number: u64,
        /// The frame to offer, or why there is none.
        signed: Result<Vec<u8>, String>,
    },
    /// The answer to [`Action::PowerCycle`].
    PowerCycled {
        /// Whose.
        device: DeviceId,
        /// What the command said.
        result: Result<String, String>,
    },
    /// Begin no further Pi.
    Halt,
    /// Wait for nothing any more.
    Leave,
    /// Time has passed.
    Deadline,
}

/// An order and its Pis.
#[derive(Debug)]
pub struct Roll {
    order: Order,
    pace: Pace,
    pis: Vec<Pi>,
    is_halted: bool,
    connected_ms: Option<u64>,
    next_token: u64,
    next_number: u64,
    /// When the newest Pi was begun.
    begun_ms: Option<u64>,
    /// Until when nonces are gathered.
    gather_ms: Option<u64>,
}

impl Roll {
    /// An order of these Pis, in this order. `seed` is a random number, by which our pongs are told from others'.
    #[must_use]
    pub fn new(order: Order, pace: Pace, aims: &[Aim], seed: u64) -> Self {
        Self {
            order,
            pace,
            pis: aims.iter().map(Pi::new).collect(),
            is_halted: false,
            connected_ms: None,
            next_token: seed,
            next_number: 0,
            begun_ms: None,
            gather_ms: None,
        }
    }

    /// The order.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Its Pis.
    #[must_use]
    pub fn pis(&self) -> &[Pi] {
        &self.pis
    }

    /// Whether every Pi has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.pis.iter().all(|pi| pi.ending().is_some())
    }

    /// Whether no further Pi is begun.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.is_halted
    }

    /// When [`Input::Deadline`] is wanted.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let is_connected = self.connected_ms.is_some();
        let pis = self.pis.iter();
        let due = pis.filter_map(|pi| pi.next_ms(is_connected, self.pace.wait));
        let is_waiting = self.pis.iter().any(|pi| *pi.phase() == Phase::Waiting);
        let begin = self.begun_ms.map(|ms| ms + self.pace.stagger_ms);
        let begin = begin.filter(|_| is_waiting && !self.is_halted && self.has_room());
        due.chain(self.gather_ms).chain(begin).min()
    }

    /// Takes what happened, at that time on a clock that goes on, in ms.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Vec<Action> {
        let mut out = Vec::new();
        match input {
            Input::Connected => {
                self.connected_ms = Some(now_ms);
                self.each(now_ms, &mut out, |pi, turn| pi.hurry(turn));
            }
            Input::Disconnected => self.connected_ms = None,
            Input::Message {
                topic,
                payload,
                retained,
            } => self.one(topic.device, now_ms, &mut out, |pi, turn| {
                message(pi, turn, topic.channel, (&payload, retained));
            }),
            Input::Confirmed(topic) if topic.channel == Channel::Command => {
                self.one(topic.device, now_ms, &mut out, Pi::confirmed);
            }
            Input::Signed { number, signed } => self.signed(number, &signed, (now_ms, &mut out)),
            Input::PowerCycled { device, result } => {
                self.one(device, now_ms, &mut out, |pi, turn| {
                    pi.cycled(turn, result);
                });
            }
            Input::Halt => self.halt("as you wished".to_owned(), &mut out),
            Input::Leave => {
                self.is_halted = true;
                self.each(now_ms, &mut out, |pi, turn| pi.leave(turn));
            }
            Input::Confirmed(_) | Input::Deadline => {}
        }
        self.proceed(now_ms, &mut out);
        out
    }

    fn signed(
        &mut self,
        number: u64,
        signed: &Result<Vec<u8>, String>,
        (now_ms, out): (u64, &mut Vec<Action>),
    ) {
        self.each(now_ms, out, |pi, turn| {
            if pi.phase == (Phase::Signing { number }) {
                pi.signed(turn, signed);
            }
        });
    }

    /// What follows whatever happened.
    fn proceed(&mut self, now_ms: u64, out: &mut Vec<Action>) {
        self.each(now_ms, out, |pi, turn| pi.tick(turn));
        self.halt_at_failure(out);
        if self.is_halted {
            self.pis.iter_mut().for_each(Pi::stand_down);
            if !self.pis.iter().any(Pi::is_in_flight) {
                self.each(now_ms, out, |pi, turn| pi.not_started(turn));
            }
        }
        self.begin(now_ms, out);
        self.sign(now_ms, out);
    }

    fn halt_at_failure(&mut self, out: &mut Vec<Action>) {
        if self.is_halted || self.pace.at_failure == AtFailure::GoOn {
            return;
        }
        let has_failed = out.iter().any(|action| {
            matches!(action, Action::Tell(news) if news.is_final && self.is_bad(news.device))
        });
        if has_failed {
            self.halt("after the first failure".to_owned(), out);
        }
    }

    fn is_bad(&self, device: Option<DeviceId>) -> bool {
        let pi = self.pis.iter().find(|pi| Some(pi.device) == device);
        pi.and_then(Pi::ending).is_some_and(|end| !end.is_good())
    }

    fn halt(&mut self, why: String, out: &mut Vec<Action>) {
        let left = self.pis.iter().filter(|pi| *pi.phase() == Phase::Waiting);
        let left = left.count();
        if std::mem::replace(&mut self.is_halted, true) || left == 0 {
            return;
        }
        let operation = self.order.operation;
        out.push(Action::Tell(News::ours(None, Word::Halted).because(
            format!("halted {why}; {left} not begun; `picket resume {operation}` goes on"),
        )));
    }

    fn has_room(&self) -> bool {
        let in_flight = self.pis.iter().filter(|pi| pi.is_in_flight()).count();
        match self.pace.signing {
            Signing::Each => in_flight < self.pace.max_in_flight.max(1),
            Signing::Together => in_flight == 0,
        }
    }

    fn begin(&mut self, now_ms: u64, out: &mut Vec<Action>) {
        if self.is_halted {
            return;
        }
        let wave = self.pace.max_in_flight.clamp(1, MAX_TARGETS);
        let mut begun = 0;
        while let Some(at) = self.next_to_begin(now_ms) {
            let is_in_this_wave =
                self.pace.signing == Signing::Together && (1..wave).contains(&begun);
            if !self.has_room() && !is_in_this_wave {
                return;
            }
            begun += 1;
            self.begun_ms = Some(now_ms);
            let device = self.pis[at].device;
            self.one(device, now_ms, out, |pi, turn| {
                pi.begin(turn);
                pi.tick(turn);
            });
        }
    }

    fn next_to_begin(&self, now_ms: u64) -> Option<usize> {
        let is_time = self
            .begun_ms
            .is_none_or(|ms| now_ms >= ms + self.pace.stagger_ms);
        let mut pis = self.pis.iter();
        let next = pis.position(|pi| *pi.phase() == Phase::Waiting);
        next.filter(|_| is_time)
    }

    /// Asks for the signatures that can be made now.
    fn sign(&mut self, now_ms: u64, out: &mut Vec<Action>) {
        let is_ready = |pi: &&Pi| matches!(pi.phase(), Phase::Ready(_));
        if !self.pis.iter().any(|pi| is_ready(&pi)) {
            self.gather_ms = None;
            return;
        }
        if self.pace.signing == Signing::Each {
            let ready: Vec<_> = self
                .pis
                .iter()
                .filter(is_ready)
                .map(|pi| pi.device)
                .collect();
            for device in ready {
                self.request(&[device], now_ms, out);
            }
            return;
        }
        let until_ms = *self.gather_ms.get_or_insert(now_ms + GATHER_MS);
        if now_ms < until_ms && self.pis.iter().any(Pi::is_expected) {
            return;
        }
        self.gather_ms = None;
        let ready = self.pis.iter().filter(is_ready).map(|pi| pi.device);
        let ready: Vec<_> = ready.take(MAX_TARGETS).collect();
        self.request(&ready, now_ms, out);
    }

    fn request(&mut self, devices: &[DeviceId], now_ms: u64, out: &mut Vec<Action>) {
        let number = self.next_number;
        self.next_number += 1;
        let mut targets = Vec::new();
        for device in devices {
            self.one(*device, now_ms, out, |pi, turn| {
                if let Some(target) = pi.target(turn) {
                    targets.push(target);
                    pi.signing(number);
                }
            });
        }
        let order = &self.order;
        let command = Command {
            operation: order.operation,
            targets,
            actor: order.actor.clone(),
            on_behalf_of: order.on_behalf_of.clone(),
            reason: order.reason.clone(),
            action: order.action.clone(),
        };
        out.push(Action::Sign { number, command });
    }

    fn one(
        &mut self,
        device: DeviceId,
        now_ms: u64,
        out: &mut Vec<Action>,
        act: impl FnOnce(&mut Pi, &mut Turn),
    ) {
        let mut turn = Turn {
            order: &self.order,
            pace: &self.pace,
            now_ms,
            connected_ms: self.connected_ms,
            next_token: &mut self.next_token,
            out,
        };
        if let Some(pi) = self.pis.iter_mut().find(|pi| pi.device == device) {
            act(pi, &mut turn);
        }
    }

    fn each(
        &mut self,
        now_ms: u64,
        out: &mut Vec<Action>,
        mut act: impl FnMut(&mut Pi, &mut Turn),
    ) {
        let devices: Vec<_> = self.pis.iter().map(|pi| pi.device).collect();
        for device in devices {
            self.one(device, now_ms, out, &mut act);
        }
    }

    /// How every Pi ended, in their order; those that have not are left out.
    pub fn endings(&self) -> impl Iterator<Item = Ending> {
        self.pis.iter().filter_map(Pi::ending)
    }
}

/// What can't be decoded is no word of the Pi's agent; what the broker kept may be old.
fn message(pi: &mut Pi, turn: &mut Turn, channel: Channel, (payload, retained): (&[u8], bool)) {
    match channel {
        Channel::Pong if !retained => {
            if let Ok(pong) = frame::decode::<Pong>(payload) {
                pi.pong(turn, pong);
            }
        }
        Channel::Report if !retained => {
            if let Ok(report) = frame::decode::<Report>(payload) {
                pi.report(turn, &report);
            }
        }
        Channel::Presence => {
            if let Ok(presence) = frame::decode::<Presence>(payload) {
                pi.presence(turn, presence);
            }
        }
        Channel::Status => {
            if let Ok(status) = frame::decode::<Status>(payload) {
                pi.status(status);
            }
        }
        _ => {}
    }
}
