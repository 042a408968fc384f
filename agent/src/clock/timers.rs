//! What wakes the loop: the tick's timer and the alarm, both timerfds on CLOCK_BOOTTIME. They don't know what is due.
use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::{Interest, unix::AsyncFd};

use super::boottime_ms;

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
        let fd = timer()?;
        let next_ms = boottime_ms();
        set(&fd, next_ms, period_ms)?;
        Ok(Self {
            fd: AsyncFd::with_interest(fd, Interest::READABLE)?,
            period_ms,
            next_ms,
        })
    }

    /// Fires every `period_ms` from now on: the next slot is one such period after the last, or now if that has passed. No
    /// slot counts as missed by that. `period_ms` is at least 1.
    ///
    /// # Errors
    /// The kernel refuses the timer.
    pub fn set_period(&mut self, period_ms: u64) -> io::Result<()> {
        let last_ms = self.next_ms.saturating_sub(self.period_ms);
        let next_ms = boottime_ms().max(last_ms + period_ms);
        set(self.fd.get_ref(), next_ms, period_ms)?;
        self.period_ms = period_ms;
        self.next_ms = next_ms;
        Ok(())
    }

    /// When the next slot is due, CLOCK_BOOTTIME in ms.
    #[must_use]
    pub fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// Waits for the next slot. Cancel-safe: an expiry that was not read stays in the timer.
    ///
    /// # Errors
    /// Reading the timer failed.
    pub async fn tick(&mut self) -> io::Result<Slot> {
        let expirations = expirations(&self.fd).await?;
        Ok(self.slot(expirations))
    }

    fn slot(&mut self, expirations: u64) -> Slot {
        let slot = slot(self.next_ms, self.period_ms, expirations);
        self.next_ms = slot.boottime_ms + self.period_ms;
        slot
    }
}

/// Fires once at a time of CLOCK_BOOTTIME. tokio's own timers wake up several times on the way to a far deadline, because
/// their wheel moves it from coarse slots to finer ones.
#[derive(Debug)]
pub struct Alarm {
    fd: AsyncFd<OwnedFd>,
    armed_ms: Option<u64>,
}

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Errors
    /// As for [`TickTimer::new`].
    #[expect(
        deprecated,
        reason = "its successor is unsafe to call; an OwnedFd that nobody else holds keeps its promise"
    )]
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            fd: AsyncFd::with_interest(timer()?, Interest::READABLE)?,
            armed_ms: None,
        })
    }

    /// Waits until CLOCK_BOOTTIME is `due_ms`, or for ever. Cancel-safe: an alarm that rang stays so until it is read, and one
    /// that is set to another time forgets that it rang.
    ///
    /// # Errors
    /// The timer can't be set or read.
    pub async fn at(&mut self, due_ms: Option<u64>) -> io::Result<()> {
        let Some(due_ms) = due_ms else {
            // What was set before may ring for nobody, which costs one wake-up.
            return std::future::pending().await;
        };
        if due_ms <= boottime_ms() {
            return Ok(());
        }
        if self.armed_ms != Some(due_ms) {
            set(self.fd.get_ref(), due_ms, 0)?;
            self.armed_ms = Some(due_ms);
        }
        expirations(&self.fd).await?;
        self.armed_ms = None;
        Ok(())
    }
}

pub(super) fn timer() -> io::Result<OwnedFd> {
    Ok(timerfd_create(
        TimerfdClockId::Boottime,
        TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
    )?)
}

/// Rings at `due_ms` and then every `period_ms`, or never again if that is 0. The kernel takes a time that has passed.
pub(super) fn set(fd: &OwnedFd, due_ms: u64, period_ms: u64) -> io::Result<()> {
    settime(fd, due_ms.max(1), period_ms)
}

/// Never rings.
pub(super) fn disarm(fd: &OwnedFd) -> io::Result<()> {
    settime(fd, 0, 0)
}

fn settime(fd: &OwnedFd, due_ms: u64, period_ms: u64) -> io::Result<()> {
    let setting = Itimerspec {
        it_interval: timespec(period_ms),
        it_value: timespec(due_ms),
    };
    timerfd_settime(fd, TimerfdTimerFlags::ABSTIME, &setting)?;
    Ok(())
}

/// How often the timer rang since it was asked last; at least once. Cancel-safe: what was not read stays in the timer.
pub(super) async fn expirations(fd: &AsyncFd<impl AsFd + AsRawFd>) -> io::Result<u64> {
    loop {
        let mut ready = fd.readable().await?;
        let mut expirations = [0; 8];
        let read = rustix::io::read(fd.get_ref(), &mut expirations);
        // A read takes all expiries, so there is nothing left to ask for; the next expiry is a new edge.
        ready.clear_ready();
        match read {
            Ok(_) => return Ok(u64::from_ne_bytes(expirations)),
            Err(rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
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

fn timespec(ms: u64) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(ms / 1_000).expect("a boottime in s fits 63 bits"),
        tv_nsec: i64::try_from(ms % 1_000).expect("below 1000") * 1_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_alarm_rings_once_for_the_time_that_was_set_last() {
        let mut alarm = Alarm::new().unwrap();
        let start = boottime_ms();
        // Set and given up twice: once for an hour ahead, once for a time that has passed.
        for due in [Some(start + 3_600_000), Some(1), None] {
            let ring = tokio::time::timeout(std::time::Duration::ZERO, alarm.at(due));
            let _ = ring.await;
        }
        alarm.at(Some(start + 20)).await.unwrap();
        assert!(boottime_ms() >= start + 20, "it rang for another time");
        alarm.at(Some(start)).await.unwrap();
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

    #[tokio::test]
    async fn a_new_period_counts_from_the_last_slot_and_misses_none() {
        let mut timer = TickTimer::new(3_600_000).unwrap();
        let first = timer.tick().await.unwrap();
        timer.set_period(20).unwrap();
        assert_eq!(timer.next_ms() - first.boottime_ms, 20);
        let second = timer.tick().await.unwrap();
        assert_eq!(
            second.boottime_ms - first.boottime_ms,
            20 * (1 + second.missed)
        );
        // A time of the old schedule that has passed is no slot of the new one.
        timer.next_ms = boottime_ms() - 500;
        timer.period_ms = 1_000;
        timer.set_period(100).unwrap();
        let third = timer.tick().await.unwrap();
        assert!(third.missed < 5, "{third:?}");
    }
}
