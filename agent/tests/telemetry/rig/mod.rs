//! A telemetry core, a model broker and a model collector under one clock. The rig numbers ticks itself, from what it
//! fed in, and checks every frame that comes out; it shares no code with the spool.
mod broker;
mod collector;
pub(crate) mod settings;

use std::collections::{BTreeMap, BTreeSet};

use picket_proto::{Ack, BootId, Channel, Quality, WallClock};
use picketd::{
    config::Periods,
    sampler::Sample,
    telemetry::{DeliveryId, Input, Resume, Telemetry, TelemetrySettings},
};

use collector::Collector;

/// What stands between the agent and the collector.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "four independent faults")]
pub(crate) struct Faults {
    /// Publishes vanish on the way to the broker.
    pub(crate) publishes_lost: bool,
    /// PUBACKs vanish on the way back.
    pub(crate) pubacks_lost: bool,
    /// The collector receives nothing.
    pub(crate) collector_away: bool,
    /// The collector's acks vanish.
    pub(crate) acks_lost: bool,
}

pub(crate) const NO_FAULTS: Faults = Faults {
    publishes_lost: false,
    pubacks_lost: false,
    collector_away: false,
    acks_lost: false,
};

pub(crate) struct Rig {
    pub(crate) telemetry: Telemetry,
    pub(crate) settings: TelemetrySettings,
    pub(crate) now_ms: u64,
    pub(crate) wall: WallClock,
    pub(crate) faults: Faults,
    /// Ticks made in each boot: the independent count.
    pub(crate) made: BTreeMap<BootId, u64>,
    /// When ticks were made: those that aren't named came `PERIOD_MS` after the one before.
    times: BTreeMap<(BootId, u64), u64>,
    pub(crate) collector: Collector,
    pub(crate) sent: Vec<(u64, Channel, u64, u16)>,
    next_tick_ms: u64,
    missed: u64,
    kept: Resume,
    sample: fn(u64) -> Sample,
    order: BTreeMap<(String, BootId), u64>,
    offered: BTreeSet<(BootId, u64)>,
    last_ack: Option<Ack>,
    unanswered: Vec<DeliveryId>,
}

/// When something went out on that channel.
pub(crate) fn times(rig: &Rig, channel: Channel) -> Vec<u64> {
    let sent = rig.sent.iter().filter(|(_, of, ..)| *of == channel);
    sent.map(|(at, ..)| *at).collect()
}

impl Rig {
    pub(crate) fn new(settings: TelemetrySettings, sample: fn(u64) -> Sample) -> Self {
        Self {
            telemetry: Telemetry::new(settings.clone(), Resume::default(), None),
            made: BTreeMap::from([(settings.boot, 0)]),
            times: BTreeMap::new(),
            settings,
            now_ms: 5_000,
            wall: WallClock {
                offset_ms: 1_700_000_000_000,
                quality: Quality::Synchronised,
            },
            faults: NO_FAULTS,
            collector: Collector::default(),
            sent: Vec::new(),
            next_tick_ms: 10_000,
            missed: 0,
            kept: Resume::default(),
            sample,
            order: BTreeMap::new(),
            offered: BTreeSet::new(),
            last_ack: None,
            unanswered: Vec::new(),
        }
    }

    /// Time goes on, with ticks in their slots and deadlines when they are due.
    pub(crate) fn run_ms(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        loop {
            let deadline = self.telemetry.deadline().unwrap_or(u64::MAX);
            let next = deadline.min(self.next_tick_ms);
            if next > end {
                self.now_ms = end;
                return;
            }
            self.now_ms = self.now_ms.max(next);
            match self.next_tick_ms <= deadline {
                true => self.tick(),
                false => self.input(Input::Deadline),
            }
        }
    }

    pub(crate) fn run_ticks(&mut self, ticks: u64) {
        self.run_ms(ticks * self.period_ms());
    }

    /// Ticks come at other times from now on, the next one a new period after the last, or now if that has passed.
    pub(crate) fn configure(&mut self, periods: Periods) {
        let last = self.next_tick_ms - self.period_ms();
        self.settings.period_ms = periods.period_ms();
        self.settings.window_ms = periods.window_ms();
        self.next_tick_ms = self.now_ms.max(last + self.period_ms());
        self.input(Input::Configure(periods));
    }

