//! The wall clock, and how far to trust it.
use picket_proto::{Quality, WallClock};
use rustix::time::{ClockId, clock_gettime};

use super::{boottime_ms, millis};
use crate::sys;

/// Unix time in s before which a wall clock can't be right: 2025-01-01, before the first line of picketd was written. A
/// constant and not the time of the build, so that equal sources give equal binaries.
pub const NOT_BEFORE: i64 = 1_735_689_600;

/// How long the kernel's word on a clock that did not jump is good for, in ms of CLOCK_BOOTTIME.
const ASK_EVERY_MS: u64 = 60_000;
/// A clock that moved by more than this against boottime was set, in ms; a disciplined one drifts far less in a minute.
const JUMP_MS: i64 = 250;

/// Reads the wall clock. It asks the kernel (adjtimex) whether the clock is synchronised when the clock was set, and else once
/// a minute: so a clock that becomes synchronised without a jump is believed up to a minute later.
#[derive(Debug, Default)]
pub struct Wall {
    asked: Option<Asked>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    boottime_ms: u64,
    offset_ms: i64,
    kernel: Quality,
}

impl Wall {
    /// The wall clock now. The clocks are read in the vDSO.
    #[must_use]
    pub fn now(&mut self) -> WallClock {
        let realtime_ms = millis(clock_gettime(ClockId::Realtime));
        self.at(
            realtime_ms,
            boottime_ms(),
            || match sys::clock_is_synchronised() {
                Ok(true) => Quality::Synchronised,
                Ok(false) | Err(_) => Quality::Unsynchronised,
            },
        )
    }

    fn at(
        &mut self,
        realtime_ms: i64,
        boottime_ms: u64,
        ask: impl FnOnce() -> Quality,
    ) -> WallClock {
        let offset_ms = realtime_ms - i64::try_from(boottime_ms).expect("63 bits of ms");
        let known = self.asked.filter(|asked| {
            boottime_ms.saturating_sub(asked.boottime_ms) < ASK_EVERY_MS
                && (offset_ms - asked.offset_ms).abs() <= JUMP_MS
        });
        let asked = known.unwrap_or_else(|| Asked {
            boottime_ms,
            offset_ms,
            kernel: ask(),
        });
        self.asked = Some(asked);
        WallClock {
            offset_ms,
            quality: quality(realtime_ms / 1_000, asked.kernel),
        }
    }
}

/// How far to trust a wall clock that reads `unix_s` and of which the kernel says `kernel`. A clock that is too early was
/// never set, whatever the kernel says.
#[must_use]
pub fn quality(unix_s: i64, kernel: Quality) -> Quality {
    match unix_s < NOT_BEFORE {
        true => Quality::Unset,
        false => kernel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_the_first_picketd_was_never_set() {
        use Quality::{Synchronised, Unset, Unsynchronised};
        for (unix_s, kernel, expected) in [
            (0, Unsynchronised, Unset),
            (0, Synchronised, Unset),
            (NOT_BEFORE - 1, Synchronised, Unset),
            (NOT_BEFORE, Synchronised, Synchronised),
            (NOT_BEFORE, Unsynchronised, Unsynchronised),
        ] {
            assert_eq!(quality(unix_s, kernel), expected, "{unix_s}");
        }
    }

    #[test]
    fn the_kernel_is_asked_once_a_minute_and_whenever_the_clock_was_set() {
        use Quality::{Synchronised, Unset, Unsynchronised};
        const NOW: i64 = (NOT_BEFORE + 1_000_000) * 1_000;
        let mut wall = Wall::default();
        for (boottime_ms, realtime_ms, kernel, expected) in [
            (10_000, 0, Some(Unsynchronised), Unset),
            (20_000, 10_000, None, Unset),
            (30_000, NOW, Some(Unsynchronised), Unsynchronised),
            (40_000, NOW + 10_250, None, Unsynchronised),
            (89_999, NOW + 59_749, None, Unsynchronised),
            (90_000, NOW + 60_000, Some(Synchronised), Synchronised),
            (100_000, NOW + 69_749, Some(Unsynchronised), Unsynchronised),
        ] {
            let mut asked = None;
            let read = wall.at(realtime_ms, boottime_ms, || {
                asked = kernel;
                kernel.expect("nobody asks here")
            });
            assert_eq!((read.quality, asked), (expected, kernel), "{boottime_ms}");
            assert_eq!(read.offset_ms, realtime_ms - boottime_ms as i64);
        }
    }
}
