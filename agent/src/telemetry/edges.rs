//! Samples become events: a state that begins or ends is an edge. A missing reading never makes one. Knows no queue.
//!
//! When the agent starts, every state counts as ended: a state that lasts is told again.
use picket_proto::{EventKind, MetricId, Quality, Reading, WallClock, metric};

use super::interface::{MAX_TEMPERATURE_LIMITS, TelemetrySettings};

/// A firmware flag ends when it was clear in this many readings in a row: near a limit it flickers.
const CLEAR_READINGS: u8 = 3;
/// The wall clock jumped when it moved against boottime by more than this between two ticks.
const JUMP_MS: u64 = 1000;

/// Bits of get_throttled: under-voltage, frequency capped, throttled.
const UNDER_VOLTAGE: i64 = 1;
const FREQUENCY_CAPPED: i64 = 2;
const THROTTLED: i64 = 4;

/// The states that were seen last.
#[derive(Debug)]
pub(super) struct Edges {
    limits: Vec<Limit>,
    hysteresis: i64,
    under_voltage: Flag,
    frequency_capped: Flag,
    throttled: Flag,
    synchronised: bool,
    wall: Option<WallClock>,
}

#[derive(Debug)]
struct Limit {
    limit: i32,
    over: bool,
}

#[derive(Debug, Default)]
struct Flag {
    active: bool,
    clear: u8,
}

impl Edges {
    pub(super) fn new(settings: &TelemetrySettings) -> Self {
        let limits = settings
            .temperature_limits
            .iter()
            .take(MAX_TEMPERATURE_LIMITS);
        Self {
            limits: limits.map(|&limit| Limit { limit, over: false }).collect(),
            hysteresis: i64::from(settings.hysteresis.max(0)),
            under_voltage: Flag::default(),
            frequency_capped: Flag::default(),
            throttled: Flag::default(),
            synchronised: false,
            wall: None,
        }
    }

    /// The edges between the last tick and this one.
    pub(super) fn tick(
        &mut self,
        sample: &[(MetricId, Reading)],
        wall: WallClock,
    ) -> Vec<EventKind> {
        let mut edges = Vec::new();
        if let Some(temperature) = value(sample, metric::SOC_TEMPERATURE) {
            self.temperature(temperature, &mut edges);
        }
        let flags = value(sample, metric::THROTTLED);
        let bit = |mask: i64| flags.map(|flags| flags & mask != 0);
        let low =
            bit(UNDER_VOLTAGE).or_else(|| value(sample, metric::UNDER_VOLTAGE).map(|v| v != 0));
        edges.extend(
            self.under_voltage
                .read(low)
                .map(|active| EventKind::UnderVoltage { active }),
        );
        edges.extend(
            self.frequency_capped
                .read(bit(FREQUENCY_CAPPED))
                .map(|active| EventKind::FrequencyCapped { active }),
        );
        edges.extend(
            self.throttled
                .read(bit(THROTTLED))
                .map(|active| EventKind::Throttled { active }),
        );
        self.clock(wall, &mut edges);
        edges
    }

    fn temperature(&mut self, reading: i64, edges: &mut Vec<EventKind>) {
        for limit in &mut self.limits {
            let at = i64::from(limit.limit);
            let over = match limit.over {
                false => reading >= at,
                true => reading > at - self.hysteresis,
            };
            if over != limit.over {
                limit.over = over;
                edges.push(EventKind::TemperatureLimit {
                    active: over,
                    limit: limit.limit,
                    reading: i32::try_from(reading).unwrap_or(i32::MAX),
                });
            }
        }
    }

    fn clock(&mut self, wall: WallClock, edges: &mut Vec<EventKind>) {
        if let Some(before) = self.wall.replace(wall) {
            let by_ms = wall.offset_ms.saturating_sub(before.offset_ms);
            if by_ms.unsigned_abs() > JUMP_MS {
                edges.push(EventKind::ClockJumped { by_ms });
            }
        }
        let active = wall.quality == Quality::Synchronised;
        if active != self.synchronised {
            self.synchronised = active;
            edges.push(EventKind::ClockSynchronised { active });
        }
    }

    /// Bytes on the heap.
    pub(super) fn memory(&self) -> usize {
        super::allocation(self.limits.capacity() * size_of::<Limit>())
    }
}

/// Whether an edge is worth a flush of its own. Those of the clock are not: a shelf learns the time in one moment, and
/// they go out with the next batch, which carries the new time anyway.
pub(super) fn is_urgent(edge: &EventKind) -> bool {
    !matches!(
        edge,
        EventKind::ClockJumped { .. } | EventKind::ClockSynchronised { .. }
    )
}

impl Flag {
    /// The new state, if it changed.
    fn read(&mut self, set: Option<bool>) -> Option<bool> {
        match set? {
            true => self.clear = 0,
            false => self.clear = self.clear.saturating_add(1),
        }
        let active = self.clear == 0 || (self.active && self.clear < CLEAR_READINGS);
        let changed = active != self.active;
        self.active = active;
        changed.then_some(active)
    }
}

