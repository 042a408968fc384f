//! The only place that reads clocks: time since boot, the wall clock and how far to trust it, and the tick timer.
use std::{io, os::fd::OwnedFd};

use picket_proto::{Quality, WallClock};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::sys;

/// Unix time in s before which a wall clock can't be right: 2025-01-01, before the first line of picketd was written. A
/// constant and not the time of the build, so that equal sources give equal binaries.
pub const NOT_BEFORE: i64 = 1_735_689_600;

/// CLOCK_BOOTTIME in ms. It counts while the machine sleeps and never jumps.
#[must_use]
pub fn boottime_ms() -> u64 {
    u64::try_from(millis(clock_gettime(ClockId::Boottime)))
        .expect("time since boot is not negative")
}

/// The wall clock now. One system call (adjtimex); the clocks are read in the vDSO.
#[must_use]
pub fn wall() -> WallClock {
    let realtime_ms = millis(clock_gettime(ClockId::Realtime));
    let boottime_ms = millis(clock_gettime(ClockId::Boottime));
    let kernel = match sys::clock_is_synchronised() {
        Ok(true) => Quality::Synchronised,
        Ok(false) | Err(_) => Quality::Unsynchronised,
    };
    WallClock {
        offset_ms: realtime_ms - boottime_ms,
        quality: quality(realtime_ms / 1_000, kernel),
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

/// Fires every period on CLOCK_BOOTTIME, on an absolute schedule: a late wake-up doesn't shift the next.
#[derive(Debug)]
pub struct TickTimer {
    fd: AsyncFd<OwnedFd>,
    period_ms: u64,
    next_ms: u64,
}

/// A slot of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When it was due, CLOCK_BOOTTIME in ms.
    pub boottime_ms: u64,
    /// How many slots before it passed without a wake-up.
    pub missed: u64,
}

impl TickTimer {
    /// The first slot is now. `period_ms` is at least 1.
    ///
    /// # Errors
    /// The kernel refuses a timer, or there is no tokio runtime with I/O.
    #[expect(
        deprecated,
        reason = "its successor is unsafe to call; an OwnedFd that nobody else holds keeps its promise"
    )]
    pub fn new(period_ms: u64) -> io::Result<Self> {
        let fd = timerfd_create(
            TimerfdClockId::Boottime,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        let next_ms = boottime_ms();
        let setting = Itimerspec {
            it_interval: timespec(period_ms),
            it_value: timespec(next_ms.max(1)),
        };
        timerfd_settime(&fd, TimerfdTimerFlags::ABSTIME, &setting)?;
        Ok(Self {
            fd: AsyncFd::with_interest(fd, Interest::READABLE)?,
            period_ms,
            next_ms,
        })
    }

    /// Waits for the next slot. Cancel-safe: an expiry that was not read stays in the timer.
    ///
    /// # Errors
    /// Reading the timer failed.
    pub async fn tick(&mut self) -> io::Result<Slot> {
        loop {
            let mut ready = self.fd.readable().await?;
            let mut expirations = [0; 8];
            let read = rustix::io::read(self.fd.get_ref(), &mut expirations);
            // A read takes all expiries, so there is nothing left to ask for; the next expiry is a new edge.
            ready.clear_ready();
            match read {
                Ok(_) => return Ok(self.slot(u64::from_ne_bytes(expirations))),
                Err(rustix::io::Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn slot(&mut self, expirations: u64) -> Slot {
        let slot = slot(self.next_ms, self.period_ms, expirations);
        self.next_ms = slot.boottime_ms + self.period_ms;
        slot
    }
}

/// The latest of `expirations` slots, the first of which was due at `next_ms`.
fn slot(next_ms: u64, period_ms: u64, expirations: u64) -> Slot {
    let missed = expirations.saturating_sub(1);
    Slot {
        boottime_ms: next_ms + missed * period_ms,
        missed,
    }
}

fn millis(time: Timespec) -> i64 {
    time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}

fn timespec(ms: u64) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(ms / 1_000).expect("a boottime in s fits 63 bits"),
        tv_nsec: i64::try_from(ms % 1_000).expect("below 1000") * 1_000_000,
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
    fn slots_keep_to_the_schedule_and_missed_ones_are_counted() {
        for (expirations, boottime_ms, missed) in [(1, 1_000, 0), (2, 11_000, 1), (4, 31_000, 3)] {
            let expected = Slot {
                boottime_ms,
                missed,
            };
            assert_eq!(slot(1_000, 10_000, expirations), expected);
        }
    }

    #[tokio::test]
    async fn the_timer_fires_at_once_and_then_one_period_later() {
        let mut timer = TickTimer::new(1).unwrap();
        let first = timer.tick().await.unwrap();
        let second = timer.tick().await.unwrap();
        assert_eq!(second.boottime_ms - first.boottime_ms, 1 + second.missed);
    }
}
