//! Ticks become batches: a batch is a uniform run of ticks. A hole, another period, other metrics or a tick far off its
//! slot start a new one. Knows no clock and no window; `mod.rs` says when to seal.
use picket_proto::{
    Batch, BatchHeader, BootId, Column, MetricId, Reading, WallClock, batch::MAX_TICKS,
};

use crate::sampler::Sample;

/// Bytes of readings that an open batch may hold.
const OPEN_BYTES: usize = 16 * 1024;

/// One numbered tick.
#[derive(Debug, Clone)]
pub(super) struct Tick {
    pub(super) number: u64,
    pub(super) boottime_ms: u64,
    pub(super) period_ms: u32,
    pub(super) wall: WallClock,
    pub(super) sample: Sample,
}

/// The batch that is being filled.
#[derive(Debug)]
pub(super) struct Batcher {
    boot: BootId,
    room: usize,
    open: Option<Batch>,
}

impl Batcher {
    /// The batches of that boot; an open one takes at most `room` bytes, and never more than 16 KiB.
    pub(super) fn new(boot: BootId, room: usize) -> Self {
        Self {
            boot,
            room: room.min(OPEN_BYTES),
            open: None,
        }
    }

    /// Adds a tick. Returns the batch that it ends: the one before, when the tick does not go on with it.
    pub(super) fn push(&mut self, tick: Tick) -> Option<Batch> {
        let goes_on = self
            .open
            .as_ref()
            .is_some_and(|open| self.goes_on(open, &tick));
        let ended = if goes_on { None } else { self.open.take() };
        let (boot, wall) = (self.boot, tick.wall);
        let open = self.open.get_or_insert_with(|| started(boot, &tick));
        open.header.count += 1;
        open.header.wall = wall;
        for (column, (_, reading)) in open.columns.iter_mut().zip(tick.sample.0) {
            column.readings.push(reading);
        }
        ended
    }

    /// Ends the open batch.
    pub(super) fn seal(&mut self) -> Option<Batch> {
        self.open.take()
    }

    /// The open batch so far.
    pub(super) fn open(&self) -> Option<&Batch> {
        self.open.as_ref()
    }

    /// Bytes that the open batch takes.
    pub(super) fn memory(&self) -> usize {
        self.open.as_ref().map_or(0, |open| {
            let readings = open
                .columns
                .iter()
                .map(|column| super::allocation(column.readings.capacity() * size_of::<Reading>()));
            super::allocation(open.columns.capacity() * size_of::<Column>())
                + readings.sum::<usize>()
        })
    }

    fn goes_on(&self, open: &Batch, tick: &Tick) -> bool {
        let header = &open.header;
        let slot = header.boottime_ms(header.count);
        let rows = usize::from(header.count) + 1;
        let bytes = rows * open.columns.len() * size_of::<Reading>();
        header.period_ms == tick.period_ms
            && header.tick(header.count) == tick.number
            && slot.abs_diff(tick.boottime_ms) <= tolerance(tick.period_ms)
            && header.count < MAX_TICKS
            && bytes <= self.room
            && metrics(open).eq(tick.sample.0.iter().map(|(metric, _)| *metric))
    }
}

/// How far off its slot a tick may be and still be told by the slot's time: a tenth of the period.
fn tolerance(period_ms: u32) -> u64 {
    u64::from(period_ms / 10)
}

fn metrics(open: &Batch) -> impl Iterator<Item = MetricId> + '_ {
    open.columns.iter().map(|column| column.metric)
}

/// A batch without rows that begins with `tick`.
fn started(boot: BootId, tick: &Tick) -> Batch {
    let columns = tick.sample.0.iter().map(|(metric, _)| Column {
        metric: *metric,
        readings: Vec::new(),
    });
    Batch {
        header: BatchHeader {
            boot,
            first_tick: tick.number,
            first_boottime_ms: tick.boottime_ms,
            period_ms: tick.period_ms,
            stride: 1,
            count: 0,
            wall: tick.wall,
            lost: 0,
        },
        columns: columns.collect(),
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::{Gap, Quality};

    use super::*;

    #[test]
    fn a_uniform_run_is_one_batch() {
        let mut batcher = batcher();
        for number in 0..5 {
            assert_eq!(batcher.push(tick(number)), None);
        }
        let batch = batcher.seal().unwrap();
        assert_eq!((batch.header.first_tick, batch.header.count), (0, 5));
        assert_eq!(batch.header.first_boottime_ms, 100);
        assert_eq!(
            batch.columns[0].readings,
            [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]
        );
        assert_eq!(batch.columns[1].readings, [Err(Gap::Absent); 5]);
        assert_eq!(batcher.seal(), None);
    }

    #[test]
    fn what_is_not_uniform_starts_a_new_batch() {
        for (why, next) in [
            ("a hole", tick(4)),
            (
                "another period",
                Tick {
                    period_ms: 5_000,
                    ..tick(3)
                },
            ),
            (
                "late by more than a tenth",
                Tick {
                    boottime_ms: 31_101,
                    ..tick(3)
                },
            ),
            (
                "early by more than a tenth",
                Tick {
                    boottime_ms: 29_099,
                    ..tick(3)
                },
            ),
            (
                "other metrics",
                Tick {
                    sample: Sample(vec![(MetricId(1), Ok(3))]),
                    ..tick(3)
                },
            ),
        ] {
            let mut batcher = filled();
            let ended = batcher.push(next).unwrap_or_else(|| panic!("{why}"));
            assert_eq!(ended.header.count, 3, "{why}");
            assert_eq!(batcher.open().unwrap().header.count, 1, "{why}");
        }
    }

    #[test]
    fn a_little_jitter_and_a_new_wall_clock_go_on() {
        let wall = WallClock {
            offset_ms: 77,
            quality: Quality::Synchronised,
        };
        let mut batcher = filled();
        assert_eq!(
            batcher.push(Tick {
                boottime_ms: 31_100,
                ..tick(3)
            }),
            None
        );
        assert_eq!(
            batcher.push(Tick {
                wall,
                boottime_ms: 39_100,
                ..tick(4)
            }),
            None
        );
        let header = batcher.seal().unwrap().header;
        assert_eq!((header.count, header.wall), (5, wall));
    }

    #[test]
    fn a_full_batch_ends() {
        let mut batcher = batcher();
        let ended = (0..600).find_map(|number| batcher.push(tick(number)));
        assert_eq!(ended.unwrap().header.count, 512);
        assert!(batcher.memory() < 17 * 1024);
    }

    fn batcher() -> Batcher {
        Batcher::new(BootId([1; 16]), OPEN_BYTES)
    }

    fn filled() -> Batcher {
        let mut batcher = batcher();
        for number in 0..3 {
            batcher.push(tick(number));
        }
        batcher
    }

    fn tick(number: u64) -> Tick {
        Tick {
            number,
            boottime_ms: 100 + number * 10_000,
            period_ms: 10_000,
            wall: WallClock {
                offset_ms: 0,
                quality: Quality::Unset,
            },
            sample: Sample(vec![
                (MetricId(1), Ok(number as i64)),
                (MetricId(2), Err(Gap::Absent)),
            ]),
        }
    }
}
