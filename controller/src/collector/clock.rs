//! What time it was on a device: the anchor of each boot, and whether its clock agrees with ours.
use picket_proto::{BatchHeader, Quality, WallClock};

/// Unix times outside of the years 2000 to 2200 are no anchor, whatever the agent calls them.
const PLAUSIBLE_MS: std::ops::Range<i64> = 946_684_800_000..7_258_118_400_000;

/// A shift of an anchor by less than this, in ms, is not news.
const NEWS_MS: u64 = 1000;

/// The best known relation of a boot's boottime to wall time: synchronised before unsynchronised, then the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Anchor(Option<(WallClock, u64)>);

impl Anchor {
    /// Takes what a message says of the wall clock at `boottime_ms`. Returns it when times change noticeably by it.
    pub(super) fn offer(&mut self, wall: WallClock, boottime_ms: u64) -> Option<WallClock> {
        if !is_known(wall, boottime_ms) {
            return None;
        }
        let old = self.0;
        if old.is_some_and(|(best, at)| (best.quality, at) > (wall.quality, boottime_ms)) {
            return None;
        }
        self.0 = Some((wall, boottime_ms));
        let same = old.is_some_and(|(best, _)| {
            best.quality == wall.quality && best.offset_ms.abs_diff(wall.offset_ms) < NEWS_MS
        });
        (!same).then_some(wall)
    }

    /// Unix time in ms at that boottime, and how far to trust it.
    pub(super) fn time(&self, boottime_ms: u64) -> (Option<i64>, Quality) {
        match self.0 {
            Some((wall, _)) => (Some(wall.unix_ms(boottime_ms)), wall.quality),
            None => (None, Quality::Unset),
        }
    }
}

/// How a device's wall clock compares with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockState {
    /// No live batch came yet.
    #[default]
    Unknown,
    /// It was never set.
    Unset,
    /// It agrees with ours.
    Right,
    /// It is off by so many ms; positive is ahead of ours.
    Off(i64),
}

/// Compares the clock of live batches with ours.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Comparison {
    state: ClockState,
    was_behind: bool,
}

impl Comparison {
    pub(super) fn state(&self) -> ClockState {
        self.state
    }

    /// Takes a live batch with new ticks. A batch can be late, so being behind counts from the second batch in a row.
    /// Returns the difference in ms when it begins.
    pub(super) fn take(
        &mut self,
        header: &BatchHeader,
        now_ms: i64,
        tolerance_ms: i64,
    ) -> Option<i64> {
        let made_ms = header.boottime_ms(header.count.saturating_sub(1));
        if !is_known(header.wall, made_ms) {
            self.state = ClockState::Unset;
            self.was_behind = false;
            return None;
        }
        let ahead_ms = header.wall.unix_ms(made_ms).saturating_sub(now_ms);
        // The batch may be made up to a period after its last tick.
        let behind_ms = ahead_ms.saturating_add(i64::from(header.period_ms)).min(0);
        let off_ms = ahead_ms.max(0).saturating_add(behind_ms);
        let was_off = matches!(self.state, ClockState::Off(_));
        let waits = off_ms < -tolerance_ms && !self.was_behind;
        self.was_behind = off_ms < -tolerance_ms;
        if waits && !was_off {
            return None;
        }
        if off_ms.saturating_abs() <= tolerance_ms {
            self.state = ClockState::Right;
            return None;
        }
        self.state = ClockState::Off(off_ms);
        (!was_off).then_some(off_ms)
    }
}

fn is_known(wall: WallClock, boottime_ms: u64) -> bool {
    wall.quality > Quality::Unset && PLAUSIBLE_MS.contains(&wall.unix_ms(boottime_ms))
}
