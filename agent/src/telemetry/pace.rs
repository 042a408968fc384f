//! When the backlog may speak: one block a second while confirmations come, one block per backoff while they don't.
//! Live batches go on all the while; they are what finds out that the collector is back. Knows no entries.
use super::spool::Confidence;

/// Time between two blocks of the backlog.
const PACE_MS: u64 = 1000;
/// The longest wait for a confirmation.
const MAX_BACKOFF_MS: u64 = 3_600_000;
/// What is out for less than this is never offered again on the same connection.
const MIN_PATIENCE_MS: u64 = 60_000;

/// When the next block may go out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    patience_ms: u64,
    next_ms: u64,
    /// 0 while confirmations come; else one more than the probes since the last one.
    silences: u32,
}

impl Pace {
    pub(super) fn new(window_ms: u32) -> Self {
        Self {
            patience_ms: patience(window_ms),
            next_ms: 0,
            silences: 0,
        }
    }

    /// Live batches come at another window from now on. What the silence so far taught stays.
    pub(super) fn set_window(&mut self, window_ms: u32) {
        self.patience_ms = patience(window_ms);
    }

    /// How long a batch may be out before it is offered again.
    pub(super) fn patience_ms(&self) -> u64 {
        self.patience_ms
    }

    /// How long to wait for something while the confirmer is as silent as it is.
    pub(super) fn backoff_ms(&self) -> u64 {
        let doubled = self.patience_ms << self.silences.min(10);
        doubled.min(MAX_BACKOFF_MS.max(self.patience_ms))
    }

    pub(super) fn confidence(&self) -> Confidence {
        match self.silences {
            0 => Confidence::Flowing,
            _ => Confidence::Probing,
        }
    }

    /// When the next block may go out.
    pub(super) fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// A block went out.
    pub(super) fn sent(&mut self, now_ms: u64) {
        if self.silences == 0 {
            self.next_ms = now_ms + PACE_MS;
        } else {
            self.silences = self.silences.saturating_add(1);
            self.next_ms = now_ms + self.backoff_ms();
        }
    }

    /// Something was out for too long.
    pub(super) fn silent(&mut self, now_ms: u64) {
        if self.silences == 0 {
            self.silences = 1;
            self.next_ms = now_ms + self.backoff_ms();
        }
    }

    /// Something was confirmed, or a new connection may bring it.
    pub(super) fn hopeful(&mut self, now_ms: u64) {
        self.silences = 0;
        self.next_ms = self.next_ms.min(now_ms + PACE_MS);
    }
}

fn patience(window_ms: u32) -> u64 {
    MIN_PATIENCE_MS.max(3 * u64::from(window_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_doubles_the_wait_up_to_an_hour_and_a_confirmation_ends_it() {
        let mut pace = Pace::new(60_000);
        assert_eq!(pace.patience_ms(), 180_000);
        let mut now = 1_000_000;
        pace.silent(now);
        for expect in [360, 720, 1440, 2880, 3600, 3600] {
            pace.silent(now + 1);
            assert_eq!(pace.next_ms() - now, expect * 1000);
            assert_eq!(pace.confidence(), Confidence::Probing);
            now = pace.next_ms();
            pace.sent(now);
        }
        pace.hopeful(now - 500_000);
        assert_eq!(pace.next_ms(), now - 499_000);
        assert_eq!(pace.confidence(), Confidence::Flowing);
    }

    #[test]
    fn patience_is_three_windows_and_at_least_a_minute() {
        for (window, patience) in [(1, 60_000), (20_000, 60_000), (300_000, 900_000)] {
            assert_eq!(Pace::new(window).patience_ms(), patience);
            let mut pace = Pace::new(60_000);
            pace.set_window(window);
            assert_eq!(pace.patience_ms(), patience, "set later");
        }
    }
}
