//! An order whose broker, key and Pis are the test's.
use std::collections::HashMap;

use picket_proto::{
    Action as Wish, BootId, Channel, Command, DeviceId, Nonce, OperationId, Pong, Presence, Reason,
    Report, State, Topic, frame::encode,
};

use crate::operate::{
    Action, Aim, AtFailure, Before, Input, News, Order, Pace, Power, Roll, SILENCE_MS, Signing,
    Wait, Word,
};

pub(super) const OPERATION: OperationId = OperationId([7; 16]);

/// Ten minutes, one at a time, and so on.
pub(super) const PACE: Pace = Pace {
    max_in_flight: 8,
    stagger_ms: 0,
    timeout_ms: 600_000,
    silence_ms: SILENCE_MS,
    at_failure: AtFailure::Halt,
    wait: Wait::End,
    signing: Signing::Each,
};

pub(super) fn device(number: u8) -> DeviceId {
    DeviceId([number; 8])
}

pub(super) fn boot(number: u8) -> BootId {
    BootId([number; 16])
}

pub(super) fn reboot() -> Wish {
    Wish::Reboot { force: false }
}

/// Fresh Pis, numbered from 1.
pub(super) fn aims(count: u8) -> Vec<Aim> {
    let aim = |number| Aim {
        device: device(number),
        power: Power::Fixed,
        before: Before::Nothing,
    };
    (1..=count).map(aim).collect()
}

/// The order, and all that it did.
pub(super) struct Rig {
    pub(super) roll: Roll,
    pub(super) now: u64,
    /// The newest token that each Pi was asked with.
    pub(super) tokens: HashMap<DeviceId, u64>,
    pub(super) pings: Vec<(u64, DeviceId)>,
    pub(super) commands: Vec<Command>,
    pub(super) offers: Vec<(u64, DeviceId)>,
    pub(super) cycles: Vec<DeviceId>,
    pub(super) news: Vec<News>,
    /// Requests that are not answered yet.
    pub(super) requests: Vec<u64>,
}

impl Rig {
    /// A connected order.
    pub(super) fn new(wish: Wish, pace: Pace, aims: &[Aim]) -> Self {
        let mut rig = Self::unconnected(wish, pace, aims);
        rig.take(Input::Connected);
        rig
    }

    pub(super) fn unconnected(wish: Wish, pace: Pace, aims: &[Aim]) -> Self {
        let order = Order {
            operation: OPERATION,
            action: wish,
            actor: "me".to_owned(),
            on_behalf_of: String::new(),
            reason: String::new(),
        };
        Self {
            roll: Roll::new(order, pace, aims, 1_000),
            now: 0,
            tokens: HashMap::new(),
            pings: Vec::new(),
            commands: Vec::new(),
            offers: Vec::new(),
            cycles: Vec::new(),
            news: Vec::new(),
            requests: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, input: Input) {
        for action in self.roll.handle(input, self.now) {
            match action {
                Action::Ping { device, token } => {
                    self.tokens.insert(device, token);
                    self.pings.push((self.now, device));
                }
                Action::Sign { number, command } => {
                    self.requests.push(number);
                    self.commands.push(command);
                }
                Action::Offer { device, .. } => self.offers.push((self.now, device)),
                Action::PowerCycle { device } => self.cycles.push(device),
                Action::Tell(news) => self.news.push(news),
            }
        }
    }

    /// Lets time pass, with every deadline on the way.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(next) = self.roll.deadline().filter(|next| *next <= end) {
            assert!(next > self.now || next == 0, "what is due was done: {next}");
            self.now = next;
            self.take(Input::Deadline);
        }
        self.now = end;
    }

    /// Signs all that is asked for.
    pub(super) fn sign(&mut self) {
        for number in std::mem::take(&mut self.requests) {
            let signed = Ok(vec![1, 2, 3]);
            self.take(Input::Signed { number, signed });
        }
    }

    fn say(&mut self, number: u8, channel: Channel, payload: Vec<u8>) {
        self.take(Input::Message {
            topic: Topic {
                channel,
                device: device(number),
            },
            payload,
            retained: false,
        });
    }

    /// That Pi answers the newest ping, from that boot.
    pub(super) fn pong(&mut self, number: u8, from: u8) {
        self.pong_at(number, (from, 5_000));
    }

    /// The same, so many ms after that boot began.
    pub(super) fn pong_at(&mut self, number: u8, (from, boottime_ms): (u8, u64)) {
        let token = self.tokens[&device(number)];
        let pong = Pong {
            token,
            nonce: Nonce([number; 16]),
            boot: boot(from),
            boottime_ms,
        };
        self.say(number, Channel::Pong, encode(&pong));
    }

    /// That Pi answers, is signed for and gets its command.
    pub(super) fn offer(&mut self, number: u8) {
        self.pong(number, 1);
        self.sign();
    }

    pub(super) fn report(&mut self, number: u8, report: &Report) {
        self.say(number, Channel::Report, encode(report));
    }

    /// That Pi says that it stands so, from that boot.
    pub(super) fn stands(&mut self, number: u8, state: State, from: u8) {
        self.report(number, &report(state, from));
    }

    pub(super) fn refuses(&mut self, number: u8, reason: Reason) {
        let report = Report {
            reason: Some(reason),
            ..report(State::Refused, 1)
        };
        self.report(number, &report);
    }

    pub(super) fn present(&mut self, number: u8, connection: u32, online: bool) {
        let presence = Presence {
            boot: boot(1),
            connection,
            online,
        };
        self.say(number, Channel::Presence, encode(&presence));
    }

    /// What was told of that Pi.
    pub(super) fn words(&self, number: u8) -> Vec<Word> {
        let news = self.news.iter();
        let news = news.filter(|news| news.device == Some(device(number)));
        news.map(|news| news.word).collect()
    }

    pub(super) fn details(&self, number: u8) -> Vec<&str> {
        let news = self.news.iter();
        let news = news.filter(|news| news.device == Some(device(number)));
        news.filter_map(|news| news.detail.as_deref()).collect()
    }

    pub(super) fn in_flight(&self) -> Vec<DeviceId> {
        let pis = self.roll.pis().iter().filter(|pi| pi.is_in_flight());
        pis.map(|pi| pi.device).collect()
    }
}

pub(super) fn report(state: State, from: u8) -> Report {
    Report {
        operation: Some(OPERATION),
        state: Some(state),
        boot: Some(boot(from)),
        ..Report::default()
    }
}
