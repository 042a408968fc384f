//! The Pis of an order together: who is begun when, whose signatures are made together, and when it halts. See the module's
//! head for the way of one Pi.
mod wave;

use picket_proto::{Channel, DeviceId};

use super::{
    input::{self, Input},
    news::{News, Word},
    order::{Aim, AtFailure, Ending, Order, Pace},
    pi::{Phase, Pi},
    turn::{Action, Turn},
};

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
        let begin = self
            .begun_ms
            .map(|ms| ms.saturating_add(self.pace.stagger_ms));
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
                input::message(pi, turn, topic.channel, (&payload, retained));
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
        self.pis.iter_mut().for_each(Pi::stand_down);
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

    /// Lets a Pi act.
    fn one(
        &mut self,
        device: DeviceId,
        now_ms: u64,
        out: &mut Vec<Action>,
        act: impl FnOnce(&mut Pi, &mut Turn),
    ) {
        let (pis, mut turn) = self.turn(now_ms, out);
        if let Some(pi) = pis.iter_mut().find(|pi| pi.device == device) {
            act(pi, &mut turn);
        }
    }

    /// Lets every Pi act.
    fn each(
        &mut self,
        now_ms: u64,
        out: &mut Vec<Action>,
        mut act: impl FnMut(&mut Pi, &mut Turn),
    ) {
        let (pis, mut turn) = self.turn(now_ms, out);
        for pi in pis {
            act(pi, &mut turn);
        }
    }

    fn turn<'a>(&'a mut self, now_ms: u64, out: &'a mut Vec<Action>) -> (&'a mut [Pi], Turn<'a>) {
        let turn = Turn {
            order: &self.order,
            pace: &self.pace,
            now_ms,
            connected_ms: self.connected_ms,
            next_token: &mut self.next_token,
            out,
        };
        (&mut self.pis, turn)
    }

    /// How every Pi ended, in their order; those that have not are left out.
    pub fn endings(&self) -> impl Iterator<Item = Ending> {
        self.pis.iter().filter_map(Pi::ending)
    }
}
