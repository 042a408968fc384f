//! What the codec promises on a day of the made-up Pi: bytes a value with all of MQTT, payloads against entropy, and a
//! day of outage in a spool of 96 KiB. Several seeds, so that none is lucky.
use std::collections::BTreeMap;

use picket_benches::trace::{self, COLUMNS, PERIOD, Row, SEED};
use picket_proto::{
    Batch, BatchHeader, BootId, Channel, Column, DeviceId, Gap, MetricId, Quality, Reading, Topic,
    WallClock, batch::MAX_TICKS, column, frame,
};

const DAY: usize = 86_400 / PERIOD as usize;
const SEEDS: [u64; 4] = [SEED, 2, 3, 1_000_003];

#[test]
fn a_value_costs_at_most_2_2_bytes_at_60_s_and_1_byte_at_300_s() {
    for seed in SEEDS {
        let rows = trace::rows(seed, DAY);
        for (window, most) in [(6, 2.2), (30, 1.0)] {
            let mqtt: usize = batches(&rows, window).iter().map(mqtt_bytes).sum();
            let cost = mqtt as f64 / values(&rows) as f64;
            println!("seed {seed}, window {window}: {cost:.3} bytes a value");
            assert!(
                cost <= most,
                "seed {seed}, window {window}: {cost:.3} bytes a value"
            );
        }
    }
}

#[test]
fn payloads_at_300_s_are_at_most_one_and_a_half_times_their_entropy() {
    for seed in SEEDS {
        let rows = trace::rows(seed, DAY);
        let batches = batches(&rows, 30);
        let payload: usize = batches
            .iter()
            .flat_map(|batch| &batch.columns)
            .map(|column| column::encode(&column.readings).len())
            .sum();
        let least: f64 = (0..COLUMNS.len())
            .map(|column| least_bytes(&rows, column))
            .sum();
        let ratio = payload as f64 / least;
        println!("seed {seed}: {payload} bytes, {ratio:.3} times the entropy");
        assert!(ratio <= 1.5, "seed {seed}: {ratio:.3}");
    }
}

#[test]
fn a_day_in_large_blocks_fits_into_96_kib() {
    for seed in SEEDS {
        let rows = trace::rows(seed, DAY);
        let blocks = batches(&rows, usize::from(MAX_TICKS));
        let bytes: usize = blocks.iter().map(|block| frame::encode(block).len()).sum();
        println!("seed {seed}: {bytes} bytes");
        assert!(bytes <= 96 << 10, "seed {seed}: {bytes} bytes");
    }
}

#[test]
fn the_trace_is_the_same_wherever_it_is_made() {
    let mut csv = Vec::new();
    trace::write_csv(&trace::rows(SEED, 1000), &mut csv).unwrap();
    let hash = csv.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(
        hash, 0xcbd4_ddfa_d4e3_118f,
        "{hash:#x}: measurements before and after differ"
    );
}

fn batches(rows: &[Row], window: usize) -> Vec<Batch> {
    let starts = (0..rows.len()).step_by(window);
    starts
        .zip(rows.chunks(window))
        .map(|(start, rows)| batch(start, rows))
        .collect()
}

fn batch(start: usize, rows: &[Row]) -> Batch {
    let column = |(at, name): (usize, &&str)| Column {
        metric: MetricId::by_name(name).expect("the trace has registered metrics only"),
        readings: rows.iter().map(|row| reading(row, at)).collect(),
    };
    let mut columns: Vec<Column> = COLUMNS.iter().enumerate().map(column).collect();
    columns.sort_by_key(|column| column.metric);
    Batch {
        header: BatchHeader {
            boot: BootId([0x5a; 16]),
            first_tick: start as u64,
            first_boottime_ms: 21_250 + start as u64 * PERIOD * 1000,
            period_ms: PERIOD as u32 * 1000,
            stride: 1,
            count: rows.len() as u16,
            wall: WallClock {
                offset_ms: 1_767_225_600_000,
                quality: Quality::Synchronised,
            },
            lost: 0,
        },
        columns,
    }
}

fn reading(row: &Row, column: usize) -> Reading {
    row.readings[column].ok_or(Gap::Idle)
}

fn values(rows: &[Row]) -> usize {
    rows.iter()
        .map(|row| row.readings.iter().flatten().count())
        .sum()
}

/// PUBLISH of QoS 1 (type, remaining length, topic, packet id, payload) and its PUBACK of 4 bytes.
fn mqtt_bytes(batch: &Batch) -> usize {
    let topic = Topic {
        channel: Channel::Telemetry,
        device: DeviceId([0; 8]),
    };
    let remaining = 2 + topic.name("picket").len() + 2 + frame::encode(batch).len();
    let length = if remaining < 128 { 1 } else { 2 };
    1 + length + remaining + 4
}

/// The lower of both zero-order entropies, of values and of differences, for all values of a column.
fn least_bytes(rows: &[Row], column: usize) -> f64 {
    let values: Vec<i64> = rows.iter().filter_map(|row| row.readings[column]).collect();
    let deltas: Vec<i64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    entropy(&values).min(entropy(&deltas)) * values.len() as f64 / 8.0
}

fn entropy(numbers: &[i64]) -> f64 {
    let mut counts: BTreeMap<i64, f64> = BTreeMap::new();
    for number in numbers {
        *counts.entry(*number).or_default() += 1.0;
    }
    let share = |count: &f64| count / numbers.len() as f64;
    counts
        .values()
        .map(share)
        .map(|share| -share * share.log2())
        .sum()
}
