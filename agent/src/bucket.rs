//! How often something may happen: a burst, and then one in a while. Knows nothing of what it counts.

/// A token bucket, kept as the time at which it will be full again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    burst: u64,
    refill_ms: u64,
    full_at_ms: u64,
}

impl Bucket {
    /// A full bucket of `burst` tokens, one of which comes back every `refill_ms`.
    pub(crate) const fn new(burst: u64, refill_ms: u64) -> Self {
        Self {
            burst,
            refill_ms,
            full_at_ms: 0,
        }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now_ms: u64) -> bool {
        let full_at = self.full_at_ms.max(now_ms).saturating_add(self.refill_ms);
        let taken = full_at <= now_ms.saturating_add(self.burst * self.refill_ms);
        if taken {
            self.full_at_ms = full_at;
        }
        taken
    }

    /// When there will be a token.
    pub(crate) fn next_ms(&self) -> u64 {
        self.full_at_ms
            .saturating_sub((self.burst - 1) * self.refill_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_at_once_then_one_in_ten_seconds() {
        let mut bucket = Bucket::new(5, 10_000);
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