fn value(sample: &[(MetricId, Reading)], metric: MetricId) -> Option<i64> {
    let (_, reading) = sample.iter().find(|(id, _)| *id == metric)?;
    reading.ok()
}

#[cfg(test)]
mod tests {
    use picket_proto::{BootId, DeviceId, Gap};

    use super::{super::interface::AckMode, *};

    const UNSET: WallClock = WallClock {
        offset_ms: 0,
        quality: Quality::Unset,
    };

    #[test]
    fn a_temperature_edge_has_hysteresis_at_each_limit() {
        let mut edges = edges();
        for (reading, expect) in [
            (Ok(79_999), vec![]),
            (Ok(80_000), vec![(true, 80_000)]),
            (Ok(75_001), vec![]),
            (Err(Gap::Failed), vec![]),
            (Ok(86_000), vec![(true, 85_000)]),
            (Ok(80_000), vec![(false, 85_000)]),
            (Ok(75_000), vec![(false, 80_000)]),
            (Ok(79_999), vec![]),
            (Ok(90_000), vec![(true, 80_000), (true, 85_000)]),
            (Ok(0), vec![(false, 80_000), (false, 85_000)]),
        ] {
            let seen = edges.tick(&[(metric::SOC_TEMPERATURE, reading)], UNSET);
            let seen = seen.iter().map(|edge| match edge {
                EventKind::TemperatureLimit { active, limit, .. } => (*active, *limit),
                other => panic!("{other:?}"),
            });
            assert_eq!(seen.collect::<Vec<_>>(), expect, "{reading:?}");
        }
    }

    #[test]
    fn a_flag_begins_at_once_and_ends_after_three_clear_readings() {
        let mut edges = edges();
        let (begins, ends) = (
            EventKind::Throttled { active: true },
            EventKind::Throttled { active: false },
        );
        for (at, (reading, expect)) in [
            (Ok(0), None),
            (Ok(4), Some(&begins)),
            (Ok(0), None),
            (Ok(0), None),
            (Ok(4), None),
            (Ok(0), None),
            (Err(Gap::Failed), None),
            (Ok(0), None),
            (Ok(0xf_0000), Some(&ends)),
            (Ok(0), None),
        ]
        .into_iter()
        .enumerate()
        {
            let seen = edges.tick(&[(metric::THROTTLED, reading)], UNSET);
            assert_eq!(seen.first(), expect, "reading {at}");
        }
    }

    #[test]
    fn under_voltage_comes_from_either_source() {
        let active = EventKind::UnderVoltage { active: true };
        for (sample, expect) in [
            (vec![(metric::THROTTLED, Ok(1))], vec![active.clone()]),
            (
                vec![
                    (metric::THROTTLED, Err(Gap::Absent)),
                    (metric::UNDER_VOLTAGE, Ok(1)),
                ],
                vec![active],
            ),
            (
                vec![(metric::THROTTLED, Ok(2))],
                vec![EventKind::FrequencyCapped { active: true }],
            ),
            (
                vec![
                    (metric::THROTTLED, Err(Gap::Absent)),
                    (metric::UNDER_VOLTAGE, Err(Gap::Absent)),
                ],
                vec![],
            ),
            (vec![], vec![]),
        ] {
            assert_eq!(edges().tick(&sample, UNSET), expect, "{sample:?}");
        }
    }

    #[test]
    fn the_clock_is_synchronised_once_and_jumps_by_more_than_a_second() {
        let mut edges = edges();
        let wall = |offset_ms, quality| WallClock { offset_ms, quality };
        for (wall, expect) in [
            (wall(0, Quality::Unset), vec![]),
            (wall(1000, Quality::Unset), vec![]),
            (
                wall(2001, Quality::Unset),
                vec![EventKind::ClockJumped { by_ms: 1001 }],
            ),
            (
                wall(2001, Quality::Synchronised),
                vec![EventKind::ClockSynchronised { active: true }],
            ),
            (
                wall(i64::MIN, Quality::Synchronised),
                vec![EventKind::ClockJumped { by_ms: i64::MIN }],
            ),
            (
                wall(i64::MIN, Quality::Unsynchronised),
                vec![EventKind::ClockSynchronised { active: false }],
            ),
        ] {
            assert_eq!(edges.tick(&[], wall), expect, "{wall:?}");
        }
    }

    fn edges() -> Edges {
        Edges::new(&TelemetrySettings {
            boot: BootId([1; 16]),
            device: DeviceId([1; 8]),
            period_ms: 10_000,
            window_ms: 60_000,
            ack: AckMode::Puback,
            spool_bytes: 0,
            temperature_limits: vec![80_000, 85_000],
            hysteresis: 5_000,
        })
    }
}
