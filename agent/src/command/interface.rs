//! What goes into the command core and what comes out of it. Data only.
use picket_proto::{BootId, Channel, DeviceId, OperationId, Report, State, WallClock};

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
    /// What the configuration's file says: what a `Configure` leaves open is as here.
    pub periods: Periods,
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
