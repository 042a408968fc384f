//! What goes into the telemetry core and what comes out of it. Data only.
use picket_proto::{Ack, BootId, Channel, DeviceId, EventKind, WallClock};
use serde::{Deserialize, Serialize};

use crate::{config::Periods, sampler::Sample};

/// Bytes of memory that telemetry may hold, unless configured otherwise: a day of 14 metrics.
pub const DEFAULT_SPOOL_BYTES: usize = 96 * 1024;
/// The smallest spool. A smaller `spool_bytes` counts as this.
pub const MIN_SPOOL_BYTES: usize = 16 * 1024;
/// Temperature limits unless configured otherwise, in thousandths of a degree: the firmware begins to throttle at 80 °C
/// and is at its hardest at 85 °C; the kernel powers the Pi off at 90 °C.
pub const DEFAULT_TEMPERATURE_LIMITS: [i32; 2] = [80_000, 85_000];
/// How far below a limit the temperature must fall before the limit counts as left, unless configured otherwise. Ten
/// steps of the coarsest sensor: what one burst of load moves.
pub const DEFAULT_HYSTERESIS: i32 = 5_000;
/// At most this many temperature limits count; further ones are ignored.
pub const MAX_TEMPERATURE_LIMITS: usize = 8;

/// Who must confirm a tick before the agent forgets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AckMode {
    /// The collector of that name, by an [`Ack`] that names the tick.
    Collector(String),
    /// The broker, by its PUBACK.
    Puback,
}

/// How telemetry is set up. Valid values; a period or window of 0 counts as 1 ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// This boot.
    pub boot: BootId,
    /// This device: its hash is the offset of its flushes in the window.
    pub device: DeviceId,
    /// Time between ticks, in ms.
    pub period_ms: u32,
    /// Time between live batches, in ms. A window of more ticks than an eighth of the spool goes out in pieces.
    pub window_ms: u32,
    /// Who must confirm.
    pub ack: AckMode,
    /// Bytes of memory that telemetry may hold; at least [`MIN_SPOOL_BYTES`].
    pub spool_bytes: usize,
    /// Temperatures whose crossing is an event, in thousandths of a degree Celsius.
    pub temperature_limits: Vec<i32>,
    /// How far below a limit it counts as left, in thousandths of a degree Celsius.
    pub hysteresis: i32,
}

/// How far this boot has come: kept in the run directory after each tick, all 0 at the first start in a boot.
///
/// If the agent dies without saving its spool, what is neither delivered nor lost by these numbers is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Resume {
    /// The number of the next tick.
    pub next_tick: u64,
    /// Ticks that need no more care: delivered or lost.
    pub settled: u64,
    /// How many of the settled ones are lost.
    pub lost: u64,
    /// The number of the next event.
    pub next_event: u64,
    /// Events that need no more care.
    pub events_settled: u64,
    /// How many of those are lost.
    pub events_lost: u64,
}

/// Names one publish for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// Everything that can happen to telemetry.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The sampler has sampled.
    Tick {
        /// CLOCK_BOOTTIME of the tick's slot, in ms.
        boottime_ms: u64,
        /// How many slots passed without a sample since the last tick. They get numbers and count as lost.
        missed: u64,
        /// What the wall clock says.
        wall: WallClock,
        /// What was read.
        sample: Sample,
    },
    /// The link is up, and subscribed where it must be.
    Connected,
    /// The link is down; what is not confirmed is offered again.
    Disconnected,
    /// The broker confirmed a publish.
    Delivered(DeliveryId),
    /// The link did not take a publish; it is offered again later.
    Refused(DeliveryId),
    /// A collector's ack came.
    Acked(Ack),
    /// The broker sends a packet that is too large, so that commands are off, or they are on again.
    OversizedPacket {
        /// Off, or on again.
        active: bool,
    },
    /// An edge that somebody else found. It is worth a flush of its own.
    Edge(EventKind),
    /// The time that [`super::Telemetry::deadline`] named has come.
    Deadline,
    /// Ticks and batches come at other times from now on. What was sampled at the old ones goes out first.
    Configure(Periods),
    /// Send what there is now: a report goes out, or a reboot is near.
    Flush,
    /// The agent stops: send what there is now. [`super::Telemetry::save`] comes next.
    Stop,
}

/// What the link must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Publish with QoS 1, not retained. Answer with [`Input::Delivered`] or [`Input::Refused`].
    Publish {
        /// Names the publish.
        delivery: DeliveryId,
        /// [`Channel::Telemetry`], [`Channel::Backlog`] or [`Channel::Event`].
        channel: Channel,
        /// The frame.
        payload: Vec<u8>,
    },
}
