//! How often an event may flush at once: a burst of five, then one in ten seconds. Knows no events.

const BURST: u64 = 5;
const REFILL_MS: u64 = 10_000;

/// A token bucket, kept as the time at which it will be full again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    full_at_ms: u64,
}

impl Bucket {
    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now_ms: u64) -> bool {
        let full_at = self.full_at_ms.max(now_ms) + REFILL_MS;
        let taken = full_at <= now_ms + BURST * REFILL_MS;
        if taken {
            self.full_at_ms = full_at;
        }
        taken
    }

    /// When there will be a token.
    pub(super) fn next_ms(&self) -> u64 {
        self.full_at_ms.saturating_sub((BURST - 1) * REFILL_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_at_once_then_one_in_ten_seconds() {
        let mut bucket = Bucket::default();
        for (now, taken) in [
            (100_000, true),
            (100_000, true),
            (100_001, true),
            (100_002, true),
            (100_003, true),
            (100_004, false),
            (109_999, false),
            (110_000, true),
            (110_000, false),
            (200_000, true),
        ] {
            assert_eq!(bucket.next_ms() <= now, taken, "at {now}");
            assert_eq!(bucket.take(now), taken, "at {now}");
        }
    }
}
