//! How often to sample and to speak: the one rule for the file and for a signed `Configure`. It doesn't know who asks.
use std::ops::RangeInclusive;

use picket_proto::batch::MAX_TICKS;

use super::text;

/// Times between two ticks that are taken, in ms.
pub const PERIODS_MS: RangeInclusive<u32> = 100..=600_000;
/// Times between two batches that are taken, in ms.
pub const WINDOWS_MS: RangeInclusive<u32> = 100..=3_600_000;

/// Times between ticks and between batches that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    period_ms: u32,
    window_ms: u32,
}

impl Periods {
    /// Ticks every `period_ms`, batches every `window_ms`.
    ///
    /// # Errors
    /// One of them is out of its range, or a window would hold no tick or more than a batch takes: what is wrong and what
    /// would be right.
    pub fn new(period_ms: u32, window_ms: u32) -> Result<Self, String> {
        for (name, ms, range) in [
            ("sample_every", period_ms, PERIODS_MS),
            ("window", window_ms, WINDOWS_MS),
        ] {
            if !range.contains(&ms) {
                let [ms, least, most] = [ms, *range.start(), *range.end()].map(show);
                return Err(format!(
                    "`{name}` is {ms}; choose a time from {least} to {most}"
                ));
            }
        }
        let ticks = window_ms / period_ms;
        if !(1..=u32::from(MAX_TICKS)).contains(&ticks) {
            return Err(format!(
                "`window` holds {ticks} ticks of `sample_every`; choose them so that it holds 1 to {MAX_TICKS}"
            ));
        }
        Ok(Self {
            period_ms,
            window_ms,
        })
    }

    /// What a `Configure` asks for: these, where it says nothing.
    ///
    /// # Errors
    /// As for [`Periods::new`].
    pub fn with(self, period_ms: Option<u32>, window_ms: Option<u32>) -> Result<Self, String> {
        Self::new(
            period_ms.unwrap_or(self.period_ms),
            window_ms.unwrap_or(self.window_ms),
        )
    }

    /// Time between two ticks, in ms.
    #[must_use]
    pub fn period_ms(self) -> u32 {
        self.period_ms
    }

    /// Time between two batches, in ms.
    #[must_use]
    pub fn window_ms(self) -> u32 {
        self.window_ms
    }
}

impl Default for Periods {
    /// 10 s and 60 s.
    fn default() -> Self {
        Self {
            period_ms: 10_000,
            window_ms: 60_000,
        }
    }
}

fn show(ms: u32) -> String {
    text::show(u64::from(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_1_to_1024_ticks() {
        for (period_ms, window_ms, wrong) in [
            (10_000, 60_000, None),
            (100, 100, None),
            (100, 102_499, None),
            (600_000, 3_600_000, None),
            (
                99,
                60_000,
                Some("`sample_every` is 99ms; choose a time from 100ms to 10m"),
            ),
            (0, 0, Some("`sample_every` is 0s")),
            (600_001, 3_600_000, Some("`sample_every` is 600001ms")),
            (
                100,
                99,
                Some("`window` is 99ms; choose a time from 100ms to 1h"),
            ),
            (10_000, 3_600_001, Some("`window` is 3600001ms")),
            (10_000, 9_999, Some("holds 0 ticks")),
            (
                100,
                102_500,
                Some("holds 1025 ticks of `sample_every`; choose them so that it holds 1 to 1024"),
            ),
        ] {
            let what = format!("{period_ms} {window_ms}");
            match (Periods::new(period_ms, window_ms), wrong) {
                (Ok(periods), None) => {
                    assert_eq!(
                        (periods.period_ms(), periods.window_ms()),
                        (period_ms, window_ms)
                    );
                }
                (Err(error), Some(words)) => assert!(error.contains(words), "{what}: {error}"),
                (judged, _) => panic!("{what}: {judged:?}"),
            }
        }
    }

    #[test]
    fn what_a_configure_leaves_open_is_the_files() {
        let file = Periods::new(10_000, 60_000).unwrap();
        for (period_ms, window_ms, expected) in [
            (None, None, Ok((10_000, 60_000))),
            (Some(1_000), None, Ok((1_000, 60_000))),
            (None, Some(300_000), Ok((10_000, 300_000))),
            (Some(120_000), None, Err(())),
        ] {
            let with = file.with(period_ms, window_ms);
            let with = with.map(|with| (with.period_ms(), with.window_ms()));
            assert_eq!(
                with.map_err(|_| ()),
                expected,
                "{period_ms:?} {window_ms:?}"
            );
        }
    }

    #[test]
    fn the_default_is_valid() {
        let Periods {
            period_ms,
            window_ms,
        } = Periods::default();
        assert_eq!(Periods::new(period_ms, window_ms), Ok(Periods::default()));
    }
}
