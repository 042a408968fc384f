//! A Pi whose link, journal, host and shell are a model: each does what a test lets it do, when the test lets it. A crash may come
//! between any two actions. It doesn't know how the core decides.
use std::{cell::Cell, rc::Rc};

use picket_proto::{
    Action as Wanted, BootId, Nonce, OperationId, Pong, Quality, Report, RootSlot, WallClock,
};
use picketd::{
    command::{
        BootRecordSaid, CommandSettings, Commands, Input, Install, LastOperation, Now, Slots,
        Standing, WorkerEvent,
    },
    config::Periods,
    host::{HostEvent, Preflight},
    journal::{Outcome, Record},
    telemetry::DeliveryId,
    trust::{AllowedSigners, Unjudged},
};

use super::orders::{self, DEVICE, Order};

mod perform;

/// Something that the core had done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Did {
    Preflight,
    Reboot,
    Identify(u16),
    Record(Record),
    Configure(Periods),
    Flush,
    Status(LastOperation),
    Install(Box<Install>),
    Remove(Option<RootSlot>),
    GiveUp,
    Arm(RootSlot),
    Commit,
    LookAt(RootSlot),
    Warn(String),
    Note(Report),
    Report(Report),
    Pong(Pong),
}

#[expect(clippy::struct_excessive_bools, reason = "four independent states")]
pub(super) struct World {
    pub(super) core: Commands,
    pub(super) now_ms: u64,
    boots: u8,
    nonce: Rc<Cell<u8>>,
    /// What the disk holds, and what is on its way there.
    pub(super) disk: Option<Record>,
    pub(super) writing: Option<Record>,
    /// The host was told to reboot.
    pub(super) going_down: bool,
    pub(super) connected: bool,
    /// Published, and not confirmed.
    pub(super) in_flight: Vec<(DeliveryId, Vec<u8>)>,
    /// All that was done since it was taken last.
    pub(super) did: Vec<Did>,
    /// The process dies after so many actions.
    pub(super) dies_after: Option<usize>,
    /// What processes there were.
    pub(super) processes: u32,
    /// What boots.
    pub(super) boot_record: BootRecord,
    /// The write of the boot record that is under way.
    pub(super) changing: Option<BootRecord>,
    /// A child is at work: the slot that it fills; or it removes.
    pub(super) filling: Option<RootSlot>,
    pub(super) removing: bool,
    /// The machine was off.
    comes_up: bool,
}

/// The boot record, the slot that runs, and what the initramfs makes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BootRecord {
    pub(super) active: RootSlot,
    pub(super) mounted: RootSlot,
    pub(super) trial: Option<(RootSlot, OperationId, u8)>,
    pub(super) fallback: Option<OperationId>,
    /// The active slot holds nothing.
    pub(super) wiped: bool,
}

impl BootRecord {
    fn new() -> Self {
        Self {
            active: RootSlot::A,
            mounted: RootSlot::A,
            trial: None,
            fallback: None,
            wiped: false,
        }
    }

    fn boots(&mut self) {
        self.mounted = match &mut self.trial {
            Some((slot, _, left @ 1..)) => {
                *left -= 1;
                *slot
            }
            None if self.wiped => RootSlot::Rescue,
            Some((_, operation, _)) => {
                self.fallback = Some(*operation);
                self.trial = None;
                self.active
            }
            None => self.active,
        };
    }

    fn standing(&self) -> Slots {
        let trial = self.trial.filter(|(slot, ..)| *slot == self.mounted);
        let fallback = self.fallback;
        Slots::Are(Standing {
            mounted: self.mounted,
            idle: match self.mounted {
                RootSlot::A => RootSlot::B,
                RootSlot::B => RootSlot::A,
                _ if self.active == RootSlot::A => RootSlot::B,
                _ => RootSlot::A,
            },
            trial: trial.map(|(_, operation, _)| operation),
            fallback: fallback.map(|operation| (operation, "no attempt was committed".to_owned())),
            images: Ok(()),
        })
    }
}

