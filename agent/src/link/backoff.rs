//! How long to wait before the next connect: full-jitter exponential backoff, so that a shelf never comes back at one
//! moment. Pure; the chance is an argument.
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    time::Duration,
};

/// The longest wait after the first failure.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait at all.
const MOST: Duration = Duration::from_secs(120);
/// A connection that lasted this long was a good one.
pub(super) const LASTING: Duration = Duration::from_secs(60);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// A connection ended after it was up for that long; zero if it never was.
    pub(super) fn ended(&mut self, lasted: Duration) {
        self.failures = match lasted >= LASTING {
            true => 1,
            false => self.failures.saturating_add(1),
        };
    }

    /// The wait before the next connect: evenly spread from 0 to 1, 2, 4 ... 120 s.
    pub(super) fn wait(&self, chance: u64) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        spread((FIRST * (1 << doublings)).min(MOST), chance)
    }

    /// How long a broker may take to accept a connection: 5 s at first, so that an address that swallows everything
    /// doesn't hide a good one, and more for slow brokers later.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(5) * (1 + self.failures).min(6)
    }
}

/// A part of `most`, as `chance` has it.
pub(super) fn spread(most: Duration, chance: u64) -> Duration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    let part = (u128::from(nanos) * u128::from(chance)) >> 64;
    Duration::from_nanos(u64::try_from(part).expect("a part is not more than the whole"))
}

/// Any number, each as likely as the others: the standard library's keys for hash tables come from the kernel.
pub(super) fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_cap_and_start_anew_after_a_lasting_connection() {
        let mut backoff = Backoff::default();
        let mut longest = Vec::new();
        for lasted in [0, 0, 1, 59, 0, 0, 0, 0, 0, 60, 0, 3_600] {
            backoff.ended(Duration::from_secs(lasted));
            longest.push(backoff.wait(u64::MAX).as_secs_f64().round() as u64);
        }
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 64, 120, 120, 1, 2, 1]);
        backoff.failures = u32::MAX;
        assert!(backoff.wait(u64::MAX) < MOST);
        assert_eq!(backoff.wait(0), Duration::ZERO);
    }

    #[test]
    fn patience_grows_from_five_seconds_to_thirty() {
        let mut backoff = Backoff::default();
        for seconds in [5, 10, 15, 20, 25, 30, 30] {
            assert_eq!(backoff.patience(), Duration::from_secs(seconds));
            backoff.ended(Duration::ZERO);
        }
    }

    #[test]
    fn a_thousand_devices_spread_evenly() {
        let mut tenths = [0; 10];
        for _ in 0..1_000 {
            let wait = spread(Duration::from_secs(10), chance());
            tenths[usize::try_from(wait.as_secs()).unwrap()] += 1;
        }
        assert!(
            tenths.iter().all(|&n| (50..=150).contains(&n)),
            "{tenths:?}"
        );
    }
}
