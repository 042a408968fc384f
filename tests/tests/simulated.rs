//! The agent's telemetry core against the real collector, at simulated time: what one writes the other puts together.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use picket::collector::{Collector, Settings, Update};
use picket_benches::trace;
use picket_proto::{BootId, Channel, DeviceId, Gap, MetricId, Quality, Topic, WallClock};
use picketd::{
    sampler::Sample,
    telemetry::{
        AckMode, Action, DEFAULT_SPOOL_BYTES, Input, Resume, Telemetry, TelemetrySettings,
    },
};

const PERIOD_MS: u64 = 10_000;
const DAY: u64 = 8640;
const TEN_YEARS_MS: i64 = 10 * 365 * 86_400_000;
/// Unix time at boottime 0, as it truly was.
const TRUTH_MS: i64 = 1_760_000_000_000;
const FIRST: BootId = BootId([1; 16]);
const SECOND: BootId = BootId([2; 16]);
const PI: DeviceId = DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]);

#[test]
fn after_a_day_of_outage_every_tick_is_there_once_and_in_order() {
    let mut sim = Sim::new();
    sim.run_ticks(DAY);
    sim.connect();
    sim.run_ticks(30);
    sim.settle();
    assert_eq!(sim.account(FIRST), (DAY + 30, DAY + 30, 0));
    for channel in [Channel::Telemetry, Channel::Backlog] {
        let ticks: Vec<u64> = sim.seen_on(channel);
        assert!(!ticks.is_empty() && ticks.is_sorted(), "{channel}");
    }
    for (tick, readings) in sim.readings(FIRST) {
        assert_eq!(*readings, sim.sample(tick).0, "tick {tick}");
    }
}

#[test]
fn ticks_get_the_right_time_once_it_is_known_wherever_the_clock_jumps() {
    let unset = WallClock {
        offset_ms: 0,
        quality: Quality::Unset,
    };
    let wrong = |years: i64| WallClock {
        offset_ms: TRUTH_MS + years * TEN_YEARS_MS,
        quality: Quality::Unsynchronised,
    };
    let right = WallClock {
        offset_ms: TRUTH_MS,
        quality: Quality::Synchronised,
    };
    for (why, clocks) in [
        ("1970, then right", vec![unset, right]),
        ("ten years ahead, then right", vec![unset, wrong(1), right]),
        (
            "ten years behind, then right",
            vec![unset, wrong(-1), right],
        ),
        ("right, then set ten years ahead", vec![right, wrong(1)]),
        (
            "right, then set ten years back",
            vec![unset, right, wrong(-1), wrong(1)],
        ),
    ] {
        for connected in [true, false] {
            let mut sim = Sim::new();
            if connected {
                sim.connect();
            }
            for wall in &clocks {
                sim.wall = *wall;
                sim.run_ticks(47);
            }
            sim.connect();
            sim.settle();
            let made = 47 * clocks.len() as u64;
            assert_eq!(
                sim.account(FIRST),
                (made, made, 0),
                "{why}, connected {connected}"
            );
            let device = sim.collector.device(PI).unwrap();
            for tick in 0..made {
                let boottime_ms = PERIOD_MS * (tick + 1);
                let time = device.time(FIRST, boottime_ms);
                let expect = (Some(TRUTH_MS + boottime_ms as i64), Quality::Synchronised);
                assert_eq!(time, expect, "{why}, connected {connected}, tick {tick}");
            }
        }
    }
}

#[test]
fn a_restart_in_the_same_boot_goes_on_where_it_was() {
    let mut sim = Sim::new();
    sim.connect();
    sim.run_ticks(100);
    sim.disconnect();
    sim.run_ticks(500);
    sim.restart(FIRST);
    sim.run_ticks(100);
    sim.connect();
    sim.run_ticks(100);
    sim.settle();
    assert_eq!(sim.account(FIRST), (800, 800, 0));
    assert_eq!(sim.events(FIRST), sim.telemetry.progress().next_event);
}

