//! What holds under any order of messages: lost, doubled, overtaken; with Pis that lie, restart by themselves or are gone.
use std::collections::{HashMap, VecDeque};

use picket_proto::{
    BootId, Channel, Command, DeviceId, Nonce, Ping, Pong, Reason, Report, State, Topic,
    frame::{decode, encode},
};
use proptest::prelude::*;

use super::rig::{OPERATION, PACE, aims, boot, device, reboot};
use crate::operate::{
    Action, Aim, AtFailure, Before, Ending, Input, MAX_SIGNATURES, Order, Pace, Power, Roll,
    Signing, Wait,
};

/// A Pi as the protocol demands, or one that lies.
#[derive(Debug)]
struct Model {
    boot: u8,
    nonce: u8,
    lies: bool,
    knows: bool,
    /// It went down so often because it was told to.
    obeyed: u32,
}

/// What flies about.
#[derive(Debug, Clone)]
enum Flying {
    ToPi(DeviceId, Channel, Vec<u8>),
    ToUs(DeviceId, Channel, Vec<u8>),
    Signed(u64, Vec<u8>),
}

struct World {
    roll: Roll,
    pace: Pace,
    now: u64,
    pis: HashMap<DeviceId, Model>,
    flying: VecDeque<Flying>,
    noise: u64,
    trouble: u64,
    /// The boot of the first command for each Pi.
    first: HashMap<DeviceId, BootId>,
    signed: HashMap<DeviceId, u32>,
    halted_at: Option<Vec<DeviceId>>,
    cycles: Vec<DeviceId>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_on_the_way(
        seed in 1u64..,
        count in 1u8..7,
        in_flight in 1usize..4,
        trouble in 0u64..5,
        together in any::<bool>(),
        goes_on in any::<bool>(),
        switched in any::<bool>(),
        halts in any::<bool>(),
    ) {
        let pace = Pace {
            max_in_flight: in_flight,
            stagger_ms: seed % 3 * 1_000,
            timeout_ms: 200_000,
            at_failure: if goes_on { AtFailure::GoOn } else { AtFailure::Halt },
            signing: if together { Signing::Together } else { Signing::Each },
            ..PACE
        };
        let mut world = World::new(pace, (count, switched), seed, trouble);
        let halt_at = halts.then_some(seed % 50);
        for step in 0..40_000u64 {
            if halt_at == Some(step) {
                world.take(Input::Halt);
            }
            if world.roll.is_over() {
                break;
            }
            world.step();
        }
        world.judge();
    }
}

impl World {
    fn new(pace: Pace, (count, switched): (u8, bool), seed: u64, trouble: u64) -> Self {
        let power = if switched {
            Power::Switched
        } else {
            Power::Fixed
        };
        let aims: Vec<_> = aims(count)
            .into_iter()
            .map(|aim| Aim { power, ..aim })
            .collect();
        assert!(aims.iter().all(|aim| aim.before == Before::Nothing) && pace.wait == Wait::End);
        let order = Order {
            operation: OPERATION,
            action: reboot(),
            actor: "me".to_owned(),
            on_behalf_of: String::new(),
            reason: String::new(),
        };
        let model = |number: u8| Model {
            boot: 1,
            nonce: 0,
            lies: trouble > 0 && (seed >> number) % 4 == 0,
            knows: false,
            obeyed: 0,
        };
        let mut world = Self {
            roll: Roll::new(order, pace, &aims, 0),
            pace,
            now: 0,
            pis: (1..=count)
                .map(|number| (device(number), model(number)))
                .collect(),
            flying: VecDeque::new(),
            noise: seed,
            trouble,
            first: HashMap::new(),
            signed: HashMap::new(),
            halted_at: None,
            cycles: Vec::new(),
        };
        world.take(Input::Connected);
        world
    }

