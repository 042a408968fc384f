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
        let ack: Self = wire::whole(bytes, "ack")?;
        if ack.boots.len() > MAX_BOOTS
            || ack
                .boots
                .iter()
                .any(|b| b.ticks.len().max(b.events.len()) > MAX_RANGES)
        {
            return Err(DecodeError::TooLarge("ack"));
        }
        Ok(ack)
    }
}
