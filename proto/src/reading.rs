//! One reading of one metric: an integer, or the reason why there is none.
use core::fmt;

use serde::Serialize;

/// An integer in the metric's unit, or why it is missing.
pub type Reading = Result<i64, Gap>;

/// Why a reading is missing. A gap is never written as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// The machine has no such source.
    Absent,
    /// The source is there and may not be read.
    Denied,
    /// Reading it failed (EIO and the like).
    Failed,
    /// What was read is not in the source's format.
    Garbled,
    /// More was read than any such source holds.
    TooLarge,
    /// There was no answer within the deadline.
    TimedOut,
    /// An interval needs two readings, and this is the first.
    FirstInterval,
    /// The counter went back to a lower value (a remount, say).
    Reset,
    /// Nothing happened in the interval, so its mean is not defined.
    Idle,
    /// The peer refused, or the line broke.
    Unreachable,
    /// The machine can't tell.
    Unknown,
    /// The column is in a form that this reader does not know: the reader says so, not the agent.
    UnknownForm,
    /// A reason that a newer agent knows.
    Other(u8),
}

/// Each gap with its number on the wire and its name in JSON.
const NAMES: [(Gap, u8, &str); 12] = [
    (Gap::Absent, 0, "absent"),
    (Gap::Denied, 1, "denied"),
    (Gap::Failed, 2, "failed"),
    (Gap::Garbled, 3, "garbled"),
    (Gap::TooLarge, 4, "too_large"),
    (Gap::TimedOut, 5, "timed_out"),
    (Gap::FirstInterval, 6, "first_interval"),
    (Gap::Reset, 7, "reset"),
    (Gap::Idle, 8, "idle"),
    (Gap::Unreachable, 9, "unreachable"),
    (Gap::Unknown, 10, "unknown"),
    (Gap::UnknownForm, 11, "unknown_form"),
];

impl Gap {
    /// The number that names this reason on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Other(code) => code,
            known => NAMES
                .iter()
                .find(|(gap, ..)| *gap == known)
                .map_or(u8::MAX, |(_, code, _)| *code),
        }
    }

    /// The reason with that number; an unknown number is kept.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        NAMES
            .iter()
            .find(|(_, known, _)| *known == code)
            .map_or(Self::Other(code), |(gap, ..)| *gap)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(gap, ..)| gap == self) {
            Some((.., name)) => f.write_str(name),
            None => write!(f, "other_{}", self.code()),
        }
    }
}

impl Serialize for Gap {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back() {
        for code in 0..=u8::MAX {
            assert_eq!(Gap::from_code(code).code(), code);
        }
    }
}