    /// From 0 to `below - 1` (xorshift64).
    fn random(&mut self, below: u64) -> u64 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        self.noise % below
    }

    /// Once in so many times, and never without trouble.
    fn is_bad_luck(&mut self, times: u64) -> bool {
        self.trouble > 0 && self.random(times) < self.trouble
    }

    fn step(&mut self) {
        self.now += self.random(300);
        if self.is_bad_luck(400) {
            self.take(Input::Disconnected);
            self.now += self.random(20_000);
            self.take(Input::Connected);
        }
        if self.is_bad_luck(300) {
            let number = u8::try_from(self.random(self.pis.len() as u64)).unwrap() + 1;
            self.restart(device(number));
        }
        if self.flying.is_empty() {
            if let Some(next) = self.roll.deadline() {
                self.now = self.now.max(next);
            }
        }
        self.take(Input::Deadline);
        let at = match self.is_bad_luck(10) {
            true => self.random(self.flying.len().max(1) as u64),
            false => 0,
        };
        let Some(flying) = self.flying.remove(usize::try_from(at).unwrap()) else {
            return;
        };
        if self.is_bad_luck(20) && self.flying.len() < 200 {
            self.flying.push_back(flying.clone());
        }
        if !matches!(flying, Flying::Signed(..)) && self.is_bad_luck(15) {
            return;
        }
        self.deliver(flying);
    }

    /// By itself, or by its tenant: the process, or the whole machine.
    fn restart(&mut self, pi: DeviceId) {
        let is_machine = self.random(2) == 0;
        let model = self.pis.get_mut(&pi).unwrap();
        model.nonce = model.nonce.wrapping_add(1);
        model.knows = false;
        if is_machine {
            model.boot = model.boot.saturating_add(1);
        }
    }

    fn deliver(&mut self, flying: Flying) {
        match flying {
            Flying::Signed(number, frame) => self.take(Input::Signed {
                number,
                signed: Ok(frame),
            }),
            Flying::ToUs(device, channel, payload) => self.take(Input::Message {
                topic: Topic { channel, device },
                payload,
                retained: false,
            }),
            Flying::ToPi(pi, Channel::Ping, payload) => {
                let ping: Ping = decode(&payload).unwrap();
                let model = &self.pis[&pi];
                let pong = Pong {
                    token: ping.token,
                    nonce: Nonce([model.nonce; 16]),
                    boot: boot(model.boot),
                    boottime_ms: 0,
                };
                self.flying
                    .push_back(Flying::ToUs(pi, Channel::Pong, encode(&pong)));
            }
            Flying::ToPi(pi, _, payload) => self.command(pi, &Command::parse(&payload).unwrap()),
        }
    }

    /// As the agent's checks stand in the protocol.
    fn command(&mut self, pi: DeviceId, command: &Command) {
        let lie = self.random(6);
        let target = *command.target(pi).unwrap();
        let model = self.pis.get_mut(&pi).unwrap();
        let was = boot(model.boot);
        let mut said = Vec::new();
        if model.lies {
            said.push(match lie {
                0 => (State::Succeeded, None),
                1 => (State::Refused, Some(Reason::StaleNonce)),
                2 => (State::Rebooting, None),
                3 => (State::Refused, Some(Reason::Retained)),
                4 => (State::Other(99), None),
                _ => (State::Succeeded, Some(Reason::Busy)),
            });
        } else if model.knows {
            said.push((State::Rebooting, None));
        } else if target.boot != was {
            said.push((State::Succeeded, None));
        } else if target.nonce != Nonce([model.nonce; 16]) {
            said.push((State::Refused, Some(Reason::StaleNonce)));
        } else {
            said.extend([(State::Accepted, None), (State::Rebooting, None)]);
            model.boot = model.boot.saturating_add(1);
            model.nonce = model.nonce.wrapping_add(1);
            model.obeyed += 1;
        }
        for (state, reason) in said {
            let report = Report {
                operation: Some(OPERATION),
                state: Some(state),
                reason,
                boot: Some(was),
                ..Report::default()
            };
            self.flying
                .push_back(Flying::ToUs(pi, Channel::Report, encode(&report)));
        }
    }

    fn take(&mut self, input: Input) {
        for action in self.roll.handle(input, self.now) {
            match action {
                Action::Ping { device, token } => {
                    let payload = encode(&Ping { token });
                    self.flying
                        .push_back(Flying::ToPi(device, Channel::Ping, payload));
                }
                Action::Offer { device, frame } => {
                    self.flying
                        .push_back(Flying::ToPi(device, Channel::Command, frame));
                }
                Action::Sign { number, command } => self.sign(number, &command),
                Action::PowerCycle { device } => {
                    self.cycles.push(device);
                    let result = Ok(String::new());
                    self.restart(device);
                    self.take(Input::PowerCycled { device, result });
                }
                Action::Tell(_) => {}
            }
        }
        self.check();
    }

    /// The rule that keeps a Pi from rebooting twice: one boot in all commands for it.
    fn sign(&mut self, number: u64, command: &Command) {
        assert!(!command.targets.is_empty());
        for target in &command.targets {
            let first = *self.first.entry(target.device).or_insert(target.boot);
            assert_eq!(target.boot, first, "another boot than the first");
            let signed = self.signed.entry(target.device).or_default();
            *signed += 1;
            assert!(*signed <= MAX_SIGNATURES);
        }
        self.flying
            .push_back(Flying::Signed(number, command.payload()));
    }

    fn check(&mut self) {
        let in_flight = |roll: &Roll| -> Vec<_> {
            let pis = roll.pis().iter().filter(|pi| pi.is_in_flight());
            pis.map(|pi| pi.device).collect()
        };
        let now = in_flight(&self.roll);
        assert!(now.len() <= self.pace.max_in_flight, "too many under way");
        if self.roll.is_halted() {
            let before = self.halted_at.get_or_insert_with(|| now.clone());
            assert!(
                now.iter().all(|pi| before.contains(pi)),
                "begun after the halt"
            );
        }
    }

    fn judge(&self) {
        assert!(self.roll.is_over(), "it has no end: {:?}", self.roll);
        let has_failed = self.roll.endings().any(|ending| !ending.is_good());
        if has_failed && self.pace.at_failure == AtFailure::Halt {
            assert!(self.roll.is_halted());
        }
        for pi in self.roll.pis() {
            let model = &self.pis[&pi.device];
            assert!(model.obeyed <= 1, "rebooted twice");
            if pi.ending() == Some(Ending::Succeeded) && !model.lies {
                assert!(model.boot > 1, "succeeded in the boot that was to end");
            }
            if self.trouble == 0 && !self.roll.is_halted() {
                assert_eq!(
                    pi.ending(),
                    Some(Ending::Succeeded),
                    "without trouble all goes well"
                );
                assert_eq!((model.obeyed, self.signed[&pi.device]), (1, 1));
            }
        }
        assert!(
            self.cycles
                .iter()
                .all(|pi| self.cycles.iter().filter(|other| *other == pi).count() == 1)
        );
    }
}