#[test]
fn ticks_of_the_boot_before_arrive_under_their_boot_id_and_time() {
    let mut sim = Sim::new();
    sim.run_ticks(300);
    sim.restart(SECOND);
    sim.wall = WallClock {
        offset_ms: 0,
        quality: Quality::Unset,
    };
    sim.run_ticks(100);
    sim.connect();
    sim.settle();
    assert_eq!(sim.account(FIRST), (300, 300, 0));
    assert_eq!(sim.account(SECOND), (100, 100, 0));
    let device = sim.collector.device(PI).unwrap();
    assert_eq!(device.time(FIRST, 5).0, Some(TRUTH_MS + 5));
    assert_eq!(device.time(SECOND, 5).0, None);
}

#[test]
fn lost_publishes_and_lost_acks_cost_duplicates_and_no_tick() {
    let mut sim = Sim::new();
    sim.run_ticks(300);
    for (every_publish, every_ack) in [(2, 0), (0, 2), (3, 2), (0, 1), (0, 0)] {
        (sim.lose_publish, sim.lose_ack) = (every_publish, every_ack);
        sim.connect();
        sim.run_ticks(200);
        sim.disconnect();
    }
    sim.connect();
    sim.settle();
    assert_eq!(sim.account(FIRST), (1300, 1300, 0));
    assert_eq!(sim.events(FIRST), sim.telemetry.progress().next_event);
}

#[test]
fn a_crash_is_counted_and_no_hole_is_left_unexplained() {
    let mut sim = Sim::new();
    sim.connect();
    sim.run_ticks(100);
    sim.disconnect();
    sim.run_ticks(50);
    sim.telemetry = Telemetry::new(settings(FIRST), sim.kept, None);
    sim.run_ticks(50);
    sim.connect();
    sim.run_ticks(10);
    sim.settle();
    let (made, have, lost) = sim.account(FIRST);
    assert_eq!((made, made), (210, have + lost));
    assert!((50..60).contains(&lost), "{lost}");
    let device = sim.collector.device(PI).unwrap();
    assert_eq!((device.lost(), device.missing()), (lost, lost));
}

/// An agent's core, a collector, and the wire between them.
struct Sim {
    telemetry: Telemetry,
    collector: Collector,
    boot: BootId,
    rows: Vec<trace::Row>,
    now_ms: u64,
    next_tick_ms: u64,
    wall: WallClock,
    /// Every how many publishes one is lost; 0 is none.
    lose_publish: u64,
    /// Every how many acks one is lost; 0 is none.
    lose_ack: u64,
    frames: u64,
    acks: u64,
    kept: Resume,
    made: BTreeMap<BootId, u64>,
    /// Each tick as the collector gave it out, in its order.
    seen: Vec<picket::collector::Tick>,
    events: Vec<BootId>,
}

fn settings(boot: BootId) -> TelemetrySettings {
    TelemetrySettings {
        boot,
        device: PI,
        period_ms: PERIOD_MS as u32,
        window_ms: 60_000,
        ack: AckMode::Collector("watch".into()),
        spool_bytes: DEFAULT_SPOOL_BYTES,
        temperature_limits: vec![80_000, 85_000],
        hysteresis: 5_000,
    }
}

impl Sim {
    fn new() -> Self {
        let collector = Settings {
            collector: Some("watch".into()),
            ..Settings::default()
        };
        Self {
            telemetry: Telemetry::new(settings(FIRST), Resume::default(), None),
            collector: Collector::new(collector),
            boot: FIRST,
            rows: trace::rows(trace::SEED, DAY as usize + 60),
            now_ms: 5_000,
            next_tick_ms: PERIOD_MS,
            wall: WallClock {
                offset_ms: TRUTH_MS,
                quality: Quality::Synchronised,
            },
            lose_publish: 0,
            lose_ack: 0,
            frames: 0,
            acks: 0,
            kept: Resume::default(),
            made: BTreeMap::from([(FIRST, 0)]),
            seen: Vec::new(),
            events: Vec::new(),
        }
    }

    fn sample(&self, tick: u64) -> Sample {
        let row = &self.rows[tick as usize];
        let readings = trace::COLUMNS.iter().zip(row.readings);
        let mut readings: Vec<_> = readings
            .map(|(name, reading)| (MetricId::by_name(name).unwrap(), reading.ok_or(Gap::Idle)))
            .collect();
        readings.sort_by_key(|(metric, _)| *metric);
        Sample(readings)
    }

