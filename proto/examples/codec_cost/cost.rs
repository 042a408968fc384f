//! Bytes that a recording takes in batches of a window, and the entropy that they can be held against.
use std::collections::HashMap;

use picket_proto::{
    Batch, BatchHeader, BootId, Channel, Column, DeviceId, Quality, Reading, Topic, WallClock,
    column, frame,
};

use crate::csv::{Series, Table};

/// PUBACK: a fixed header and the packet id.
const PUBACK: usize = 4;

/// What a recording costs in batches of one window.
#[derive(Debug)]
pub(crate) struct Cost {
    pub(crate) window: u16,
    pub(crate) batches: usize,
    /// Readings that are a value.
    pub(crate) values: usize,
    /// Bytes of all frames.
    pub(crate) frames: usize,
    /// Bytes of all PUBLISH packets and of the PUBACKs that answer them.
    pub(crate) mqtt: usize,
    /// In the recording's order.
    pub(crate) columns: Vec<ColumnCost>,
}

/// What one column costs.
#[derive(Debug)]
pub(crate) struct ColumnCost {
    pub(crate) values: usize,
    /// Bytes of its bodies, without their heads (id and length).
    pub(crate) payload: usize,
    /// Zero-order entropy of all its values, in bits a value.
    pub(crate) value_entropy: f64,
    /// Zero-order entropy of all differences from one value to the next, in bits a difference.
    pub(crate) delta_entropy: f64,
}

/// Encodes the recording in batches of `window` rows, the last of what is left.
pub(crate) fn measure(table: &Table, window: u16) -> Cost {
    let columns: Vec<ColumnCost> = table
        .columns
        .iter()
        .map(|series| column_cost(series, window))
        .collect();
    let mut cost = Cost {
        window,
        batches: 0,
        values: columns.iter().map(|column| column.values).sum(),
        frames: 0,
        mqtt: 0,
        columns,
    };
    for start in (0..table.times_ms.len()).step_by(usize::from(window)) {
        let frame = frame::encode(&batch(table, start, window)).len();
        cost.batches += 1;
        cost.frames += frame;
        cost.mqtt += publish(frame) + PUBACK;
    }
    cost
}

/// Bytes of a PUBLISH packet of QoS 1 (MQTT 3.1.1, section 3.3): type, remaining length, topic, packet id, payload.
fn publish(payload: usize) -> usize {
    let topic = Topic {
        channel: Channel::Telemetry,
        device: DeviceId([0; 8]),
    };
    let remaining = 2 + topic.name("picket").len() + 2 + payload;
    let length = match remaining {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    };
    1 + length + remaining
}

/// A batch as a Pi makes it that was up for 21 s at the first row and whose clock is right.
fn batch(table: &Table, start: usize, window: u16) -> Batch {
    let end = table.times_ms.len().min(start + usize::from(window));
    let mut columns: Vec<Column> = table
        .columns
        .iter()
        .map(|series| Column {
            metric: series.metric,
            readings: series.readings[start..end].to_vec(),
        })
        .collect();
    columns.sort_by_key(|column| column.metric);
    Batch {
        header: BatchHeader {
            boot: BootId([0x5a; 16]),
            first_tick: start as u64,
            first_boottime_ms: 21_000 + table.times_ms[start],
            period_ms: period_ms(&table.times_ms),
            stride: 1,
            count: (end - start) as u16,
            wall: WallClock {
                offset_ms: 1_767_225_600_000,
                quality: Quality::Synchronised,
            },
            lost: 0,
        },
        columns,
    }
}

/// The median time from row to row, at least 1.
fn period_ms(times: &[u64]) -> u32 {
    let mut steps: Vec<u64> = times
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    steps.sort_unstable();
    let median = steps.get(steps.len() / 2).copied().unwrap_or(10_000);
    u32::try_from(median).unwrap_or(u32::MAX).max(1)
}

fn column_cost(series: &Series, window: u16) -> ColumnCost {
    let values: Vec<i64> = series
        .readings
        .iter()
        .copied()
        .filter_map(Reading::ok)
        .collect();
    let deltas = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    ColumnCost {
        values: values.len(),
        payload: series
            .readings
            .chunks(usize::from(window))
            .map(|readings| column::encode(readings).len())
            .sum(),
        value_entropy: entropy(values.iter().copied()),
        delta_entropy: entropy(deltas),
    }
}

/// Zero-order entropy in bits a number: what a code that knows how often each number comes, and nothing else, needs.
fn entropy(numbers: impl Iterator<Item = i64>) -> f64 {
    let mut counts: HashMap<i64, u64> = HashMap::new();
    for number in numbers {
        *counts.entry(number).or_default() += 1;
    }
    let all = counts.values().sum::<u64>() as f64;
    let mut counts: Vec<u64> = counts.into_values().collect();
    counts.sort_unstable();
    counts
        .iter()
        .map(|count| *count as f64 / all)
        .map(|share| -share * share.log2())
        .sum::<f64>()
        .abs()
}

#[cfg(test)]
mod tests {
    use picket_proto::{Gap, MetricId};

    use super::*;

    #[test]
    fn entropy_is_what_a_coin_and_a_die_have() {
        for (numbers, expect) in [
            (vec![], 0.0),
            (vec![7; 9], 0.0),
            (vec![0, 1, 1, 0], 1.0),
            (vec![1, 2, 3, 4, 5, 6, 7, 8], 3.0),
        ] {
            let got = entropy(numbers.iter().copied());
            assert!((got - expect).abs() < 1e-9, "{numbers:?}: {got}");
        }
    }

    #[test]
    fn a_publish_packet_is_counted_to_the_byte() {
        for (payload, expect) in [
            (0, 41),
            (88, 129),
            (89, 131),
            (16_344, 16_386),
            (16_345, 16_388),
        ] {
            assert_eq!(publish(payload), expect, "{payload}");
        }
    }

    #[test]
    fn gaps_are_no_values_and_every_row_is_in_a_batch() {
        let table = Table {
            times_ms: (0..13).map(|row| row * 1000).collect(),
            columns: vec![Series {
                name: "a".to_owned(),
                metric: MetricId(1),
                readings: (0..13)
                    .map(|row| if row < 3 { Err(Gap::Unknown) } else { Ok(row) })
                    .collect(),
            }],
        };
        let cost = measure(&table, 6);
        assert_eq!((cost.batches, cost.values), (3, 10));
        assert_eq!(cost.mqtt - cost.frames, 3 * (41 + 4));
        assert!(cost.columns[0].payload > 0 && cost.columns[0].payload < cost.frames);
    }
}
