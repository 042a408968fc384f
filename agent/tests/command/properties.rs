//! Whatever happens in whatever order: messages that are fresh, repeated, replayed, stale, foreign, forged, retained or noise; links,
//! disks and hosts that answer, refuse, or don't; crashes between any two actions; power cuts. What must hold is checked after
//! each of them.
use std::collections::{BTreeMap, BTreeSet};

use picket_proto::{Action as Wanted, BootId, Nonce, OperationId, Ping, Report, State, frame};
use picket_test_keys::TestKey;
use picketd::{command::Input, journal::Outcome};
use proptest::prelude::*;

use super::{
    moves::{Flaw, Move, actions, is_legal, one},
    orders::{self, Order, STRANGER},
    world::{Did, World},
};

/// Known operations, waiting reports and a journal's worth of records, with room.
const MOST_MEMORY: usize = 160 * 1024;
/// The longest that anything may take: 15 minutes to go down, and what comes before.
const LONGEST_MS: u64 = 16 * 60 * 1_000;

/// What a message may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// It may begin what it orders.
    Begin(u8, Nonce),
    /// Nothing may come of it but reports.
    Nothing,
}

/// The world, and what was seen of it.
struct Watch {
    world: World,
    /// What each operation was ordered as, and in which boot: an operator keeps to both.
    ordered: BTreeMap<u8, (Wanted, BootId)>,
    sent: Vec<(Order, Vec<u8>)>,
    /// Nonces that an accepted order took with it.
    consumed: BTreeSet<[u8; 16]>,
    /// States by operation, as this process told them.
    states: BTreeMap<u8, (u16, State)>,
    /// The process that `states` are of.
    process: u32,
    /// Which operation the machine goes down for, for which this process told the host, and for which it went down.
    down_for: Option<u8>,
    told: BTreeSet<u8>,
    reboots: BTreeSet<u8>,
    applied: BTreeMap<u8, u32>,
}

impl Watch {
    fn new() -> Self {
        Self {
            world: World::new(),
            ordered: BTreeMap::new(),
            sent: Vec::new(),
            consumed: BTreeSet::new(),
            states: BTreeMap::new(),
            process: 1,
            down_for: None,
            told: BTreeSet::new(),
            reboots: BTreeSet::new(),
            applied: BTreeMap::new(),
        }
    }

    fn make(&mut self, what: Move) {
        match what {
            Move::Order(id, at, flaw) => self.order(id, &actions()[at], flaw),
            Move::Replay(at) if !self.sent.is_empty() => {
                let (order, bytes) = self.sent[at % self.sent.len()].clone();
                self.message(&order, bytes);
            }
            Move::Noise(payload) => {
                let retained = false;
                self.input(
                    Input::Command {
                        payload: payload.clone(),
                        retained,
                    },
                    May::Nothing,
                );
                self.input(Input::Ping { payload }, May::Nothing);
            }
            Move::Ping => {
                let payload = frame::encode(&Ping { token: 1 });
                self.input(Input::Ping { payload }, May::Nothing);
            }
            Move::GoesDown => self.goes_down(),
            Move::PowerCut => {
                self.world.boots();
                self.look(May::Nothing);
            }
            Move::DiesAfter(count) => self.world.dies_after = Some(count),
            Move::Pass(ms) => {
                self.world.pass(ms);
                self.look(May::Nothing);
            }
            other => self.answer(other),
        }
    }

    /// What link, disk, host and shell have to say.
    fn answer(&mut self, what: Move) {
        let input = match what {
            Move::Connect if !self.world.connected => Input::Connected,
            Move::Disconnect => Input::Disconnected,
            Move::Puback(at) | Move::Refused(at) if at < self.world.in_flight.len() => {
                let (delivery, _) = self.world.in_flight.remove(at);
                match what {
                    Move::Puback(_) => Input::Delivered(delivery),
                    _ => Input::Refused(delivery),
                }
            }
            Move::Written => {
                self.world.written();
                return self.look(May::Nothing);
            }
            Move::Journal(outcome) if self.world.writing.is_some() => {
                if matches!(outcome, Outcome::Failed(_)) {
                    self.world.writing = None;
                }
                Input::Journal(outcome)
            }
            Move::Host(event) => Input::Host(event),
            Move::Configured(result) => Input::Configured { result },
            _ => return,
        };
        self.input(input, May::Nothing);
    }

    fn order(&mut self, id: u8, action: &Wanted, flaw: Flaw) {
        let now = (action.clone(), self.world.boot());
        let (action, boot) = self.ordered.entry(id).or_insert(now).clone();
        let boot = match action {
            Wanted::Reboot { .. } => boot,
            _ => self.world.boot(),
        };
        let mut order = Order::new(id, action, boot, self.world.nonce());
        match flaw {
            Flaw::None | Flaw::Forged | Flaw::Retained => {}
            Flaw::Nonce => order.target.nonce = Nonce([0; 16]),
            Flaw::Late => order.target.not_after_ms = self.world.now_ms - 1,
            Flaw::Target => order.target.device = STRANGER,
            Flaw::Boot if matches!(order.action, Wanted::Reboot { .. }) => {}
            Flaw::Boot => order.target.boot = orders::boot(200),
        }
        let key = match flaw {
            Flaw::Forged => TestKey::new(2),
            _ => orders::key(),
        };
        let bytes = order.signed_by(&key);
        if matches!(flaw, Flaw::Forged | Flaw::Retained) {
            let input = Input::Command {
                payload: bytes,
                retained: matches!(flaw, Flaw::Retained),
            };
            return self.input(input, May::Nothing);
        }
        self.sent.push((order.clone(), bytes.clone()));
        self.message(&order, bytes);
    }

