//! The machine: how operations go on. It gets orders that were verified and found fresh, what host, journal, shell and link say,
//! and the time, and returns steps. It knows no signatures, no nonces, no bytes, and does nothing itself.
//!
//! `->` goes on within a boot, `=>` crosses one. Any of them also ends as Failed after 64 transitions or 8 boots. A query is answered, and is
//! no operation.
//!
//! ```text
//! reboot     order for another boot than this -------------------------------------> Succeeded
//!
//!            order -> Accepted -> Preflight ---------> Rebooting ==================> Succeeded
//!                                  |     |   or 5 s     |     |   another boot
//!                                  |     |              |     '- stays up, 15 min -> Failed
//!                                  |     '- inhibited --|--------------------------> Refused
//!                                  '------- cancel -----'- until the host is told -> Cancelled
//!
//! reinstall  order -> Accepted -> Preflight -> Fetching -> Unpacking -> Sealed -> Personalised -> Staged
//!                      | |            '---- fails, or its process dies ----------|-------------'--> Failed
//!                      | '- not recorded ----------------------------------------|----------------> Refused
//!                      '--- cancel ----------------------------------------------'----------------> Cancelled
//!
//!            Staged -- at once, or activated -> Armed -> Rebooting =====> Trial -> Committed -> Cleaning -> Succeeded
//!               | '- the boot record isn't written -----------|------------|----------------------------> Failed
//!               |                                             '== the slot before, its trial is over ===> RolledBack
//!               '- cancel, as long as it holds ---------------------------------------------------------> Cancelled
//!
//! activate   order --- the other one holds and goes on, or goes on already --------> Succeeded
//!              '------ nothing is there that holds --------------------------------> Refused
//!
//! configure  order -> Accepted --- written, applied -------------------------------> Succeeded
//!                      | | |                                                          ^
//!                      | | '- the disk is silent, 15 s -> Unknown - written, applied -'
//!                      | |                                   |
//!                      | '- not written ---------------------'- not written -------> Refused
//!                      '--- written, not applied, 15 s ----------------------------> Failed
//!
//! identify   order -> Accepted --- blinks -----------------------------------------> Succeeded
//!                      '---------- can't, 15 s ------------------------------------> Failed
//!
//! cancel     order --- the other one is given up, or was before -------------------> Succeeded
//!              '------ too late, or nobody knows the other one --------------------> Refused
//! ```
use picket_proto::{BootId, OperationId, Reason, Report, State, command};

use super::{
    Action, BootRecordSaid, IdleSlot, LastOperation, Slots, WorkerEvent,
    known::{Known, Operation},
    order::Order,
};
use crate::{
    config::Periods,
    host::HostEvent,
    journal::{MOST_OPERATIONS, Outcome, Record, Recorded},
};

mod cancel;
mod configure;
mod identify;
mod keep_old;
mod objection;
mod reboot;
mod recovery;
mod reinstall;
mod reinstall_boot;
mod reinstall_record;
mod reinstall_recovery;
mod reinstall_wish;
mod turn;

use configure::Configure;
use identify::Identify;
use keep_old::Keeper;
use reboot::Reboot;
use reinstall::Reinstalling;
use turn::{Turn, bounded, capped, unsupported};

/// An operation makes at most this many transitions in a boot.
pub(super) const MOST_TRANSITIONS: u32 = 64;
/// An operation lasts at most this many boots.
pub(super) const MOST_BOOTS: u8 = 8;
/// The journal, the shell and the host have this long to answer before an operation goes on without them. Each has a shorter
/// deadline of its own.
const PATIENCE_MS: u64 = 15_000;
/// A report carries at most this many warnings.
const MOST_WARNINGS: usize = 8;

/// What can happen to operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Do it.
    Ordered(Order),
    /// A reboot was ordered in a boot that is over.
    Proven(Order),
    /// The link is up, or down.
    Link(Link),
    /// The broker has the report that says so, or will not have it.
    Told(OperationId, State),
    /// See [`Outcome`].
    Journal(Outcome),
    /// See [`HostEvent`].
    Host(HostEvent),
    /// What became of [`Action::Configure`].
    Configured(Result<(), String>),
    /// See [`WorkerEvent`].
    Worker(WorkerEvent),
    /// What became of [`Action::Arm`] or [`Action::Commit`].
    BootRecord(BootRecordSaid),
    /// What became of [`Action::LookAt`].
    Idle(Result<IdleSlot, String>),
    /// Time has passed.
    Deadline,
}

