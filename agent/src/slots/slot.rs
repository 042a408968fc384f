//! The name of a root filesystem: there are two. It knows no paths.
use std::{fmt, str::FromStr};

/// One of the two root filesystems of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// `slots/a`.
    A,
    /// `slots/b`.
    B,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The one that this isn't.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its name, which is also its directory's: `a` or `b`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such slot: a or b")]
pub struct ParseSlotError;

impl FromStr for Slot {
    type Err = ParseSlotError;

    fn from_str(text: &str) -> Result<Self, ParseSlotError> {
        Self::ALL
            .into_iter()
            .find(|slot| slot.name() == text)
            .ok_or(ParseSlotError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slots_name_is_read_as_it_is_written_and_nothing_else_is_one() {
        for slot in Slot::ALL {
            assert_eq!(slot.to_string().parse(), Ok(slot));
            assert_eq!(slot.other().other(), slot);
            assert_ne!(slot.other(), slot);
        }
        for text in ["", "A", "a ", "a.new", "slots/a", "c"] {
            assert_eq!(text.parse::<Slot>(), Err(ParseSlotError), "{text:?}");
        }
    }
}
