//! Events: edges of states, each with the time of the edge. An event that this version does not know is kept as bytes.
use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    BootId, DecodeError, DiskFault, NfsVerdict, WallClock, frame::Body, frame::Kind, json, wire,
};

/// A report holds at most this many events.
pub const MAX_EVENTS: usize = 256;

/// Events of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventReport {
    /// The boot that they belong to.
    pub boot: BootId,
    /// What the wall clock said when the report was made.
    pub wall: WallClock,
    /// Events of this boot that are lost for good.
    pub lost: u64,
    /// The events, by ascending sequence number.
    pub events: Vec<Event>,
}

/// One edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Counted from 0 in each boot; names the event together with the boot id.
    pub sequence: u64,
    /// CLOCK_BOOTTIME of the edge, in ms.
    pub boottime_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The agent started.
    AgentStarted {
        /// Its version.
        version: String,
    },
    /// The agent stops in an orderly way.
    AgentStopping,
    /// The SoC's temperature went over a configured limit, or back below it by the hysteresis.
    TemperatureLimit {
        /// Over it, or back.
        active: bool,
        /// The limit, in thousandths of a degree Celsius.
        limit: i32,
        /// The reading at the edge, in thousandths of a degree Celsius.
        reading: i32,
    },
    /// The firmware throttles the CPU.
    Throttled {
        /// It begins, or ends.
        active: bool,
    },
    /// The firmware caps the CPU's frequency.
    FrequencyCapped {
        /// It begins, or ends.
        active: bool,
    },
    /// The supply voltage is too low.
    UnderVoltage {
        /// It begins, or ends.
        active: bool,
    },
    /// The kernel calls the wall clock synchronised.
    ClockSynchronised {
        /// It begins, or ends.
        active: bool,
    },
    /// The wall clock jumped against boottime by more than a second.
    ClockJumped {
        /// By how much, in ms; positive is forward.
        by_ms: i64,
    },
    /// The spool was full and ticks were given up, or ticks were not made.
    TicksLost {
        /// How many since the last such event.
        count: u64,
    },
    /// The broker sent a packet that is larger than the agent accepts; commands are off for a while.
    OversizedPacket {
        /// Commands are off, or on again.
        active: bool,
    },
    /// The NFS server of the root file system stands otherwise.
    NfsVerdict(NfsVerdict),
    /// The disk refuses something, or takes it again.
    DiskFault {
        /// It refuses, or takes it again.
        active: bool,
        /// What it refuses; of several the one that was met last.
        fault: DiskFault,
    },
    /// A kind that a newer agent knows.
    Unknown {
        /// Its number.
        id: u16,
        /// Its body.
        #[serde(serialize_with = "json::hex")]
        body: Vec<u8>,
    },
}

#[derive(Serialize, Deserialize)]
struct Head {
    boot: BootId,
    wall: WallClock,
    lost: u64,
}

impl Body for EventReport {
    const KIND: Kind = Kind::Event;

    fn write(&self, out: &mut Vec<u8>) {
        wire::put(
            &Head {
                boot: self.boot,
                wall: self.wall,
                lost: self.lost,
            },
            out,
        );
        wire::put(&self.events.len(), out);
        for event in &self.events {
            let mut body = Vec::new();
            event.what.write(&mut body);
            let id = event.what.id();
            wire::put(&(event.sequence, event.boottime_ms, id, body), out);
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (head, rest): (Head, _) = wire::take(bytes, "event header")?;
        let (events, rest) = wire::take_list(rest, MAX_EVENTS, "list of events", take_event)?;
        wire::end(rest)?;
        if events
            .windows(2)
            .any(|pair| pair[0].sequence >= pair[1].sequence)
        {
            return Err(DecodeError::Invalid("order of the events"));
        }
        Ok(Self {
            boot: head.boot,
            wall: head.wall,
            lost: head.lost,
            events,
        })
    }
}

/// An event is sequence number, boottime, id and length-prefixed body.
fn take_event(bytes: &[u8]) -> Result<(Event, &[u8]), DecodeError> {
    type Entry<'a> = (u64, u64, u16, &'a [u8]);
    let (entry, rest): (Entry<'_>, _) = wire::take(bytes, "event")?;
    let (sequence, boottime_ms, id, body) = entry;
    let event = Event {
        sequence,
        boottime_ms,
        what: EventKind::read(id, body)?,
    };
    Ok((event, rest))
}

impl EventKind {
    /// The number that names this kind on the wire.
    #[must_use]
    pub fn id(&self) -> u16 {
        match self {
            Self::AgentStarted { .. } => 1,
            Self::AgentStopping => 2,
            Self::TemperatureLimit { .. } => 3,
            Self::Throttled { .. } => 4,
            Self::FrequencyCapped { .. } => 5,
            Self::UnderVoltage { .. } => 6,
            Self::ClockSynchronised { .. } => 7,
            Self::ClockJumped { .. } => 8,
            Self::TicksLost { .. } => 9,
            Self::OversizedPacket { .. } => 10,
            Self::NfsVerdict(_) => 11,
            Self::DiskFault { .. } => 12,
            Self::Unknown { id, .. } => *id,
        }
    }

    /// Appends the body.
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::AgentStarted { version } => wire::put(version, out),
            Self::AgentStopping => {}
            Self::TemperatureLimit {
                active,
                limit,
                reading,
            } => wire::put(&(active, limit, reading), out),
            Self::Throttled { active }
            | Self::FrequencyCapped { active }
            | Self::UnderVoltage { active }
            | Self::ClockSynchronised { active }
            | Self::OversizedPacket { active } => wire::put(active, out),
            Self::ClockJumped { by_ms } => wire::put(by_ms, out),
            Self::TicksLost { count } => wire::put(count, out),
            Self::NfsVerdict(verdict) => wire::put(verdict, out),
            Self::DiskFault { active, fault } => wire::put(&(active, fault), out),
            Self::Unknown { body, .. } => out.extend_from_slice(body),
        }
    }

    fn read(id: u16, body: &[u8]) -> Result<Self, DecodeError> {
        let state = || wire::whole::<bool>(body, "event body");
        Ok(match id {
            1 => Self::AgentStarted {
                version: wire::whole(body, "event body")?,
            },
            2 => wire::end(body).map(|()| Self::AgentStopping)?,
            3 => {
                let (active, limit, reading) = wire::whole(body, "event body")?;
                Self::TemperatureLimit {
                    active,
                    limit,
                    reading,
                }
            }
            4 => Self::Throttled { active: state()? },
            5 => Self::FrequencyCapped { active: state()? },
            6 => Self::UnderVoltage { active: state()? },
            7 => Self::ClockSynchronised { active: state()? },
            8 => Self::ClockJumped {
                by_ms: wire::whole(body, "event body")?,
            },
            9 => Self::TicksLost {
                count: wire::whole(body, "event body")?,
            },
            10 => Self::OversizedPacket { active: state()? },
            11 => Self::NfsVerdict(wire::whole(body, "event body")?),
            12 => {
                let (active, fault) = wire::whole(body, "event body")?;
                Self::DiskFault { active, fault }
            }
            _ => Self::Unknown {
                id,
                body: body.into(),
            },
        })
    }
}
