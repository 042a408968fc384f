//! Which machine a program is for, from the head of its ELF file (elf(5): class, data and e_machine).
use std::fmt;

/// What is needed of a file to tell.
pub(super) const HEAD: u64 = 20;

/// A machine that runs programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 32-bit ARM: armhf and armel.
    Arm,
    /// 64-bit ARM.
    Arm64,
    /// 64-bit x86.
    Amd64,
    /// Any other, by its number in elf.h.
    Other(u16),
}

impl Architecture {
    /// The machine that an ELF file is for; nothing if it is none.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let [0x7f, b'E', b'L', b'F', _, order, ..] = head else {
            return None;
        };
        let machine: [u8; 2] = head.get(18..20)?.try_into().ok()?;
        let machine = match order {
            2 => u16::from_be_bytes(machine),
            _ => u16::from_le_bytes(machine),
        };
        Some(match machine {
            40 => Self::Arm,
            183 => Self::Arm64,
            62 => Self::Amd64,
            other => Self::Other(other),
        })
    }

    /// Whether its programs run in a root filesystem of `tree`'s kind: where 64-bit ARM programs do, those for 32 bits do as well,
    /// which a Raspberry Pi's kernel and processor can both.
    #[must_use]
    pub fn runs_beside(self, tree: Self) -> bool {
        self == tree || (self, tree) == (Self::Arm, Self::Arm64)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arm => f.write_str("32-bit ARM"),
            Self::Arm64 => f.write_str("64-bit ARM"),
            Self::Amd64 => f.write_str("x86-64"),
            Self::Other(number) => write!(f, "machine {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_program_says_which_machine_it_is_for() {
        let head = |order, machine: [u8; 2]| {
            let mut head = [0; 20];
            head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 1, order]);
            head[18..].copy_from_slice(&machine);
            head
        };
        for (head, is) in [
            (head(1, [40, 0]).as_slice(), Some(Architecture::Arm)),
            (&head(1, [183, 0]), Some(Architecture::Arm64)),
            (&head(1, [62, 0]), Some(Architecture::Amd64)),
            (&head(2, [0, 8]), Some(Architecture::Other(8))),
            (&head(1, [40, 0])[..19], None),
            (b"#!/bin/sh\n", None),
            (b"", None),
        ] {
            assert_eq!(Architecture::of(head), is, "{head:?}");
        }
    }

    #[test]
    fn programs_for_32_bits_run_beside_those_for_64_and_not_the_other_way_round() {
        use Architecture::{Amd64, Arm, Arm64};
        for (program, tree, runs) in [
            (Arm, Arm, true),
            (Arm, Arm64, true),
            (Arm64, Arm64, true),
            (Arm64, Arm, false),
            (Amd64, Arm64, false),
        ] {
            assert_eq!(program.runs_beside(tree), runs, "{program} beside {tree}");
        }
    }
}
