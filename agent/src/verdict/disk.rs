//! What the disk refuses: an edge when it begins, when it is something else, and when it is over. Knows no file.
use picket_proto::{DiskFault, DiskTrouble};
use rustix::io::Errno;

use super::{Change, Room};

/// A full disk has room again when this part of it is free: a block that comes and goes is none.
const ROOM: u64 = 100;

/// What a disk is known to refuse.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// What the last write met; a write that succeeds ends it.
    write: Option<DiskTrouble>,
    /// No block is free. Writes may still succeed, in place.
    full: Option<DiskTrouble>,
}

impl Disk {
    pub(super) fn wrote(&mut self, result: Result<(), DiskFault>, now_ms: u64) -> Option<Change> {
        let before = self.trouble();
        let fault = result.err();
        if self.write.map(|trouble| trouble.fault) != fault {
            self.write = fault.map(|fault| trouble(fault, now_ms));
        }
        self.change(before)
    }

    pub(super) fn room(&mut self, room: Room, now_ms: u64) -> Option<Change> {
        let before = self.trouble();
        let enough = room.available >= (room.blocks / ROOM).max(1);
        match self.full {
            None if room.available == 0 && room.blocks > 0 => {
                self.full = Some(trouble(DiskFault::Full, now_ms));
            }
            Some(_) if enough => self.full = None,
            _ => {}
        }
        self.change(before)
    }

    /// What a write met says more than what is free.
    pub(super) fn trouble(&self) -> Option<DiskTrouble> {
        self.write.or(self.full)
    }

    fn change(&self, before: Option<DiskTrouble>) -> Option<Change> {
        let fault = |trouble: Option<DiskTrouble>| trouble.map(|trouble| trouble.fault);
        match (fault(before), fault(self.trouble())) {
            (before, now) if before == now => None,
            (_, Some(fault)) => Some(Change::Disk {
                active: true,
                fault,
            }),
            (fault, None) => fault.map(|fault| Change::Disk {
                active: false,
                fault,
            }),
        }
    }
}

fn trouble(fault: DiskFault, since_ms: u64) -> DiskTrouble {
    DiskTrouble { fault, since_ms }
}

/// The fault of the disk that an error stands for, if it is one.
#[must_use]
pub fn fault(error: Errno) -> Option<DiskFault> {
    match error {
        Errno::NOSPC => Some(DiskFault::Full),
        Errno::ROFS => Some(DiskFault::ReadOnly),
        Errno::DQUOT => Some(DiskFault::Quota),
        Errno::IO => Some(DiskFault::IoError),
        Errno::STALE => Some(DiskFault::Stale),
        Errno::TIMEDOUT => Some(DiskFault::NoAnswer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_begins_turns_into_another_and_ends() {
        let mut disk = Disk::default();
        let begins = |fault| {
            Some(Change::Disk {
                active: true,
                fault,
            })
        };
        let ends = |fault| {
            Some(Change::Disk {
                active: false,
                fault,
            })
        };
        for (now_ms, said, change, since_ms) in [
            (10, Ok(()), None, None),
            (20, Err(DiskFault::Full), begins(DiskFault::Full), Some(20)),
            (30, Err(DiskFault::Full), None, Some(20)),
            (
                40,
                Err(DiskFault::ReadOnly),
                begins(DiskFault::ReadOnly),
                Some(40),
            ),
            (50, Ok(()), ends(DiskFault::ReadOnly), None),
            (60, Ok(()), None, None),
        ] {
            assert_eq!(disk.wrote(said, now_ms), change, "at {now_ms}");
            let since = disk.trouble().map(|trouble| trouble.since_ms);
            assert_eq!(since, since_ms, "at {now_ms}");
        }
    }

    #[test]
    fn a_full_disk_has_room_again_when_a_hundredth_is_free() {
        let mut disk = Disk::default();
        let full = |active| {
            Some(Change::Disk {
                active,
                fault: DiskFault::Full,
            })
        };
        for (available, blocks, change) in [
            (0, 0, None),
            (1, 1000, None),
            (0, 1000, full(true)),
            (9, 1000, None),
            (10, 1000, full(false)),
            (0, 10, full(true)),
            (1, 10, full(false)),
        ] {
            let room = Room { available, blocks };
            assert_eq!(disk.room(room, 1), change, "{room:?}");
        }
    }

    #[test]
    fn a_write_in_place_succeeds_on_a_full_disk_and_it_stays_full() {
        let mut disk = Disk::default();
        let nothing = Room {
            available: 0,
            blocks: 1000,
        };
        assert!(disk.room(nothing, 1).is_some());
        assert_eq!(disk.wrote(Ok(()), 2), None);
        assert_eq!(disk.trouble(), Some(trouble(DiskFault::Full, 1)));
        assert_eq!(disk.wrote(Err(DiskFault::Full), 3), None);
        assert!(disk.wrote(Err(DiskFault::ReadOnly), 4).is_some());
        let full_again = Change::Disk {
            active: true,
            fault: DiskFault::Full,
        };
        assert_eq!(disk.wrote(Ok(()), 5), Some(full_again));
    }

    #[test]
    fn an_error_of_the_disk_is_told_from_one_of_the_asker() {
        for (error, expected) in [
            (Errno::NOSPC, Some(DiskFault::Full)),
            (Errno::ROFS, Some(DiskFault::ReadOnly)),
            (Errno::DQUOT, Some(DiskFault::Quota)),
            (Errno::IO, Some(DiskFault::IoError)),
            (Errno::STALE, Some(DiskFault::Stale)),
            (Errno::TIMEDOUT, Some(DiskFault::NoAnswer)),
            (Errno::ACCESS, None),
            (Errno::NOENT, None),
        ] {
            assert_eq!(fault(error), expected, "{error}");
        }
    }
}
