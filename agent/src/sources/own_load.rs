//! What the in-band probe adds to the load averages while it waits: the kernel counts a thread that waits for NFS as if it ran.
//! The kernel's own formula (`kernel/sched/loadavg.c`), of which only the moments of its steps aren't known here.
use super::load::Load;

/// `LOAD_FREQ`: the kernel steps every 5 s.
const STEP_MS: u64 = 5_000;
/// `EXP_1`, `EXP_5` and `EXP_15` of 2048.
const KEPT: [u64; 3] = [1884, 2014, 2037];
const WHOLE: u64 = 2048;
/// One thread, with room for what the kernel rounds away.
const THREAD: u64 = 1 << 30;
/// After so many steps nothing is left of what was: three hours.
const MOST_STEPS: u64 = 2160;

/// One thread's part in the averages.
#[derive(Debug, Default)]
pub struct OwnLoad {
    averages: [u64; 3],
    stepped_ms: Option<u64>,
}

/// When that thread waited, from and until, CLOCK_BOOTTIME in ms.
pub type Waited = (u64, u64);

impl OwnLoad {
    /// Goes on to `now_ms`; `waited` is the last time that it waited for long, which may go on.
    pub fn advance(&mut self, now_ms: u64, waited: Option<Waited>) {
        let last = now_ms / STEP_MS;
        let first = self.stepped_ms.replace(now_ms).unwrap_or(now_ms) / STEP_MS;
        for step in first.max(last.saturating_sub(MOST_STEPS)) + 1..=last {
            let at_ms = step * STEP_MS;
            let waits = waited.is_some_and(|(since, until)| (since..until).contains(&at_ms));
            for (average, kept) in self.averages.iter_mut().zip(KEPT) {
                let adds = if waits { THREAD * (WHOLE - kept) } else { 0 };
                *average = (*average * kept + adds) / WHOLE;
            }
        }
    }

    /// The averages without it, in hundredths.
    #[must_use]
    pub fn without(&self, load: Load) -> Load {
        let mut left = load;
        for (load, average) in left.iter_mut().zip(self.averages) {
            let own = (average * 100 + THREAD / 2) / THREAD;
            *load = (*load - own as i64).max(0);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1 - exp(-t / T)` while it waits, and that decays afterwards.
    #[test]
    fn a_thread_that_waits_is_taken_out_of_the_averages() {
        let mut own = OwnLoad::default();
        let waited = (5_000, 185_000);
        for (now_ms, load, left) in [
            (0, [37, 30, 25], [37, 30, 25]),
            (5_000, [37, 30, 25], [29, 28, 24]),
            (65_000, [100, 100, 100], [34, 80, 93]),
            (185_000, [200, 100, 100], [113, 55, 82]),
            (245_000, [30, 36, 16], [0, 0, 0]),
            (11_000_000, [1, 1, 1], [1, 1, 1]),
        ] {
            own.advance(now_ms, Some(waited));
            assert_eq!(own.without(load), left, "at {now_ms}");
        }
    }

    #[test]
    fn one_that_does_not_wait_changes_nothing() {
        let mut own = OwnLoad::default();
        for now_ms in [1_000, 11_000, 1_000_000_000_000, 1_000_000_010_000] {
            own.advance(now_ms, None);
            assert_eq!(own.without([3, 2, 1]), [3, 2, 1]);
        }
    }
}