    fn message(&mut self, order: &Order, payload: Vec<u8>) {
        let target = order.target;
        let fresh = target.device == orders::DEVICE
            && target.boot == self.world.boot()
            && target.nonce == self.world.nonce()
            && !self.consumed.contains(&target.nonce.0)
            && target.not_after_ms >= self.world.now_ms
            && !self.states.contains_key(&order.operation);
        let may = match fresh {
            true => May::Begin(order.operation, target.nonce),
            false => May::Nothing,
        };
        let retained = false;
        self.input(Input::Command { payload, retained }, may);
    }

    fn input(&mut self, input: Input, may: May) {
        self.world.input(input);
        self.look(may);
    }

    /// The machine goes down and comes up again, if the host was told.
    fn goes_down(&mut self) {
        if !self.world.going_down {
            return;
        }
        let operation = self.down_for.take().unwrap();
        assert!(self.reboots.insert(operation), "{operation} rebooted twice");
        self.world.boots();
        self.look(May::Nothing);
    }

    /// What the agent did, step by step.
    fn look(&mut self, may: May) {
        for did in std::mem::take(&mut self.world.did) {
            match did {
                Did::Note(report) => self.told(&report, may),
                Did::Report(report) => self.reported(&report),
                Did::Reboot => self.told_to_reboot(),
                Did::Configure(periods) => {
                    let record = self.world.disk.as_ref().unwrap();
                    let last = record.operations.last().unwrap();
                    assert_eq!(periods.period_ms(), 1_000, "not what is recorded");
                    *self.applied.entry(last.operation.0[0]).or_default() += 1;
                }
                _ => {}
            }
        }
        if self.process != self.world.processes {
            self.process = self.world.processes;
            self.states.clear();
            self.told.clear();
            let record = self.world.disk.iter().flat_map(|record| &record.operations);
            let recorded = record.map(|one| (one.operation.0[0], (one.action, one.state)));
            self.states.extend(recorded);
        }
        assert!(
            self.applied.values().all(|&times| times <= 1),
            "{:?}",
            self.applied
        );
        assert!(
            self.world.core.memory() <= MOST_MEMORY,
            "{}",
            self.world.core.memory()
        );
    }

    /// A transition is one of the diagram's, of an operation that may have it, and the only one under way.
    fn told(&mut self, report: &Report, may: May) {
        // A refusal of a message is no transition: it has no number.
        let (Some(operation), Some(action), Some(_)) =
            (report.operation, report.action, report.transition)
        else {
            return;
        };
        let (id, state) = (operation.0[0], report.state.unwrap());
        let before = self.states.get(&id).map(|(_, state)| *state);
        if state == State::Accepted || (action == 4 && state == State::Succeeded) {
            let May::Begin(ordered, nonce) = may else {
                panic!("nobody ordered {report:?}");
            };
            assert_eq!(ordered, id, "{report:?}");
            if action != 4 {
                self.consumed.insert(nonce.0);
            }
        }
        if action == 1 && state == State::Succeeded {
            assert_ne!(
                report.boot.unwrap(),
                self.ordered_boot(operation),
                "{report:?}"
            );
        } else {
            assert!(is_legal(action, before, state), "{before:?} -> {report:?}");
        }
        let too_late = state == State::Cancelled && self.told.contains(&id);
        assert!(!too_late, "the host was told, and yet {report:?}");
        self.states.insert(id, (action, state));
        let acting = |(action, state): &&(u16, State)| {
            matches!(action, 1 | 7) && !state.is_final() && *state != State::Unknown
        };
        assert!(
            self.states.values().filter(acting).count() <= 1,
            "{:?}",
            self.states
        );
    }

    /// A success of a reboot names another boot than the one that was to end.
    fn reported(&self, report: &Report) {
        if report.action == Some(1) && report.state == Some(State::Succeeded) {
            let ordered = self.ordered_boot(report.operation.unwrap());
            assert_eq!(report.boot, Some(self.world.boot()));
            assert_ne!(report.boot, Some(ordered), "{report:?}");
        }
    }

    fn told_to_reboot(&mut self) {
        let mut states = self.states.iter();
        let (id, _) = states
            .find(|(_, (_, state))| *state == State::Rebooting)
            .unwrap();
        assert_eq!(self.ordered_boot(orders::operation(*id)), self.world.boot());
        assert!(self.told.insert(*id), "the host is told twice");
        self.down_for = Some(*id);
    }

    /// The boot that the reboot was to end.
    fn ordered_boot(&self, operation: OperationId) -> BootId {
        self.ordered[&operation.0[0]].1
    }

    /// Nothing answers any more, and yet everything ends.
    fn end(&mut self) {
        self.world.dies_after = None;
        self.world.pass(LONGEST_MS);
        self.look(May::Nothing);
        for (id, (action, state)) in &self.states {
            let waits = *state == State::Unknown && self.world.writing.is_some();
            assert!(
                state.is_final() || waits,
                "{id}: action {action} is {state} for ever"
            );
        }
        let last = self.world.core.last_operation();
        let state = last.as_ref().map(|last| (last.operation.0[0], last.state));
        if let Some((id, state)) = state {
            assert_eq!(
                self.states.get(&id).map(|(_, told)| *told),
                Some(state),
                "{id}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_happens_twice_or_at_once_or_without_an_order_and_everything_ends(
        moves in proptest::collection::vec(one(), 1..120)
    ) {
        let mut watch = Watch::new();
        for what in moves {
            watch.make(what);
        }
        watch.end();
    }
}