impl World {
    pub(super) fn new() -> Self {
        let nonce = Rc::new(Cell::new(0));
        let mut world = Self {
            core: process(1, &nonce, None, BootRecord::new().standing()),
            now_ms: 60_000,
            boots: 1,
            nonce,
            disk: None,
            writing: None,
            going_down: false,
            connected: false,
            in_flight: Vec::new(),
            did: Vec::new(),
            dies_after: None,
            processes: 1,
            boot_record: BootRecord::new(),
            changing: None,
            filling: None,
            removing: false,
            comes_up: false,
        };
        world.input(Input::Connected);
        world
    }

    /// The boot that runs.
    pub(super) fn boot(&self) -> BootId {
        orders::boot(self.boots)
    }

    /// The nonce that the agent wants now.
    pub(super) fn nonce(&self) -> Nonce {
        Nonce([self.nonce.get(); 16])
    }

    /// A fresh order, by somebody who may give it.
    pub(super) fn fresh(&self, operation: u8, action: Wanted) -> Order {
        Order::new(operation, action, self.boot(), self.nonce())
    }

    /// Gives a fresh order.
    pub(super) fn order(&mut self, operation: u8, action: Wanted) {
        let order = self.fresh(operation, action);
        self.give(&order);
    }

    pub(super) fn give(&mut self, order: &Order) {
        self.message(order.signed_by(&orders::key()));
    }

    pub(super) fn message(&mut self, payload: Vec<u8>) {
        self.input(Input::Command {
            payload,
            retained: false,
        });
    }

    /// Lets something happen to the agent, and does what it wants done.
    pub(super) fn input(&mut self, input: Input) {
        match input {
            Input::Connected => self.connected = true,
            Input::Disconnected => {
                self.connected = false;
                self.in_flight.clear();
            }
            _ => {}
        }
        let now = Now {
            boottime_ms: self.now_ms,
            wall: WallClock {
                offset_ms: 0,
                quality: Quality::Unset,
            },
        };
        for action in self.core.handle(input, &now) {
            if self.dies_after == Some(0) {
                return self.crash();
            }
            self.dies_after = self.dies_after.map(|left| left - 1);
            self.perform(action);
        }
    }

    /// The broker confirms the oldest report.
    pub(super) fn puback(&mut self) {
        if !self.in_flight.is_empty() {
            let (delivery, _) = self.in_flight.remove(0);
            self.input(Input::Delivered(delivery));
        }
    }

    /// The broker confirms all.
    pub(super) fn pubacks(&mut self) {
        while !self.in_flight.is_empty() {
            self.puback();
        }
    }

    pub(super) fn preflighted(&mut self, inhibited: Option<&str>) {
        self.input(Input::Host(HostEvent::Preflighted(Preflight {
            inhibited: inhibited.map(str::to_owned),
            warnings: Vec::new(),
        })));
    }

    /// The disk has answered.
    pub(super) fn written(&mut self) {
        if let Some(record) = self.writing.take() {
            self.disk = Some(record);
            self.input(Input::Journal(Outcome::Written));
        }
    }

    /// The boot record is written.
    pub(super) fn changed(&mut self) {
        if let Some(record) = self.changing.take() {
            self.boot_record = record;
            self.input(Input::BootRecord(BootRecordSaid::Written));
        }
    }

    /// The child says that.
    pub(super) fn child(&mut self, event: WorkerEvent) {
        let last = matches!(
            event,
            WorkerEvent::Staged { .. } | WorkerEvent::Cleaned | WorkerEvent::Failed { .. }
        );
        if last {
            (self.filling, self.removing) = (None, false);
        }
        self.input(Input::Worker(event));
    }

