//! The NFS root as its client counts it: the kernel adds up whole milliseconds of each operation, so means over few
//! operations are rough, and a quick server's operations mostly count as 0.
use super::random::Random;

/// The counters of a mount, and the server behind it.
pub(super) struct Nfs {
    random: Random,
    /// How busy the server is with the other 107 Pis: about 1.
    crowd: f64,
    ops: i64,
    retransmits: i64,
    /// Since the last tick: operations, and milliseconds in the queue, on the wire and in all.
    interval: Interval,
}

/// What an interval of a mount holds.
#[derive(Clone, Copy, Default)]
pub(super) struct Interval {
    ops: i64,
    queue_ms: i64,
    rtt_ms: i64,
    execute_ms: i64,
}

impl Nfs {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            crowd: 1.0,
            ops: 41_873,
            retransmits: 0,
            interval: Interval::default(),
        }
    }

    /// One second with about `mean` operations.
    pub(super) fn step(&mut self, mean: f64) {
        self.crowd += self.random.bell() * 0.02 + (1.0 - self.crowd) * 0.01;
        if self.random.chance(1.0 / 20_000.0) {
            self.retransmits += i64::from(self.random.arrivals(3.0)) + 1;
            self.crowd += 6.0;
        }
        for _ in 0..self.random.arrivals(mean) {
            let queue = if self.random.chance(0.01) {
                self.random.tailed(0.4)
            } else {
                0.02
            };
            let rtt = self.random.tailed(0.55 * self.crowd);
            let slow = if self.random.chance(0.02) {
                self.random.tailed(9.0)
            } else {
                0.0
            };
            self.ops += 1;
            self.interval.ops += 1;
            self.interval.queue_ms += queue as i64;
            self.interval.rtt_ms += (rtt + slow) as i64;
            self.interval.execute_ms += (queue + rtt + slow + 0.06) as i64;
        }
    }

    /// Operations since the mount.
    pub(super) fn ops(&self) -> i64 {
        self.ops
    }

    /// Transmissions beyond the first, since the mount.
    pub(super) fn retransmits(&self) -> i64 {
        self.retransmits
    }

    /// The interval since the last call.
    pub(super) fn interval(&mut self) -> Interval {
        std::mem::take(&mut self.interval)
    }

    /// One RPC NULL call, in µs: network and a server thread, no disk.
    pub(super) fn null_rtt(&mut self) -> i64 {
        let wait = self.random.tailed(90.0 * self.crowd);
        let late = if self.random.chance(0.01) {
            self.random.tailed(2500.0)
        } else {
            0.0
        };
        (310.0 + wait + late) as i64
    }
}

impl Interval {
    /// Mean time on the wire in µs; none when nothing happened.
    pub(super) fn rtt(self) -> Option<i64> {
        self.mean(self.rtt_ms)
    }

    /// Mean time from start to end in µs.
    pub(super) fn execute(self) -> Option<i64> {
        self.mean(self.execute_ms)
    }

    /// Mean time before it was sent in µs.
    pub(super) fn queue(self) -> Option<i64> {
        self.mean(self.queue_ms)
    }

    fn mean(self, ms: i64) -> Option<i64> {
        (self.ops > 0).then(|| ms * 1000 / self.ops.max(1))
    }
}
