//! What the collector reports: new ticks and events, news of a device, and warnings. Knows no format of output.
use std::fmt;

use picket_proto::{
    BootId, Channel, DecodeError, DeviceId, Event, MetricId, Presence, Quality, Reading, Report,
    Status, WallClock,
};

use super::Clash;

/// One thing that a received message brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// A tick, reported once.
    Tick(Tick),
    /// An event, reported once.
    Event(SeenEvent),
    /// What a device says that it is.
    Status {
        /// Whose.
        device: DeviceId,
        /// What it says, with over-long texts and lists cut.
        status: Box<Status>,
    },
    /// A device came or went.
    Presence {
        /// Whose.
        device: DeviceId,
        /// What it, or its will, says.
        presence: Presence,
    },
    /// How an operation stands, as often as a device says it.
    Report {
        /// Whose.
        device: DeviceId,
        /// What it says, with over-long texts and lists cut.
        report: Box<Report>,
    },
    /// The time of a boot became known, better known, or another: its earlier ticks were at these times too.
    Clock {
        /// Whose.
        device: DeviceId,
        /// Which boot.
        boot: BootId,
        /// Unix time of a tick is this offset and its boottime.
        wall: WallClock,
    },
    /// Something that a person should look at, reported when it begins.
    Warning {
        /// Whose.
        device: DeviceId,
        /// What.
        warning: Warning,
    },
}

impl Update {
    pub(super) fn warning(device: DeviceId, warning: Warning) -> Self {
        Self::Warning { device, warning }
    }
}

/// A tick that was not known before.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Whose.
    pub device: DeviceId,
    /// In which boot.
    pub boot: BootId,
    /// Its number in that boot.
    pub tick: u64,
    /// CLOCK_BOOTTIME in ms.
    pub boottime_ms: u64,
    /// Unix time in ms as far as known at its arrival; `None` while the boot's wall clock was never set.
    pub unix_ms: Option<i64>,
    /// How far to trust `unix_ms`.
    pub quality: Quality,
    /// Every metric of the batch, by ascending id.
    pub readings: Vec<(MetricId, Reading)>,
    /// Ticks of this boot that are lost for good, as its batch says.
    pub lost: u64,
    /// [`Channel::Telemetry`] or [`Channel::Backlog`].
    pub channel: Channel,
}

/// An event that was not known before.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenEvent {
    /// Whose.
    pub device: DeviceId,
    /// In which boot.
    pub boot: BootId,
    /// What, and at which boottime.
    pub event: Event,
    /// Unix time in ms as far as known at its arrival.
    pub unix_ms: Option<i64>,
    /// How far to trust `unix_ms`.
    pub quality: Quality,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// More than one machine speaks under this id.
    Clash(Clash),
    /// The wall clock of the device is off by so many ms; positive is ahead of ours.
    ClockOff(i64),
    /// A message was refused.
    Refused(Channel, Refusal),
    /// Too many boots: the one that was silent longest is forgotten, and its ticks would count as new.
    BootForgotten(BootId),
    /// Too many holes in the ticks of a boot: the oldest are closed, and their ticks would count as known.
    HolesClosed(BootId),
    /// Too many devices: this one was silent longest and is forgotten.
    DeviceForgotten,
}

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It can't be decoded.
    Decode(DecodeError),
    /// A number in it is beyond what any machine reaches.
    OutOfRange(&'static str),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clash(clash) => clash.fmt(f),
            Self::ClockOff(by_ms) if *by_ms > 0 => {
                write!(f, "its clock is {} s ahead of ours", by_ms / 1000)
            }
            Self::ClockOff(by_ms) => {
                write!(
                    f,
                    "its clock is {} s behind ours",
                    by_ms.unsigned_abs() / 1000
                )
            }
            Self::Refused(channel, Refusal::Decode(error)) => {
                write!(f, "a message on its {channel} topic is refused: {error}")
            }
            Self::Refused(channel, Refusal::OutOfRange(what)) => {
                write!(
                    f,
                    "a message on its {channel} topic is refused: the {what} is out of range"
                )
            }
            Self::BootForgotten(boot) => {
                write!(f, "too many boots, {boot} is forgotten")
            }
            Self::HolesClosed(boot) => {
                write!(
                    f,
                    "too many holes in the ticks of boot {boot}, the oldest are closed"
                )
            }
            Self::DeviceForgotten => write!(f, "too many devices, this one is forgotten"),
        }
    }
}