    fn period_ms(&self) -> u64 {
        u64::from(self.settings.period_ms)
    }

    /// Slots pass without a sample.
    pub(crate) fn miss(&mut self, slots: u64) {
        self.missed += slots;
        self.next_tick_ms += slots * self.period_ms();
        self.now_ms += slots * self.period_ms();
    }

    /// Time passes while no agent runs: no slot is missed, for no one numbers it.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.next_tick_ms += ms;
        self.now_ms += ms;
    }

    /// No more ticks: deadlines only, until nothing is left to wait for.
    pub(crate) fn settle(&mut self) {
        self.input(Input::Flush);
        for _ in 0..100_000 {
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

    pub(crate) fn connect(&mut self) {
        self.order.clear();
        self.offered.clear();
        self.unanswered.clear();
        self.input(Input::Connected);
    }

    pub(crate) fn disconnect(&mut self) {
        self.input(Input::Disconnected);
    }

    /// An orderly stop, and a start in the same boot or another one.
    pub(crate) fn restart(&mut self, boot: BootId) {
        self.input(Input::Stop);
        let image = self.telemetry.save();
        self.disconnect();
        self.keep_progress();
        self.start(boot, Some(&image));
    }

    /// The agent dies; only the run directory's progress is left of it.
    pub(crate) fn crash(&mut self) {
        self.start(self.settings.boot, None);
    }

    pub(crate) fn start(&mut self, boot: BootId, image: Option<&[u8]>) {
        if boot != self.settings.boot {
            self.kept = Resume::default();
            self.settings.boot = boot;
            self.made.insert(boot, 0);
        }
        self.missed = 0;
        self.telemetry = Telemetry::new(self.settings.clone(), self.kept, image);
        assert_eq!(self.telemetry.image_error(), None);
        assert!(self.telemetry.memory() <= self.settings.spool_bytes.max(16 * 1024));
    }

    pub(crate) fn ack_again(&mut self) {
        if let Some(ack) = self.last_ack.clone() {
            self.input(Input::Acked(ack));
        }
    }

    /// PUBACKs that were held back come after all, even from an earlier connection.
    pub(crate) fn late_pubacks(&mut self) {
        for delivery in std::mem::take(&mut self.unanswered) {
            self.input(Input::Delivered(delivery));
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        let mut inputs = vec![input];
        while !inputs.is_empty() {
            let input = inputs.remove(0);
            let actions = self.telemetry.handle(input, self.now_ms);
            let memory = self.telemetry.memory();
            assert!(
                memory <= self.settings.spool_bytes.max(16 * 1024),
                "{memory} bytes"
            );
            assert!(actions.len() <= 5, "{} publishes at once", actions.len());
            let deadline = self.telemetry.deadline();
            assert!(
                deadline.is_none_or(|at| at > self.now_ms),
                "{deadline:?} at {}",
                self.now_ms
            );
            for action in actions {
                inputs.extend(self.publish(action));
            }
        }
    }

    fn tick(&mut self) {
        let missed = std::mem::take(&mut self.missed);
        let made = self.made.get_mut(&self.settings.boot).unwrap();
        *made += missed;
        let number = *made;
        *made += 1;
        let boottime_ms = self.next_tick_ms;
        self.next_tick_ms += self.period_ms();
        if self.time(self.settings.boot, number) != Some(boottime_ms) {
            self.times.insert((self.settings.boot, number), boottime_ms);
        }
        let sample = (self.sample)(number);
        self.input(Input::Tick {
            boottime_ms,
            missed,
            wall: self.wall,
            sample,
        });
        self.keep_progress();
    }

    fn keep_progress(&mut self) {
        self.kept = self.telemetry.progress();
        assert_eq!(self.kept.next_tick, self.made[&self.settings.boot]);
        assert!(self.kept.settled <= self.kept.next_tick && self.kept.lost <= self.kept.settled);
    }

    /// Ticks made, ticks that the collector has, ticks that it was told are lost.
    pub(crate) fn account(&self, boot: BootId) -> (u64, u64, u64) {
        let have = self
            .collector
            .ticks
            .get(&boot)
            .map_or(0, |ticks| ticks.len() as u64);
        let lost = self.collector.lost.get(&boot).copied().unwrap_or(0);
        (self.made[&boot], have, lost)
    }
}
