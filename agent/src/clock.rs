//! The only place that reads clocks: time since boot, the wall clock and how far to trust it, the tick timer, alarm and bell.
mod bell;
pub mod certificates;
mod timers;
mod wall;

use rustix::time::{ClockId, Timespec, clock_gettime};

pub use bell::{Bell, Striker};
pub use timers::{Alarm, Slot, TickTimer};
pub use wall::{NOT_BEFORE, Wall, quality};

/// CLOCK_BOOTTIME in ms. It counts while the machine sleeps and never jumps.
#[must_use]
pub fn boottime_ms() -> u64 {
    u64::try_from(millis(clock_gettime(ClockId::Boottime)))
        .expect("time since boot is not negative")
}

fn millis(time: Timespec) -> i64 {
    time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}
