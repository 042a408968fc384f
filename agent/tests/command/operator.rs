//! An operator who offers a command until he knows how it ended: with the same bytes as long as they may be good, and signed again with a
//! fresh nonce when they aren't. He loses what the test wants him to lose. He doesn't know what the Pi does.
use picket_proto::{Action, BootId, Channel, Ping, Pong, Reason, Report, State, frame};
use picketd::command::Input;

use super::{
    orders::{self, Order},
    pi::Pi,
};

/// What is lost on the way back, in the first two rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    Nothing,
    /// The agent isn't told that the broker has its reports.
    Pubacks,
    /// The operator doesn't get the reports.
    Reports,
}

/// How often the command comes in a round: its own PUBACK may be lost, and then it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    AtOnce,
    AfterItsReports,
}

pub(super) struct Operator {
    number: u8,
    action: Action,
    lost: Lost,
    again: Again,
    /// The boot that a reboot is to end.
    boot: Option<BootId>,
    bytes: Option<Vec<u8>>,
    round: u32,
    /// How it ended.
    pub(super) end: Option<(State, Option<Reason>)>,
    /// States of the order, as he saw them.
    pub(super) seen: Vec<State>,
}

impl Operator {
    pub(super) fn new(number: u8, action: Action, lost: Lost, again: Again) -> Self {
        Self {
            number,
            action,
            lost,
            again,
            boot: None,
            bytes: None,
            round: 0,
            end: None,
            seen: Vec::new(),
        }
    }

    /// Offers it once, or as often as it comes, and looks at what comes back.
    pub(super) fn round(&mut self, pi: &mut Pi) {
        self.round += 1;
        pi.start();
        if self.bytes.is_none() {
            self.ping(pi);
        }
        let Some(bytes) = self.bytes.clone() else {
            return;
        };
        offer(pi, bytes.clone());
        match self.again {
            Again::Never => {}
            Again::AtOnce => offer(pi, bytes),
            Again::AfterItsReports => {
                self.settle(pi);
                offer(pi, bytes);
            }
        }
        self.settle(pi);
        pi.pass(10_000);
        self.settle(pi);
    }

    /// Offers it for the first time, and lets no time pass.
    pub(super) fn begin(&mut self, pi: &mut Pi) {
        pi.start();
        self.ping(pi);
        offer(pi, self.bytes.clone().unwrap());
        self.settle(pi);
    }

    /// Lets everybody answer until nobody has anything to say.
    pub(super) fn settle(&mut self, pi: &mut Pi) {
        while self.read(pi) || pi.answer() {}
    }

    fn ping(&mut self, pi: &mut Pi) {
        let payload = frame::encode(&Ping { token: 1 });
        pi.input(Input::Ping { payload });
        self.settle(pi);
    }

    /// The next message of the Pi, if there is one.
    fn read(&mut self, pi: &mut Pi) -> bool {
        let Some((delivery, channel, payload)) = pi.published.pop_front() else {
            return false;
        };
        let losing = self.round <= 2;
        match channel {
            Channel::Pong => self.pong(&frame::decode(&payload).unwrap()),
            _ if losing && self.lost == Lost::Reports => {}
            _ => self.report(&frame::decode(&payload).unwrap()),
        }
        if !(losing && self.lost == Lost::Pubacks) {
            pi.input(Input::Delivered(delivery));
        }
        true
    }

    fn pong(&mut self, pong: &Pong) {
        let recorded = *self.boot.get_or_insert(pong.boot);
        let boot = match self.action {
            Action::Reboot { .. } => recorded,
            _ => pong.boot,
        };
        let mut order = Order::new(self.number, self.action.clone(), boot, pong.nonce);
        order.target.not_after_ms = pong.boottime_ms + 120_000;
        self.bytes = Some(order.signed_by(&orders::key()));
    }

    fn report(&mut self, report: &Report) {
        if report.operation != Some(orders::operation(self.number)) {
            return;
        }
        let state = report.state.unwrap();
        self.seen.push(state);
        match report.reason {
            Some(Reason::StaleNonce | Reason::Expired | Reason::WrongBoot) => self.bytes = None,
            reason if state.is_final() => {
                let end = *self.end.get_or_insert((state, reason));
                assert_eq!(end, (state, reason), "it ended twice");
                if matches!(self.action, Action::Reboot { .. }) && state == State::Succeeded {
                    assert_ne!(report.boot, self.boot, "nothing proves the reboot");
                }
            }
            _ => {}
        }
    }
}

fn offer(pi: &mut Pi, payload: Vec<u8>) {
    let retained = false;
    pi.input(Input::Command { payload, retained });
}
