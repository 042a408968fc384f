//! What a collector has: tick ranges and events of each boot. The agent may forget what is named here.
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{BootId, DecodeError, frame::Body, frame::Kind, wire};

/// An ack holds at most this many boots.
pub const MAX_BOOTS: usize = 64;
/// An ack holds at most this many ranges for a boot.
pub const MAX_RANGES: usize = 1024;

/// Ticks and events that a collector has stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ack {
    /// The name of the collector, as the agent's `ack` setting spells it.
    pub collector: alloc::string::String,
    /// What it has of each boot.
    pub boots: Vec<BootAck>,
}

/// What a collector has of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootAck {
    /// Which boot.
    pub boot: BootId,
    /// Ticks, as ascending ranges that do not touch.
    pub ticks: Vec<TickRange>,
    /// Event sequence numbers, as ascending ranges that do not touch.
    pub events: Vec<TickRange>,
}

/// A range of tick or event numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TickRange {
    /// The first number.
    pub first: u64,
    /// The last number, not below the first.
    pub last: u64,
}

impl TickRange {
    /// Whether `number` lies in the range.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

impl Body for Ack {
    const KIND: Kind = Kind::Ack;

    fn write(&self, out: &mut Vec<u8>) {
        wire::put(self, out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (collector, rest) = wire::take(bytes, "collector of the ack")?;
        let (boots, rest) = wire::take_list(rest, MAX_BOOTS, "boots of the ack", take_boot)?;
        wire::end(rest)?;
        Ok(Self { collector, boots })
    }
}

fn take_boot(bytes: &[u8]) -> Result<(BootAck, &[u8]), DecodeError> {
    let (boot, rest) = wire::take(bytes, "boot of the ack")?;
    let (ticks, rest) = take_ranges(rest, "tick ranges of the ack")?;
    let (events, rest) = take_ranges(rest, "event ranges of the ack")?;
    let ack = BootAck {
        boot,
        ticks,
        events,
    };
    Ok((ack, rest))
}

fn take_ranges<'a>(
    bytes: &'a [u8],
    part: &'static str,
) -> Result<(Vec<TickRange>, &'a [u8]), DecodeError> {
    let range = |bytes| wire::take::<TickRange>(bytes, part);
    let (ranges, rest) = wire::take_list(bytes, MAX_RANGES, part, range)?;
    let ascend = ranges.windows(2).all(|pair| pair[0].last < pair[1].first);
    if !ascend || ranges.iter().any(|range| range.last < range.first) {
        return Err(DecodeError::Invalid(part));
    }
    Ok((ranges, rest))
}
