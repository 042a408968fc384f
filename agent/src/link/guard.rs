//! The guard against a packet that is too large to be taken. A retained one comes again at every subscription, so the
//! second disconnect in a row because of one takes the agent off `command`, and if that doesn't help off everything, for
//! ten minutes: telemetry flows meanwhile. Pure.
use std::time::Duration;

use picket_proto::Channel;
use tokio::time::Instant;

/// How long the agent stays off.
const PAUSE: Duration = Duration::from_secs(600);
/// Disconnects in a row that take the agent off a channel.
const LIMIT: u32 = 2;

/// What was too large how often, and what is off until when.
#[derive(Debug, Default)]
pub(super) struct Guard {
    in_a_row: u32,
    off: Off,
    until: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Off {
    #[default]
    Nothing,
    Command,
    Everything,
}

/// Whether commands just went off, or on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    WentOff,
    CameOn,
}

impl Guard {
    /// The channels to subscribe to.
    pub(super) fn channels(&self) -> &'static [Channel] {
        match self.off {
            Off::Nothing => &[Channel::Command, Channel::Ping, Channel::Ack],
            Off::Command => &[Channel::Ping, Channel::Ack],
            Off::Everything => &[],
        }
    }

    /// A connection ended because of a packet that was too large.
    pub(super) fn oversized(&mut self, now: Instant) -> Option<Change> {
        self.in_a_row += 1;
        if self.in_a_row < LIMIT {
            return None;
        }
        self.in_a_row = 0;
        self.until = Some(now + PAUSE);
        let before = self.off;
        self.off = match before {
            Off::Nothing => Off::Command,
            Off::Command | Off::Everything => Off::Everything,
        };
        (before == Off::Nothing).then_some(Change::WentOff)
    }

    /// A connection ended for another reason.
    pub(super) fn other_end(&mut self) {
        self.in_a_row = 0;
    }

    /// When the pause is over, if there is one.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Ends the pause if it is over. The next packet that is too large begins another one at once.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Change> {
        if self.until.is_none_or(|until| now < until) {
            return None;
        }
        *self = Self {
            in_a_row: LIMIT - 1,
            ..Self::default()
        };
        Some(Change::CameOn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_in_a_row_take_the_agent_off_command_for_ten_minutes() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut guard = Guard::default();
        assert_eq!(guard.oversized(at(0)), None);
        guard.other_end();
        assert_eq!(guard.oversized(at(1)), None, "not in a row");
        assert_eq!(guard.oversized(at(2)), Some(Change::WentOff));
        assert_eq!(guard.channels(), [Channel::Ping, Channel::Ack]);
        assert_eq!(guard.expire(at(601)), None);
        assert_eq!(guard.expire(at(602)), Some(Change::CameOn));
        assert_eq!(guard.channels().len(), 3);
        assert_eq!(
            guard.oversized(at(603)),
            Some(Change::WentOff),
            "once more is enough"
        );
    }

    #[test]
    fn if_another_channel_is_the_culprit_all_are_left() {
        let now = Instant::now();
        let mut guard = Guard::default();
        let changes: Vec<_> = (0..4).map(|_| guard.oversized(now)).collect();
        assert_eq!(changes, [None, Some(Change::WentOff), None, None]);
        assert!(guard.channels().is_empty());
        assert_eq!(guard.expire(now + PAUSE), Some(Change::CameOn));
    }
}
