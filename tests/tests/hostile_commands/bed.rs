//! An agent, who may command it, and what must hold whatever it was sent.
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use picket_proto::{
    Action, Channel, DeviceId, EventKind, Message, OperationId, Quality, Reason, Report, State,
};
use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    fleet::{Make, Shelf},
    hostile::{self, Case, Forge},
    raw_operator::{RawOperator, Retain},
};

const DEADLINE: Duration = Duration::from_secs(30);
/// What hostile commands may cost an agent, in KiB.
const MOST_MEMORY: u64 = 4096;

/// An agent that obeys some, and who is to harm it.
pub(crate) struct Bed {
    pub(crate) raw: RawOperator,
    pub(crate) shelf: Shelf,
    make: Make,
    peak_before: u64,
    led_before: String,
}

impl Bed {
    /// With an agent that has spoken.
    pub(crate) fn start() -> Self {
        let mut bed = Self::empty();
        bed.switch_on();
        bed.raw.ping(bed.device());
        bed.wait_for_ticks(1);
        bed.peak_before = bed.peak();
        bed
    }

    /// With a broker and an operator, and the machine not yet on.
    pub(crate) fn empty() -> Self {
        let anna = TestKey::new(1);
        let shelf = Shelf::empty();
        Self {
            raw: RawOperator::connect(shelf.broker.address(), &anna, "anna"),
            shelf,
            make: Make::obeying(hostile::signers(&anna)).fast(),
            peak_before: 0,
            led_before: String::new(),
        }
    }

    pub(crate) fn switch_on(&mut self) {
        let init = self.shelf.switch_on(1, &self.make);
        self.led_before = init.tree().led();
    }

    pub(crate) fn device(&self) -> DeviceId {
        self.shelf.first().0
    }

    pub(crate) fn forge(&self) -> Forge<'_> {
        let judged = self.raw.heard(|heard| match &heard.message {
            Message::Batch(batch) => Some(batch.header.wall.quality == Quality::Synchronised),
            _ => None,
        });
        let over = match judged.last() {
            Some(true) => Reason::KeyExpired,
            _ => Reason::ClockUnknown,
        };
        Forge::new(&self.raw, self.device(), over)
    }

    /// Each is refused with its own reason, in a report that names its operation, and in the log.
    pub(crate) fn refuse_all(&self, cases: &[Case]) {
        for case in cases {
            let before = self.refusals(case.operation, case.reason).len();
            let logged = self.logged(case.reason);
            self.raw.publish(
                self.device(),
                Channel::Command,
                case.frame.clone(),
                Retain::No,
            );
            println!("{}: {}", case.why, case.reason);
            let said = self.wait_for_refusal(case.operation, case.reason, before + 1);
            let detail = said.detail.unwrap_or_default();
            assert!(!detail.is_empty(), "{}: refused without words", case.why);
            eventually("the log names the reason", DEADLINE, || {
                (self.logged(case.reason) > logged).then_some(())
            });
        }
    }

    /// Waits until so many refusals with that reason came, and returns the last.
    pub(crate) fn wait_for_refusal(
        &self,
        operation: Option<OperationId>,
        reason: Reason,
        count: usize,
    ) -> Report {
        eventually(&format!("a refusal: {reason}"), DEADLINE, || {
            let mut refusals = self.refusals(operation, reason);
            (refusals.len() >= count).then(|| refusals.pop()).flatten()
        })
    }

    /// The machine was never rebooted, its LED never touched, no tick is missing, the memory is bounded; and it obeys.
    pub(crate) fn is_unharmed(&self) {
        let (_, init) = self.shelf.first();
        self.obeys();
        self.wait_for_ticks(self.ticks() + 5);
        self.has_every_tick();
        assert_eq!(init.boots().reboots(), 0, "the machine was rebooted");
        assert_eq!(init.tree().led(), self.led_before, "the LED was touched");
        let (before, peak) = (self.peak_before, self.peak());
        println!("{before} KiB at most before, {peak} KiB at most now");
        assert!(
            peak < before + MOST_MEMORY,
            "{before} KiB before, {peak} now"
        );
    }

    /// It carries out a command, once it has come to the end of the others.
    pub(crate) fn obeys(&self) {
        let device = self.device();
        let command = self.raw.command(device, Action::Identify { seconds: 0 });
        let mut offered = None::<Instant>;
        eventually("a good command is carried out", DEADLINE, || {
            if offered.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
                self.raw.offer(&command);
                offered = Some(Instant::now());
            }
            let mut reports = self.raw.reports(device).into_iter();
            reports.find(|report| {
                (report.operation, report.state)
                    == (Some(command.operation), Some(State::Succeeded))
            })
        });
    }

    /// With the newest tick that came come all before it, of one boot; what waited for a connection comes last.
    pub(crate) fn has_every_tick(&self) {
        let newest = self.raw.ticks(self.device()).into_iter().max();
        let (boot, newest) = newest.expect("ticks came");
        let expected: BTreeSet<_> = (0..=newest).map(|tick| (boot, tick)).collect();
        eventually("every tick comes", DEADLINE, || {
            let ticks: BTreeSet<_> = self.raw.ticks(self.device()).into_iter().collect();
            assert!(ticks.iter().all(|(of, _)| *of == boot), "another boot");
            ticks.is_superset(&expected).then_some(())
        });
    }

    /// How many ticks came.
    pub(crate) fn ticks(&self) -> usize {
        self.raw.ticks(self.device()).len()
    }

    pub(crate) fn wait_for_ticks(&self, count: usize) {
        eventually("ticks come", DEADLINE, || {
            (self.ticks() >= count).then_some(())
        });
    }

    /// Waits until the agent has connected so often.
    pub(crate) fn wait_for_connection(&self, number: u32) {
        eventually("the agent connects again", DEADLINE, || {
            let numbers = self.raw.heard(|heard| match &heard.message {
                Message::Presence(presence) if presence.online => Some(presence.connection),
                _ => None,
            });
            numbers.contains(&number).then_some(())
        });
    }

    /// Waits for the event that says that commands are off.
    pub(crate) fn wait_for_oversized(&self) {
        eventually("the event", DEADLINE, || {
            let events = self.raw.heard(|heard| match &heard.message {
                Message::Event(report) => Some(report.events.clone()),
                _ => None,
            });
            let off = EventKind::OversizedPacket { active: true };
            let mut events = events.concat().into_iter();
            events.find(|event| event.what == off)
        });
    }

    fn refusals(&self, operation: Option<OperationId>, reason: Reason) -> Vec<Report> {
        let mut reports = self.raw.reports(self.device());
        reports.retain(|report| {
            (report.operation, report.state, report.reason)
                == (operation, Some(State::Refused), Some(reason))
        });
        reports
    }

    fn logged(&self, reason: Reason) -> usize {
        let reason = reason.to_string();
        let log = self.shelf.first().1.log();
        log.lines().filter(|line| line.contains(&reason)).count()
    }

    fn peak(&self) -> u64 {
        let (_, init) = self.shelf.first();
        init.with_agent(|agent| agent.process().peak_resident_kib())
            .expect("the agent runs")
    }
}