    fn run_ticks(&mut self, ticks: u64) {
        let end = self.made[&self.boot] + ticks;
        while self.made[&self.boot] < end {
            let deadline = self.telemetry.deadline().unwrap_or(u64::MAX);
            self.now_ms = self.now_ms.max(deadline.min(self.next_tick_ms));
            match self.next_tick_ms <= deadline {
                true => self.tick(),
                false => self.input(Input::Deadline),
            }
        }
    }

    fn tick(&mut self) {
        let made = self.made.get_mut(&self.boot).unwrap();
        let tick = *made;
        *made += 1;
        let input = Input::Tick {
            boottime_ms: self.next_tick_ms,
            missed: 0,
            wall: self.wall,
            sample: self.sample(tick),
        };
        self.next_tick_ms += PERIOD_MS;
        self.input(input);
        self.kept = self.telemetry.progress();
    }

    fn settle(&mut self) {
        self.input(Input::Flush);
        for _ in 0..10_000 {
            let Some(deadline) = self.telemetry.deadline() else {
                return;
            };
            self.now_ms = self.now_ms.max(deadline);
            self.input(Input::Deadline);
        }
        panic!(
            "telemetry never comes to rest: {:?}",
            self.telemetry.progress()
        );
    }

    fn connect(&mut self) {
        self.input(Input::Connected);
    }

    fn disconnect(&mut self) {
        self.input(Input::Disconnected);
    }

    fn restart(&mut self, boot: BootId) {
        self.input(Input::Stop);
        let image = self.telemetry.save();
        let mut resume = self.telemetry.progress();
        if boot != self.boot {
            resume = Resume::default();
            (self.now_ms, self.next_tick_ms) = (5_000, PERIOD_MS);
            self.made.insert(boot, 0);
        }
        self.boot = boot;
        self.telemetry = Telemetry::new(settings(boot), resume, Some(&image));
        assert_eq!(self.telemetry.image_error(), None);
    }

    fn input(&mut self, input: Input) {
        let mut inputs = vec![input];
        while !inputs.is_empty() {
            let actions = self.telemetry.handle(inputs.remove(0), self.now_ms);
            assert!(self.telemetry.memory() <= DEFAULT_SPOOL_BYTES);
            for action in actions {
                inputs.extend(self.publish(action));
            }
        }
    }

    fn publish(&mut self, action: Action) -> Vec<Input> {
        let Action::Publish {
            delivery,
            channel,
            payload,
        } = action;
        self.frames += 1;
        if self.lose_publish > 0 && self.frames % self.lose_publish == 0 {
            return Vec::new();
        }
        let topic = Topic {
            channel,
            device: PI,
        };
        let now = TRUTH_MS + self.now_ms as i64;
        for update in self.collector.handle(&topic, &payload, false, now) {
            match update {
                Update::Tick(tick) => self.seen.push(tick),
                Update::Event(event) => self.events.push(event.boot),
                _ => {}
            }
        }
        let mut answers = vec![Input::Delivered(delivery)];
        for (_, ack) in self.collector.acks() {
            self.acks += 1;
            if self.lose_ack == 0 || self.acks % self.lose_ack != 0 {
                answers.push(Input::Acked(ack));
            }
        }
        answers
    }

    /// Ticks made, ticks that the collector gave out, ticks that it was told are lost.
    fn account(&self, boot: BootId) -> (u64, u64, u64) {
        let seen = self.seen.iter().filter(|tick| tick.boot == boot);
        let lost = seen.clone().map(|tick| tick.lost).max().unwrap_or(0);
        (self.made[&boot], seen.count() as u64, lost)
    }

    fn events(&self, boot: BootId) -> u64 {
        self.events.iter().filter(|of| **of == boot).count() as u64
    }

    fn seen_on(&self, channel: Channel) -> Vec<u64> {
        let seen = self.seen.iter().filter(|tick| tick.channel == channel);
        seen.map(|tick| tick.tick).collect()
    }

    fn readings(&self, boot: BootId) -> BTreeMap<u64, &Vec<(MetricId, picket_proto::Reading)>> {
        let seen = self.seen.iter().filter(|tick| tick.boot == boot);
        seen.map(|tick| (tick.tick, &tick.readings)).collect()
    }
}
