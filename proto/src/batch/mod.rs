//! A batch: consecutive ticks of one boot, a column a metric. Self-contained, so that any batch can be read alone.
pub(crate) mod layout;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{BootId, MetricId, Reading, TickRange, json};

/// A batch holds at most this many ticks.
pub const MAX_TICKS: u16 = 1024;
/// No tick number, event number, count of lost ticks or boottime in ms is larger: 2^53 - 1, which every reader of JSON
/// still holds exactly. It is 285 thousand years of boottime.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;
/// A batch holds at most this many columns.
pub const MAX_COLUMNS: usize = 128;

/// Ticks of one boot with their readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Batch {
    /// Which ticks, when, and how far they can be trusted.
    pub header: BatchHeader,
    /// One column a metric, by ascending metric id, each with `header.count` readings.
    pub columns: Vec<Column>,
}

/// Which ticks a batch holds and when they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHeader {
    /// The boot whose ticks these are.
    pub boot: BootId,
    /// Number of the first tick, counted from 0 in each boot.
    pub first_tick: u64,
    /// CLOCK_BOOTTIME of the first tick, in ms.
    pub first_boottime_ms: u64,
    /// Time from one tick number to the next, in ms.
    pub period_ms: u32,
    /// Every how many ticks one is in the batch: 1, or more once old data was thinned.
    pub stride: u16,
    /// How many ticks the batch holds (1 to [`MAX_TICKS`]).
    pub count: u16,
    /// What the wall clock said when the batch was made.
    pub wall: WallClock,
    /// Ticks of this boot that are lost for good, counted when the batch was made.
    pub lost: u64,
}

/// The wall clock, as an offset to CLOCK_BOOTTIME.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallClock {
    /// Unix time in ms at boottime 0.
    pub offset_ms: i64,
    /// How far to trust it.
    pub quality: Quality,
}

/// How far a wall clock can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// It reads earlier than the agent was built: it was never set.
    Unset,
    /// It reads a plausible time; the kernel does not call it synchronised.
    Unsynchronised,
    /// The kernel calls it synchronised (STA_UNSYNC is off).
    Synchronised,
}

/// All readings of one metric in a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Which metric.
    pub metric: MetricId,
    /// One reading a tick.
    #[serde(serialize_with = "json::readings")]
    pub readings: Vec<Reading>,
}

impl BatchHeader {
    /// The number of the tick in row `row`.
    #[must_use]
    pub fn tick(&self, row: u16) -> u64 {
        self.first_tick
            .saturating_add(u64::from(row) * u64::from(self.stride))
    }

    /// CLOCK_BOOTTIME of the tick in row `row`, in ms.
    #[must_use]
    pub fn boottime_ms(&self, row: u16) -> u64 {
        let step = u64::from(self.stride) * u64::from(self.period_ms);
        self.first_boottime_ms
            .saturating_add(u64::from(row).saturating_mul(step))
    }

    /// First and last tick number.
    #[must_use]
    pub fn range(&self) -> TickRange {
        TickRange {
            first: self.first_tick,
            last: self.tick(self.count.saturating_sub(1)),
        }
    }
}

impl WallClock {
    /// Unix time in ms at that boottime.
    #[must_use]
    pub fn unix_ms(&self, boottime_ms: u64) -> i64 {
        self.offset_ms.saturating_add_unsigned(boottime_ms)
    }
}
