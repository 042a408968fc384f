//! Tests of the collector: batches of a made-up device, sent at made-up times.
use picket_proto::{
    Ack, Batch, BatchHeader, BootId, Channel, Column, DeviceId, Presence, Quality, TickRange,
    Topic, WallClock, ack::MAX_RANGES, frame::encode, metric,
};

use super::*;

mod bounds;
mod state;
mod timelines;

/// 2025-01-01T00:00:00Z.
const NOW: i64 = 1_735_689_600_000;
const BOOT: BootId = BootId([1; 16]);
const OTHER: BootId = BootId([2; 16]);

fn collector() -> Collector {
    Collector::new(Settings {
        collector: Some("roof".to_owned()),
        ..Settings::default()
    })
}

fn device(number: u64) -> DeviceId {
    DeviceId(number.to_be_bytes())
}

fn topic(channel: Channel) -> Topic {
    Topic {
        channel,
        device: device(7),
    }
}

/// A batch of ticks 10 s apart whose clock is right when tick 0 of the boot was at `NOW`.
fn batch(boot: BootId, first_tick: u64, count: u16) -> Batch {
    let readings = (0..count).map(|row| Ok(40_000 + i64::from(row))).collect();
    Batch {
        header: BatchHeader {
            boot,
            first_tick,
            first_boottime_ms: 20_000 + first_tick * 10_000,
            period_ms: 10_000,
            stride: 1,
            count,
            wall: WallClock {
                offset_ms: NOW - 20_000,
                quality: Quality::Synchronised,
            },
            lost: 0,
        },
        columns: vec![Column {
            metric: metric::SOC_TEMPERATURE,
            readings,
        }],
    }
}

/// When the last tick of a batch was, by its own clock.
fn made(batch: &Batch) -> i64 {
    let header = &batch.header;
    header.wall.unix_ms(header.boottime_ms(header.count - 1))
}

fn send(collector: &mut Collector, channel: Channel, batch: &Batch) -> Vec<Update> {
    collector.handle(&topic(channel), &encode(batch), false, made(batch))
}

fn ticks(updates: &[Update]) -> Vec<u64> {
    updates
        .iter()
        .filter_map(|update| match update {
            Update::Tick(tick) => Some(tick.tick),
            _ => None,
        })
        .collect()
}

fn warnings(updates: &[Update]) -> Vec<Warning> {
    updates
        .iter()
        .filter_map(|update| match update {
            Update::Warning { warning, .. } => Some(warning.clone()),
            _ => None,
        })
        .collect()
}

fn range(first: u64, last: u64) -> TickRange {
    TickRange { first, last }
}
