//! A day without a broker, on the readings of a made-up Pi with 14 metrics: memory by the agent's own account and by a
//! counting allocator, and afterwards every tick once and in order. Alone in its process, because the allocator counts
//! everything.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "telemetry/rig/mod.rs"]
#[expect(dead_code, reason = "the other test binary uses more of it")]
mod rig;

use std::sync::RwLock;

use peak_alloc::PeakAlloc;
use picket_benches::trace;
use picket_proto::{BootId, Channel, Gap, MetricId};
use picketd::{sampler::Sample, telemetry::DEFAULT_SPOOL_BYTES};

use rig::{
    Rig,
    settings::{collector_mode, settings},
};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const DAY: u64 = 8640;
const BOOT: BootId = BootId([1; 16]);

/// Made-up machines, each with its own day.
const SEEDS: [u64; 2] = [trace::SEED, 9];

static ROWS: RwLock<Vec<trace::Row>> = RwLock::new(Vec::new());

#[test]
fn a_day_of_outage_fits_into_96_kib_and_arrives_whole() {
    for seed in SEEDS {
        *ROWS.write().unwrap() = trace::rows(seed, DAY as usize + 60);
        a_day(seed);
    }
}

fn a_day(seed: u64) {
    let before = HEAP.current_usage();
    let mut rig = Rig::new(settings(collector_mode(), DEFAULT_SPOOL_BYTES), made_up);
    HEAP.reset_peak_usage();
    let (mut most, mut counted) = (0, 0);
    for _ in 0..DAY {
        rig.run_ticks(1);
        most = most.max(rig.telemetry.memory());
        counted = counted.max(HEAP.current_usage() - before);
    }
    let peak = HEAP.peak_usage() - before;
    eprintln!(
        "a day of machine {seed}: {most} bytes by memory(), {counted} by the allocator, {peak} while re-encoding"
    );
    assert!(
        counted <= most,
        "{counted} bytes by the allocator, {most} by memory()"
    );
    assert!(
        peak <= DEFAULT_SPOOL_BYTES,
        "{peak} bytes while re-encoding"
    );
    assert_eq!(rig.telemetry.progress().lost, 0);

    rig.connect();
    rig.run_ticks(30);
    rig.settle();
    assert_eq!(rig.account(BOOT), (DAY + 30, DAY + 30, 0));
    assert_eq!(rig.collector.duplicates, 0);
    for channel in [Channel::Telemetry, Channel::Backlog] {
        let sent = rig.sent.iter().filter(|(_, of, ..)| *of == channel);
        let ticks: Vec<(u64, u16)> = sent.map(|(_, _, first, count)| (*first, *count)).collect();
        assert!(
            ticks
                .windows(2)
                .all(|pair| pair[0].0 + u64::from(pair[0].1) <= pair[1].0),
            "{channel}: {ticks:?}"
        );
    }
}

fn made_up(tick: u64) -> Sample {
    let row = ROWS.read().unwrap()[tick as usize];
    let readings = trace::COLUMNS
        .iter()
        .zip(row.readings)
        .map(|(name, reading)| (MetricId::by_name(name).unwrap(), reading.ok_or(Gap::Idle)));
    let mut sample = Sample(readings.collect());
    sample.0.sort_by_key(|(metric, _)| *metric);
    sample
}