    /// Time passes, and the agent is woken when it wants to be.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(due) = self.core.deadline().filter(|due| *due <= end) {
            self.now_ms = due.max(self.now_ms);
            self.input(Input::Deadline);
            let next = self.core.deadline();
            assert!(
                next.is_none_or(|next| next > self.now_ms),
                "it wants to be woken again at once: {next:?} at {}",
                self.now_ms
            );
        }
        self.now_ms = end;
    }

    /// The process is gone, and the next one runs in the same boot. Of writes that were under way every second one came through. A
    /// machine that was told to go down goes on with that.
    pub(super) fn crash(&mut self) {
        self.dies_after = None;
        let came_through = self.writing.take().filter(|_| self.processes % 2 == 0);
        self.disk = came_through.or(self.disk.take());
        self.in_flight.clear();
        self.connected = false;
        self.processes += 1;
        // The write of the boot record likewise; the child ends with its parent.
        let came_through = self.changing.take().filter(|_| self.processes % 2 == 1);
        if let Some(record) = came_through {
            let mounted = self.boot_record.mounted;
            self.boot_record = BootRecord { mounted, ..record };
        }
        (self.filling, self.removing) = (None, false);
        if self.comes_up {
            self.boot_record.boots();
            self.comes_up = false;
        }
        let slots = self.boot_record.standing();
        self.core = process(self.boots, &self.nonce, self.disk.clone(), slots);
    }

    /// The machine comes up again in another boot.
    pub(super) fn boots(&mut self) {
        self.boots += 1;
        self.now_ms = 20_000;
        self.going_down = false;
        self.comes_up = true;
        self.crash();
    }

    /// What was done since the last call, in short words.
    pub(super) fn take(&mut self) -> Vec<String> {
        self.did.drain(..).filter_map(short).collect()
    }

    /// That was done since the last call, and nothing else.
    #[track_caller]
    pub(super) fn expect(&mut self, expected: &[&str]) {
        assert_eq!(self.take(), expected);
    }
}

fn process(boots: u8, nonce: &Rc<Cell<u8>>, record: Option<Record>, slots: Slots) -> Commands {
    let (signers, problems) = AllowedSigners::parse(&orders::key().line("ops@noc"));
    assert!(problems.is_empty());
    let settings = CommandSettings {
        device: DEVICE,
        boot: orders::boot(boots),
        signers: Some(signers),
        unjudged: Unjudged::Refuse,
        slots,
        periods: Periods::default(),
    };
    let nonce = Rc::clone(nonce);
    let entropy = move || {
        nonce.set(nonce.get().wrapping_add(1));
        Some([nonce.get(); 16])
    };
    Commands::new(settings, record, Box::new(entropy))
}

/// Reports and what is done; not what is logged, and not what `status` says.
fn short(did: Did) -> Option<String> {
    let words = |report: Report| {
        let number = report.operation.map_or(0, |operation| operation.0[0]);
        let state = report.state.unwrap();
        if let Some(progress) = report.progress {
            return format!("{number} {state} {}/{}", progress.bytes, progress.of_bytes);
        }
        match report.reason {
            Some(reason) => format!("{number} {state} {reason}"),
            None => format!("{number} {state}"),
        }
    };
    Some(match did {
        Did::Preflight => "PREFLIGHT".to_owned(),
        Did::Reboot => "REBOOT".to_owned(),
        Did::Identify(seconds) => format!("IDENTIFY {seconds}"),
        Did::Record(_) => "RECORD".to_owned(),
        Did::Configure(periods) => {
            format!("CONFIGURE {}/{}", periods.period_ms(), periods.window_ms())
        }
        Did::Install(install) => format!("INSTALL {}", install.slot),
        Did::Remove(Some(slot)) => format!("REMOVE {slot}"),
        Did::Remove(None) => "REMOVE".to_owned(),
        Did::GiveUp => "GIVE UP".to_owned(),
        Did::Arm(slot) => format!("ARM {slot}"),
        Did::Commit => "COMMIT".to_owned(),
        Did::LookAt(slot) => format!("LOOK AT {slot}"),
        Did::Warn(_) => "WARN".to_owned(),
        Did::Flush => "FLUSH".to_owned(),
        Did::Report(report) => words(report),
        Did::Pong(_) => "pong".to_owned(),
        Did::Status(_) | Did::Note(_) => return None,
    })
}