/// Whether reports reach the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Up,
    Down,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Tell this transition.
    Tell(Report),
    /// Tell how far it is, if nothing newer is to be told.
    Progress(Report),
    /// Have this done.
    Do(Action),
}

/// All operations. At most one of those that act on the machine is under way.
#[derive(Debug)]
pub(super) struct Machine {
    boot: BootId,
    /// Of the configuration's file.
    periods: Periods,
    /// What the journal holds for certain.
    record: Record,
    known: Known,
    link: Link,
    reboot: Option<Reboot>,
    configure: Option<Configure>,
    identify: Option<Identify>,
    reinstall: Option<Reinstalling>,
    keeper: Keeper,
    slots: Slots,
    steps: Vec<Step>,
}

impl Machine {
    /// The machine at a start, with what the export and the journal hold.
    pub(super) fn new(
        boot: BootId,
        periods: Periods,
        slots: Slots,
        record: Option<Record>,
    ) -> Self {
        let mut machine = Self {
            boot,
            periods,
            record: Record::default(),
            known: Known::default(),
            link: Link::Down,
            reboot: None,
            configure: None,
            identify: None,
            reinstall: None,
            keeper: Keeper::default(),
            slots,
            steps: Vec::new(),
        };
        machine.recover(record.unwrap_or_default());
        machine.recover_trial();
        machine
    }

    /// Takes what happened at `now_ms` and returns what comes of it, in order.
    pub(super) fn handle(&mut self, event: Event, now_ms: u64) -> Vec<Step> {
        match event {
            Event::Ordered(order) => self.ordered(order, now_ms),
            Event::Proven(order) => self.proven(order, now_ms),
            Event::Link(link) => self.link(link, now_ms),
            Event::Told(operation, State::Rebooting) => self.told(operation, now_ms),
            Event::Told(operation, State::Trial) => self.trial_is_told(operation),
            Event::Told(..) | Event::Deadline => {}
            Event::Worker(event) => self.worker(event, now_ms),
            Event::BootRecord(said) => self.boot_record(said, now_ms),
            Event::Idle(found) => self.looked(found, now_ms),
            Event::Journal(outcome) => self.journal(outcome, now_ms),
            Event::Host(HostEvent::Preflighted(found)) => self.preflighted(found, now_ms),
            Event::Host(HostEvent::Rung(words)) => self.rung(words, now_ms),
            Event::Host(HostEvent::Stayed(words)) => self.stayed(words, now_ms),
            Event::Host(HostEvent::Identified(result)) => self.identified(result, now_ms),
            // The process ends now; whether it was for good the next boot tells.
            Event::Host(HostEvent::Down) => {}
            Event::Configured(result) => self.configured(result, now_ms),
        }
        self.pass_time(now_ms);
        std::mem::take(&mut self.steps)
    }

