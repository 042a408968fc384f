//! Pis that are not there: each tells a story that a fleet tells sooner or later. Pure; the time is an argument.
use picket_proto::{
    Batch, BatchHeader, BootId, Channel, Column, DeviceId, Gap, MetricId, Presence, Quality,
    Reading, Status, Topic, WallClock, frame::encode, metric,
};

/// Time between two ticks, in ms.
pub const PERIOD_MS: u32 = 1_000;
/// Ticks in a batch.
const TICKS: u16 = 2;
/// They claim to have started this long before the demonstration, in ms.
const UP_MS: u64 = 3 * 3_600_000;

/// What is the matter with a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    Well,
    Hot,
    SlowNfs,
    NoClock,
    Lossy,
}

/// A simulated Pi.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// Its id, which no real Pi has.
    pub id: DeviceId,
    /// Its name; it begins with `simulated-`.
    pub name: String,
    boot: BootId,
    story: Story,
    next_tick: u64,
    lost: u64,
    noise: u64,
}

/// A message as it would be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Where.
    pub topic: Topic,
    /// What.
    pub payload: Vec<u8>,
    /// Whether the broker keeps it.
    pub retain: bool,
}

/// One neighbour of each story.
#[must_use]
pub fn neighbours() -> Vec<Neighbour> {
    let stories = [
        ("well", Story::Well),
        ("hot", Story::Hot),
        ("slow-nfs", Story::SlowNfs),
        ("no-clock", Story::NoClock),
        ("lossy", Story::Lossy),
    ];
    (1u8..)
        .zip(stories)
        .map(|(number, (name, story))| Neighbour {
            id: DeviceId([0x51, 0x3d, 0, 0, 0, 0, 0, number]),
            name: format!("simulated-{name}"),
            boot: BootId([number; 16]),
            story,
            next_tick: 0,
            lost: 0,
            noise: u64::from(number),
        })
        .collect()
}

impl Neighbour {
    /// What it says when it connects.
    #[must_use]
    pub fn hello(&self) -> Vec<Said> {
        let status = Status {
            boot: Some(self.boot),
            model: Some("simulated Raspberry Pi".to_owned()),
            sample_every_ms: Some(PERIOD_MS),
            ..Status::default()
        };
        let presence = Presence {
            boot: self.boot,
            connection: 1,
            online: true,
        };
        vec![
            self.say(Channel::Status, encode(&status)),
            self.say(Channel::Presence, encode(&presence)),
        ]
    }

    /// Its next batch, made at that time.
    pub fn batch(&mut self, now_unix_ms: i64) -> Said {
        let first_tick = self.next_tick;
        self.next_tick += u64::from(TICKS);
        if self.story == Story::Lossy && self.next_tick % 20 == 0 {
            self.next_tick += 3;
            self.lost += 3;
        }
        let boottime_ms = |tick: u64| UP_MS + tick * u64::from(PERIOD_MS);
        let last = first_tick + u64::from(TICKS) - 1;
        let wall = match self.story {
            Story::NoClock => WallClock {
                offset_ms: 0,
                quality: Quality::Unset,
            },
            _ => WallClock {
                offset_ms: now_unix_ms.saturating_sub_unsigned(boottime_ms(last)),
                quality: Quality::Synchronised,
            },
        };
        let header = BatchHeader {
            boot: self.boot,
            first_tick,
            first_boottime_ms: boottime_ms(first_tick),
            period_ms: PERIOD_MS,
            stride: 1,
            count: TICKS,
            wall,
            lost: self.lost,
        };
        let columns = self.columns(first_tick);
        self.say(Channel::Telemetry, encode(&Batch { header, columns }))
    }

    fn columns(&mut self, first_tick: u64) -> Vec<Column> {
        type Source = fn(&mut Neighbour, u64) -> Reading;
        let sources: [(MetricId, Source); 4] = [
            (metric::SOC_TEMPERATURE, Self::temperature),
            (metric::THROTTLED, |pi, tick| Ok(pi.throttled(tick))),
            (metric::LOAD1, |pi, _| Ok(12 + pi.random(9))),
            (metric::NFS_RTT, Self::nfs_rtt),
        ];
        let column = |(metric, source): (MetricId, Source)| Column {
            metric,
            readings: (0..u64::from(TICKS))
                .map(|row| source(self, first_tick + row))
                .collect(),
        };
        sources.map(column).into()
    }

    /// The step of a BCM2837 is 538 m°C.
    fn temperature(&mut self, tick: u64) -> Reading {
        let steps = match self.story {
            Story::Hot => 138 + i64::try_from(tick / 4).unwrap_or(i64::MAX).min(20),
            _ => 84 + i64::from(self.id.0[7]),
        };
        Ok((steps + self.random(2)) * 538)
    }

    fn throttled(&self, tick: u64) -> i64 {
        match self.story {
            Story::Hot if tick >= 44 => 0x4_0004,
            Story::Hot => 0x8,
            _ => 0,
        }
    }

    fn nfs_rtt(&mut self, tick: u64) -> Reading {
        match self.story {
            Story::SlowNfs => Ok(180_000 + 20_000 * self.random(7)),
            _ if tick % 7 == 3 => Err(Gap::Idle),
            _ => Ok(380 + self.random(90)),
        }
    }

    /// A number from 0 to `below - 1` (xorshift64).
    fn random(&mut self, below: i64) -> i64 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        i64::try_from(self.noise >> 33).unwrap_or_default() % below
    }

    fn say(&self, channel: Channel, payload: Vec<u8>) -> Said {
        Said {
            topic: Topic {
                channel,
                device: self.id,
            },
            payload,
            retain: matches!(channel, Channel::Status | Channel::Presence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::{ClockState, Collector, Settings};

    #[test]
    fn each_neighbour_tells_its_story_and_says_that_it_is_simulated() {
        const NOW: i64 = 1_735_689_600_000;
        let mut collector = Collector::new(Settings::default());
        let mut neighbours = neighbours();
        for said in neighbours.iter().flat_map(Neighbour::hello) {
            collector.handle(&said.topic, &said.payload, said.retain, NOW);
        }
        for turn in 0..60 {
            let now = NOW + turn * 2_000;
            for neighbour in &mut neighbours {
                let said = neighbour.batch(now);
                collector.handle(&said.topic, &said.payload, said.retain, now);
            }
        }
        for neighbour in &neighbours {
            assert!(neighbour.name.starts_with("simulated-"));
            let seen = collector.device(neighbour.id).unwrap();
            assert_eq!(seen.refused(), 0);
            let value = |metric| seen.reading(metric).unwrap();
            let is = |story| neighbour.story == story;
            assert_eq!(
                value(metric::SOC_TEMPERATURE).unwrap() > 80_000,
                is(Story::Hot)
            );
            assert_eq!(value(metric::THROTTLED).unwrap() != 0, is(Story::Hot));
            assert_eq!(
                value(metric::NFS_RTT).is_ok_and(|us| us > 100_000),
                is(Story::SlowNfs)
            );
            assert_eq!(seen.clock() == ClockState::Unset, is(Story::NoClock));
            assert_eq!(seen.lost() > 0, is(Story::Lossy));
            assert_eq!(seen.missing(), seen.lost());
            assert_eq!(seen.awaited(), 0, "what is lost is not waited for");
        }
    }
}
