//! What goes into the command core and what comes out of it. Data only.
use picket_proto::{
    BootId, Channel, DeviceId, OperationId, Progress, Reason, Reinstall, Report, RootSlot, State,
    WallClock,
};

use crate::{
    config::Periods,
    host::HostEvent,
    journal::{Outcome, Record},
    telemetry::DeliveryId,
    trust::{AllowedSigners, Unjudged},
};

/// How commands are set up.
#[derive(Debug)]
pub struct CommandSettings {
    /// This device.
    pub device: DeviceId,
    /// This boot.
    pub boot: BootId,
    /// Who may command; `None`: nobody, this agent only observes.
    pub signers: Option<AllowedSigners>,
    /// What to do with a signer whose validity can't be judged.
    pub unjudged: Unjudged,
    /// Where the machine stands among its slots.
    pub slots: Slots,
    /// What the configuration's file says: what a `Configure` leaves open is as here.
    pub periods: Periods,
}

/// What a start finds out about the machine's slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slots {
    /// There are none, or nothing says which one runs: what is missing, and the way out.
    Missing(String),
    /// There are.
    Are(Standing),
}

/// Where the machine stands among its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What runs.
    pub mounted: RootSlot,
    /// The slot that can be filled meanwhile: the one that doesn't run; in the rescue system the one that isn't the active one.
    pub idle: RootSlot,
    /// The operation that put it on trial; `None` when it isn't.
    pub trial: Option<OperationId>,
    /// The last trial that ended without a commit: its operation, and why.
    pub fallback: Option<(OperationId, String)>,
    /// Whether images can be had; if not, what is missing in the configuration.
    pub images: Result<(), String>,
}

/// An image, and the slot that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// For which operation.
    pub operation: OperationId,
    /// The slot that isn't running.
    pub slot: RootSlot,
    /// What was ordered.
    pub wanted: Reinstall,
}

/// What the child has to say. After [`WorkerEvent::Staged`], [`WorkerEvent::Cleaned`] and [`WorkerEvent::Failed`] there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerEvent {
    /// A stage begins, or is over, as its name says.
    Stage(State),
    /// How far it is.
    Progress(Progress),
    /// What doesn't keep it from going on.
    Warning(String),
    /// The slot is whole, and durable.
    Staged {
        /// Fingerprints of the image's new host keys.
        host_keys: Vec<String>,
    },
    /// What was to be removed is.
    Cleaned,
    /// It is not done.
    Failed {
        /// Why.
        reason: Reason,
        /// The same in words.
        detail: String,
    },
}

/// What became of a write of the boot record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootRecordSaid {
    /// It is written, or it may be: the next boot tells.
    Written,
    /// It is as before, for that reason.
    Failed(String),
    /// The disk has not answered in time. One of the others follows some day, or never.
    Silent,
}

/// The slot that doesn't run, and the time, as the file server tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleSlot {
    /// Unix time in s, by the file server's clock.
    pub time_s: u64,
    /// The inode number of its root; `None` when it is empty.
    pub tree: Option<u64>,
    /// The boot record names it, or can't be read: it may be booted.
    pub is_wanted: bool,
}

/// The time at which something happens.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// CLOCK_BOOTTIME in ms. It never goes back.
    pub boottime_ms: u64,
    /// The wall clock, which only judges the validity of keys.
    pub wall: WallClock,
}

/// Everything that can happen to commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A message came on `ping`.
    Ping {
        /// Its bytes.
        payload: Vec<u8>,
    },
    /// A message came on `command`.
    Command {
        /// Its bytes.
        payload: Vec<u8>,
        /// The broker had kept it.
        retained: bool,
    },
    /// The link is up, and subscribed where it must be.
    Connected,
    /// The link is down; reports that are not confirmed are offered again.
    Disconnected,
    /// The broker confirmed a publish. Others' deliveries are ignored.
    Delivered(DeliveryId),
    /// The link did not take a publish. Others' deliveries are ignored.
    Refused(DeliveryId),
    /// What became of an [`Action::Record`].
    Journal(Outcome),
    /// What the host has to say.
    Host(HostEvent),
    /// What became of an [`Action::Configure`].
    Configured {
        /// Why not.
        result: Result<(), String>,
    },
    /// What the child says that [`Action::Install`] or [`Action::Remove`] started.
    Worker(WorkerEvent),
    /// What became of an [`Action::Arm`] or [`Action::Commit`].
    BootRecord(BootRecordSaid),
    /// What an [`Action::LookAt`] found, or why nothing.
    Idle(Result<IdleSlot, String>),
    /// The time that [`super::Commands::deadline`] named has come.
    Deadline,
}

/// What the shell must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Publish with QoS 1, not retained. Answer with [`Input::Delivered`] or [`Input::Refused`].
    Publish {
        /// Names the publish; its bit 63 is set, telemetry's have it clear.
        delivery: DeliveryId,
        /// [`Channel::Report`] or [`Channel::Pong`].
        channel: Channel,
        /// The frame.
        payload: Vec<u8>,
    },
    /// Log a transition or a refusal that was not there before.
    Note(Report),
    /// Ask the host what speaks against a reboot. Answer with [`HostEvent::Preflighted`].
    Preflight,
    /// Let the host reboot the machine. It answers with [`HostEvent::Down`] or [`HostEvent::Stayed`], if ever.
    Reboot,
    /// Let the host blink. Answer with [`HostEvent::Identified`].
    Identify {
        /// For how long; 0 ends it.
        seconds: u16,
    },
    /// Write it into the journal. Answer with [`Input::Journal`].
    Record(Record),
    /// Sample and speak at these times from now on. Answer with [`Input::Configured`].
    Configure(Periods),
    /// Start a child that puts an image into a slot. Answer with [`Input::Worker`].
    Install(Box<Install>),
    /// Start a child that removes what a child before left, and that slot, which doesn't run. Answer with [`Input::Worker`].
    Remove(Option<RootSlot>),
    /// Let the child give up. Its last [`Input::Worker`] follows.
    GiveUp,
    /// Have that slot booted next, on trial. Answer with [`Input::BootRecord`].
    Arm {
        /// Which.
        slot: RootSlot,
        /// For which operation.
        operation: OperationId,
    },
    /// Have the slot that runs, on trial, booted from now on. Answer with [`Input::BootRecord`].
    Commit,
    /// Look at that slot, which doesn't run, and what time the file server has. Answer with [`Input::Idle`].
    LookAt(RootSlot),
    /// Log what an operator should see, and no report tells.
    Warn(String),
    /// Telemetry sends what it has.
    Flush,
    /// The last operation stands otherwise than `status` says.
    Status(LastOperation),
}

/// What `status` tells of the operation that was last taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastOperation {
    /// Which.
    pub operation: OperationId,
    /// How it stands.
    pub state: State,
    /// The same in words, if there is more to say.
    pub detail: Option<String>,
}