    /// When [`Event::Deadline`] is wanted; 0 when there is something to tell at once.
    pub(super) fn deadline(&self) -> Option<u64> {
        let times = [
            self.reboot.as_ref().map(|reboot| reboot.until_ms),
            self.configure.as_ref().and_then(|one| one.until_ms),
            self.identify.as_ref().and_then(|one| one.until_ms),
            self.reinstall.as_ref().and_then(Reinstalling::deadline),
            self.keep_deadline(),
            (!self.steps.is_empty()).then_some(0),
        ];
        times.into_iter().flatten().min()
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    pub(super) fn status(&self) -> Option<LastOperation> {
        self.known.status()
    }

    /// Bytes of memory that operations hold.
    pub(super) fn memory(&self) -> usize {
        let recorded =
            size_of::<Recorded>() * (self.record.operations.capacity() + MOST_OPERATIONS);
        let foreign = self
            .record
            .unknown
            .iter()
            .map(|field| field.body.capacity());
        self.known.memory() + recorded + foreign.sum::<usize>()
    }

    fn ordered(&mut self, order: Order, now_ms: u64) {
        use command::Action as Wanted;
        let (operation, action) = (order.operation, order.action.clone());
        match action {
            Wanted::Cancel { operation: other } => return self.cancel(order, other, now_ms),
            Wanted::Activate { operation: other } => return self.activate(order, other, now_ms),
            _ => {}
        }
        self.take_on(order);
        self.turn(operation, Turn::to(State::Accepted), now_ms);
        match action {
            Wanted::Reboot { force } => self.begin_reboot(operation, force, now_ms),
            Wanted::Configure {
                sample_every_ms,
                window_ms,
            } => self.begin_configure(operation, (sample_every_ms, window_ms), now_ms),
            Wanted::Identify { seconds } => self.begin_identify(operation, seconds, now_ms),
            Wanted::Reinstall(wanted) => self.begin_reinstall(operation, wanted),
            Wanted::Cancel { .. }
            | Wanted::Query { .. }
            | Wanted::Activate { .. }
            | Wanted::Unknown { .. } => {
                let detail = unsupported(action.id());
                self.turn(
                    operation,
                    Turn::refused(Reason::Unsupported, detail),
                    now_ms,
                );
            }
        }
    }

    fn link(&mut self, link: Link, now_ms: u64) {
        self.link = link;
        if link == Link::Down {
            self.unheard(now_ms);
        }
    }

    fn pass_time(&mut self, now_ms: u64) {
        self.reboot_is_late(now_ms);
        self.configure_is_late(now_ms);
        self.identify_is_late(now_ms);
        self.reinstall_is_late(now_ms);
        self.keep_is_due(now_ms);
    }

    fn take_on(&mut self, order: Order) {
        let active = self.active();
        self.known.push(Operation::ordered(order), &active);
    }

    /// What is under way, and so must stay known.
    fn active(&self) -> Vec<OperationId> {
        let slots = [
            self.reboot.as_ref().map(|one| one.operation),
            self.configure.as_ref().map(|one| one.operation),
            self.identify.as_ref().map(|one| one.operation),
            self.reinstall.as_ref().map(|one| one.operation),
        ];
        slots.into_iter().flatten().collect()
    }

    /// Lets an operation come into a state, and tells it. What is final holds no place any more.
    fn turn(&mut self, operation: OperationId, turn: Turn, now_ms: u64) {
        let Some(known) = self.known.get_mut(operation) else {
            return;
        };
        let turn = match known.transitions + 1 < MOST_TRANSITIONS || turn.state.is_final() {
            true => turn,
            false => Turn::failed(Reason::Cap, capped()),
        };
        known.transitions += 1;
        known.state = turn.state;
        known.reason = turn.reason;
        known.detail = turn.detail.map(|detail| bounded(&detail));
        known.since_ms = Some(now_ms);
        let report = known.report(self.boot);
        self.steps.push(Step::Tell(report));
        if turn.state.is_final() {
            self.release(operation);
        }
    }

    fn release(&mut self, operation: OperationId) {
        self.reboot.take_if(|one| one.operation == operation);
        self.configure.take_if(|one| one.operation == operation);
        self.reinstall.take_if(|one| one.operation == operation);
        if let Some(one) = &mut self.identify {
            one.until_ms.take_if(|_| one.operation == operation);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// What stands between the fences, and before that in each line.
    fn diagram(text: &str, prefix: &str) -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.strip_prefix(prefix).unwrap_or_default());
        let from = lines.skip_while(|line| *line != "```text").skip(1);
        from.take_while(|line| *line != "```")
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_diagram_is_the_one_that_operators_read_and_names_every_state() {
        let here: Vec<String> = include_str!("mod.rs")
            .lines()
            .map(|line| if line == "//!" { "//! " } else { line })
            .map(str::to_owned)
            .collect();
        let here = diagram(&here.join("\n"), "//! ");
        let there = diagram(include_str!("../../../../docs/COMMANDS.md"), "");
        assert!(here.len() > 10, "{here:?}");
        assert_eq!(here, there);
        let words = here.iter().flat_map(|line| line.split_whitespace());
        let states: BTreeSet<&str> = words
            .filter(|word| word.starts_with(char::is_uppercase))
            .collect();
        let expected = "Accepted Armed Cancelled Cleaning Committed Failed Fetching Personalised Preflight Rebooting Refused RolledBack Sealed Staged Succeeded Trial Unknown Unpacking";
        assert_eq!(states, expected.split(' ').collect());
    }
}
