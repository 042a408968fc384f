//! From raw counts at the ends of windows to figures for one tick. It measures nothing itself.
use std::time::Duration;

use picket_proto::{Batch, frame};

use crate::{
    contender::WINDOW,
    proxy::{Direction, Tally},
    strace::Calls,
    usage::{Code, Usage},
};

/// Everything counted of a contender at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Of its process.
    pub own: Usage,
    /// Of its broker's process.
    pub broker: Usage,
    /// Of a broker without clients.
    pub idle_broker: Usage,
    /// Of its connection.
    pub tally: Tally,
    /// Segments of its connection.
    pub segments: u64,
}

/// What a contender costs: counts for one tick unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Time on a CPU in µs: the median of the windows.
    pub cpu_us: f64,
    /// The same of each window, in order.
    pub cpu_us_by_window: Vec<f64>,
    /// Voluntary context switches: the median of the windows.
    pub voluntary: f64,
    /// Involuntary context switches: the median of the windows.
    pub involuntary: f64,
    /// System calls.
    pub syscalls: f64,
    /// Processes, threads and programs started while it was traced, in all.
    pub forks: f64,
    /// `PUBLISH` packets sent.
    pub messages: f64,
    /// Bytes of their payloads.
    pub payload_bytes: f64,
    /// Bytes of TCP payload, both ways.
    pub tcp_bytes: f64,
    /// TCP segments, both ways.
    pub segments: f64,
    /// Time on a CPU of its broker in µs, beyond that of a broker without clients: the median of the windows.
    pub broker_us: f64,
    /// Resident memory in KiB at the end.
    pub rss_kib: f64,
    /// The most resident memory in KiB.
    pub peak_kib: f64,
    /// Threads.
    pub threads: f64,
    /// Executable and plugins in KiB.
    pub binary_kib: f64,
    /// Those and shared libraries in KiB.
    pub code_kib: f64,
    /// From exec to READY in ms: the median of the starts.
    pub ready_ms: f64,
    /// From exec to the first `PUBLISH` in ms: the median of the starts.
    pub publish_ms: f64,
}

/// What the batches of a contender hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Content {
    /// Ticks in all batches.
    pub ticks: u64,
    /// In the batch that has fewest, the metrics with a value.
    pub fewest_metrics: usize,
}

impl Figures {
    /// Fills in what the windows between those snapshots say.
    pub fn take_windows(&mut self, snapshots: &[Snapshot]) {
        let window = f64::from(WINDOW);
        let each = |of: fn(&Snapshot) -> u64| -> Vec<f64> {
            let pairs = snapshots.windows(2);
            pairs
                .map(|pair| of(&pair[1]).saturating_sub(of(&pair[0])) as f64 / window)
                .collect()
        };
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
        self.cpu_us_by_window = each(|s| s.own.cpu_ns)
            .iter()
            .map(|ns| ns / 1000.0)
            .collect();
        self.cpu_us = median(self.cpu_us_by_window.clone());
        self.voluntary = median(each(|s| s.own.voluntary));
        self.involuntary = median(each(|s| s.own.involuntary));
        let idle = median(each(|s| s.idle_broker.cpu_ns));
        self.broker_us = (median(each(|s| s.broker.cpu_ns)) - idle).max(0.0) / 1000.0;
        self.messages = mean(each(|s| s.tally.up.publishes));
        self.payload_bytes = mean(each(|s| s.tally.up.payload));
        self.tcp_bytes = mean(each(|s| both(&s.tally, |direction| direction.bytes)));
        self.segments = mean(each(|s| s.segments));
    }

    /// Fills in the most memory: that of the median start, in which the kernel's errors cancel out, or of the ends of the windows.
    pub fn take_peak(&mut self, starts: Vec<f64>, snapshots: &[Snapshot]) {
        let resident = snapshots.iter().map(|s| s.own.rss_kib as f64);
        self.peak_kib = resident.fold(median(starts), f64::max);
    }

    /// Fills in what the process is at its end.
    pub fn take_process(&mut self, usage: &Usage, code: Code) {
        self.rss_kib = usage.rss_kib as f64;
        self.threads = usage.threads as f64;
        self.binary_kib = code.own as f64 / 1024.0;
        self.code_kib = code.all as f64 / 1024.0;
    }

    /// Fills in what strace counted in that many ticks.
    pub fn take_calls(&mut self, calls: &Calls, ticks: u32) {
        self.syscalls = calls.total() as f64 / f64::from(ticks);
        self.forks = calls.forks() as f64;
    }
}

fn both(tally: &Tally, of: fn(&Direction) -> u64) -> u64 {
    of(&tally.up) + of(&tally.down)
}

impl Content {
    /// What is in batches; one that does not decode has no metrics.
    #[must_use]
    pub fn of(batches: &[Vec<u8>]) -> Self {
        let decoded = batches
            .iter()
            .map(|bytes| frame::decode::<Batch>(bytes).ok());
        let counted: Vec<(u64, usize)> = decoded
            .map(|batch| {
                batch
                    .as_ref()
                    .map_or((0, 0), |batch| (batch.header.count.into(), live(batch)))
            })
            .collect();
        Self {
            ticks: counted.iter().map(|(ticks, _)| ticks).sum(),
            fewest_metrics: counted
                .iter()
                .map(|(_, metrics)| *metrics)
                .min()
                .unwrap_or(0),
        }
    }
}

fn live(batch: &Batch) -> usize {
    let columns = batch.columns.iter();
    columns
        .filter(|column| column.readings.iter().any(Result::is_ok))
        .count()
}

/// The middle one, or the mean of the two in the middle; 0 of none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// That time in ms.
#[must_use]
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
