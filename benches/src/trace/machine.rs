//! The Pi itself in steps of one second: jobs that come and go, and what the kernel and the sensor make of them.
use super::random::Random;

const CORES: f64 = 4.0;
/// `FIXED_1` and the decay of 1, 5 and 15 minutes for each 5 s, of the kernel's include/linux/sched/loadavg.h.
const FIXED_1: u64 = 2048;
const DECAY: [u64; 3] = [1884, 2014, 2037];
/// The BCM2837's sensor: 412 °C less 0.538 °C a step (its device tree's `coefficients`).
const SENSOR_OFFSET: f64 = 412_000.0;
const SENSOR_STEP: i64 = 538;
/// MemAvailable counts pages of 4 KiB.
const PAGE_KIB: f64 = 4.0;
const MEMORY_KIB: f64 = 946_000.0;

/// A Pi 3 that does little most of the time.
pub(super) struct Machine {
    random: Random,
    second: u64,
    jobs: Vec<Job>,
    load: [u64; 3],
    /// Warmth of the chip above its board and of the board above the air, in °C.
    chip: f64,
    board: f64,
    /// Seconds for which ondemand keeps the top clock.
    fast: u32,
    used_kib: f64,
    /// CPU use since the last tick, in core seconds.
    busy: f64,
}

struct Job {
    cores: f64,
    seconds: u32,
    memory_kib: f64,
    files: f64,
}

impl Machine {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            second: 0,
            jobs: Vec::new(),
            load: [0; 3],
            chip: 4.0,
            board: 12.0,
            fast: 0,
            used_kib: 150_000.0,
            busy: 0.0,
        }
    }

    /// One second. Returns how many NFS operations it makes on average.
    pub(super) fn step(&mut self) -> f64 {
        self.second += 1;
        self.start_jobs();
        let wanted: f64 = self.jobs.iter().map(|job| job.cores).sum();
        let daemons = self.random.tailed(0.03);
        let use_now = (wanted + daemons + self.random.bell().abs() * 0.02).min(CORES);
        self.busy += use_now;
        self.count_load(wanted, daemons);
        self.choose_clock(use_now);
        self.warm(use_now);
        self.used_kib += self.random.bell() * 60.0 - (self.used_kib - 150_000.0) * 0.0005;
        let files = self.jobs.iter().map(|job| job.files).sum::<f64>();
        for job in &mut self.jobs {
            job.seconds -= 1;
        }
        self.jobs.retain(|job| job.seconds > 0);
        1.4 + files
    }

    /// Someone runs something every ten minutes or so; a timer does every five and every hour.
    fn start_jobs(&mut self) {
        let random = &mut self.random;
        if random.chance(1.0 / 600.0) {
            self.jobs.push(Job {
                cores: random.between(0.2, 4.0),
                seconds: random.tailed(150.0) as u32 + 1,
                memory_kib: random.tailed(60_000.0),
                files: random.tailed(20.0),
            });
        }
        if self.second % 300 == 17 || self.second % 3600 == 1020 {
            self.jobs.push(Job {
                cores: random.between(0.4, 1.0),
                seconds: random.between(2.0, 9.0) as u32,
                memory_kib: random.tailed(8_000.0),
                files: random.tailed(60.0),
            });
        }
    }

    /// calc_load() of kernel/sched/loadavg.c, every 5 s, over the tasks that run at that moment.
    fn count_load(&mut self, wanted: f64, daemons: f64) {
        if self.second % 5 != 0 {
            return;
        }
        let whole = wanted as u64;
        let running = whole
            + u64::from(self.random.chance(wanted - whole as f64))
            + u64::from(self.random.chance(daemons));
        let active = running * FIXED_1;
        for (load, decay) in self.load.iter_mut().zip(DECAY) {
            let sum = *load * decay + active * (FIXED_1 - decay);
            let up = if active >= *load { FIXED_1 - 1 } else { 0 };
            *load = (sum + up) / FIXED_1;
        }
    }

    /// ondemand with Raspberry Pi OS's settings: above half of a core it takes the top clock and keeps it for 5 s.
    fn choose_clock(&mut self, use_now: f64) {
        let busiest = (use_now / CORES).max(use_now.min(1.0) * self.random.between(0.6, 1.0));
        self.fast = self.fast.saturating_sub(1);
        if busiest > 0.5 || self.random.chance(0.012) {
            self.fast = 5;
        }
    }

    /// Two thermal masses: the chip follows within seconds, the board within minutes.
    fn warm(&mut self, use_now: f64) {
        let watts = 1.3 + if self.fast > 0 { 0.35 } else { 0.0 } + 0.75 * use_now;
        self.chip += (watts * 3.5 - self.chip) / 6.0;
        self.board += (watts * 8.5 - self.board) / 240.0;
    }

    /// In thousandths of a degree: whole steps of a sensor that is off by up to a step now and then.
    pub(super) fn soc_temperature(&mut self) -> i64 {
        let day = (self.second % 86_400) as f64 / 43_200.0;
        let air = 24.0 + 2.0 * (1.0 - (day - 1.0).abs());
        let exact = (air + self.board + self.chip) * 1000.0 + self.random.bell() * 250.0;
        let code = ((SENSOR_OFFSET - exact) / SENSOR_STEP as f64) as i64;
        SENSOR_OFFSET as i64 - code * SENSOR_STEP
    }

    /// In kHz.
    pub(super) fn cpu_frequency(&self) -> i64 {
        if self.fast > 0 { 1_200_000 } else { 600_000 }
    }

    /// Hundredths, rounded as /proc/loadavg rounds.
    pub(super) fn load(&self, which: usize) -> i64 {
        ((self.load[which] + FIXED_1 / 200) * 100 / FIXED_1) as i64
    }

    /// Thousandths of all CPU time since the last call, from counters of 100 Hz.
    pub(super) fn cpu_busy(&mut self, seconds: u64) -> i64 {
        let busy = (self.busy * 100.0 + self.random.unit()) as i64;
        let all = (seconds as f64 * CORES * 100.0 + self.random.bell() * 1.5) as i64;
        self.busy = 0.0;
        busy * 1000 / all
    }

    /// In KiB, whole pages.
    pub(super) fn memory_available(&mut self) -> i64 {
        let jobs: f64 = self.jobs.iter().map(|job| job.memory_kib).sum();
        let pages = (MEMORY_KIB - self.used_kib - jobs) / PAGE_KIB;
        pages as i64 * PAGE_KIB as i64
    }
}
