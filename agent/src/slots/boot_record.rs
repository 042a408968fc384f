//! What says which root filesystem is booted: the active slot, and perhaps one on trial. It lies in `picket/boot-record` of the
//! export, in two blocks (`crate::blocks`), so that one write changes it, on a full export too. It decides nothing.
//!
//! It belongs to the export and to no device: a Pi that takes a broken one's place boots from its export.
mod fields;
mod file;

use picket_proto::{OperationId, UnknownField};

use super::Slot;
pub use file::{NotWritten, Read, read, write};

/// So many times a trial is booted before the active slot is again.
pub const ATTEMPTS: u8 = 3;

/// What is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootRecord {
    /// The slot that is booted.
    pub active: Slot,
    /// The slot that is booted instead, as long as it has attempts left. Never the active one.
    pub trial: Option<Trial>,
    /// The rescue system is booted, whatever else is recorded.
    pub rescue: bool,
    /// The last trial that ended without a commit.
    pub last_fallback: Option<Fallback>,
    /// What a newer agent recorded; it is kept as it is.
    pub unknown: Vec<UnknownField>,
}

impl BootRecord {
    /// That slot is booted, and nothing else is known.
    #[must_use]
    pub fn of(active: Slot) -> Self {
        Self {
            active,
            trial: None,
            rescue: false,
            last_fallback: None,
            unknown: Vec::new(),
        }
    }
}

/// A slot on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// Which.
    pub slot: Slot,
    /// So many times more it is booted.
    pub attempts_left: u8,
    /// The operation that armed it.
    pub operation: OperationId,
}

/// A trial that ended without a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallback {
    /// The slot that was on trial.
    pub slot: Slot,
    /// The operation that had armed it.
    pub operation: OperationId,
    /// Why it ended.
    pub why: Why,
}

/// Why a trial ended without a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Every attempt was made, and none was committed.
    NoAttemptLeft,
    /// Its slot holds no root filesystem that can be booted.
    NotBootable,
    /// A reason that a newer agent gave, by its number.
    Unknown(u8),
}

impl Why {
    /// Its number in the record.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::NoAttemptLeft => 1,
            Self::NotBootable => 2,
            Self::Unknown(code) => code,
        }
    }

    /// The reason of that number.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::NoAttemptLeft,
            2 => Self::NotBootable,
            code => Self::Unknown(code),
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAttemptLeft => f.write_str("no attempt was committed"),
            Self::NotBootable => f.write_str("it has no init that could be started"),
            Self::Unknown(code) => write!(f, "reason {code}, which this picketd doesn't know"),
        }
    }
}

#[cfg(test)]
mod tests;
