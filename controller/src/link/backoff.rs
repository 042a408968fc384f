//! How long to wait before the next attempt to connect: a random time below a limit that doubles (full jitter), so
//! that many controllers don't come back in one moment. Knows no clock.
use std::time::Duration;

const FIRST_MS: u64 = 1_000;
const LAST_MS: u64 = 30_000;
/// No attempt follows sooner.
const LEAST_MS: u64 = 250;

/// The growing limit.
#[derive(Debug)]
pub(super) struct Backoff {
    limit_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { limit_ms: FIRST_MS }
    }
}

impl Backoff {
    /// The next wait; without a random number it is the whole limit.
    pub(super) fn next(&mut self, random: Option<u64>) -> Duration {
        let limit_ms = self.limit_ms;
        self.limit_ms = (limit_ms * 2).min(LAST_MS);
        let spread = limit_ms - LEAST_MS + 1;
        Duration::from_millis(random.map_or(limit_ms, |random| LEAST_MS + random % spread))
    }

    /// A connection stood.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_start_again_after_a_success() {
        let mut backoff = Backoff::default();
        let longest: Vec<_> = (0..7).map(|_| backoff.next(None).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next(None), Duration::from_secs(1));
    }

    #[test]
    fn waits_are_spread_between_a_least_and_the_limit() {
        for (random, wait_ms) in [
            (0, 250),
            (750, 1_000),
            (751, 250),
            (u64::MAX, 250 + u64::MAX % 751),
        ] {
            let wait = Backoff::default().next(Some(random));
            assert_eq!(wait, Duration::from_millis(wait_ms), "{random}");
        }
    }
}
