//! The books of each boot: how many ticks and events were lost, and what its wall clock said. Knows no entries.
use picket_proto::{BatchHeader, BootId, Quality, WallClock};

use super::spool::Lane;

/// At most this many boots are told apart; the oldest is forgotten first. A spool seldom holds more than two.
pub(super) const MAX_BOOTS: usize = 16;

/// What is known of one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Book {
    pub(super) boot: BootId,
    /// What the wall clock said last.
    pub(super) wall: WallClock,
    /// The newest anchor of the best quality that the boot has seen.
    pub(super) best_wall: WallClock,
    /// Ticks given up. Never goes down.
    pub(super) lost: u64,
    /// Ticks confirmed.
    pub(super) delivered: u64,
    /// Events given up. Never goes down.
    pub(super) events_lost: u64,
    /// Events confirmed.
    pub(super) events_delivered: u64,
}

/// The books of this boot and of earlier ones.
#[derive(Debug, Clone)]
pub(super) struct Books {
    /// Earlier boots, oldest first, and this boot last.
    books: Vec<Book>,
}

impl Books {
    pub(super) fn new(boot: BootId) -> Self {
        Self {
            books: vec![Book::new(boot)],
        }
    }

    /// This boot.
    pub(super) fn current(&mut self) -> &mut Book {
        self.books.last_mut().expect("this boot is always there")
    }

    /// This boot, to read.
    pub(super) fn now(&self) -> &Book {
        self.books.last().expect("this boot is always there")
    }

    /// The book of `boot`, if it is known.
    pub(super) fn of(&mut self, boot: BootId) -> Option<&mut Book> {
        self.books.iter_mut().find(|book| book.boot == boot)
    }

    /// The book of an earlier boot, opened if need be.
    pub(super) fn open(&mut self, boot: BootId) -> &mut Book {
        if let Some(at) = self.books.iter().position(|book| book.boot == boot) {
            return &mut self.books[at];
        }
        if self.books.len() >= MAX_BOOTS {
            self.books.remove(0);
        }
        let at = self.books.len() - 1;
        self.books.insert(at, Book::new(boot));
        &mut self.books[at]
    }

    /// Bytes that the books take.
    pub(super) fn memory(&self) -> usize {
        super::allocation(self.books.capacity() * size_of::<Book>())
    }
}

impl Book {
    fn new(boot: BootId) -> Self {
        let wall = WallClock {
            offset_ms: 0,
            quality: Quality::Unset,
        };
        Self {
            boot,
            wall,
            best_wall: wall,
            lost: 0,
            delivered: 0,
            events_lost: 0,
            events_delivered: 0,
        }
    }

    /// Writes what is known of the boot into a header: live what the clock says, backlog the best that it ever said.
    pub(super) fn stamp(&self, header: &mut BatchHeader, lane: Lane) {
        header.lost = self.lost;
        header.wall = match lane {
            Lane::Live => self.wall,
            Lane::Backlog => self.best_wall,
        };
    }

    /// The wall clock says this now.
    pub(super) fn anchor(&mut self, wall: WallClock) {
        self.wall = wall;
        if wall.quality >= self.best_wall.quality {
            self.best_wall = wall;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worse_anchor_does_not_replace_a_better_one() {
        let mut book = Book::new(BootId([1; 16]));
        for (quality, offset_ms, best) in [
            (Quality::Unset, 1, 1),
            (Quality::Unset, 2, 2),
            (Quality::Synchronised, 3, 3),
            (Quality::Unsynchronised, 4, 3),
            (Quality::Synchronised, 5, 5),
        ] {
            book.anchor(WallClock { offset_ms, quality });
            assert_eq!(
                (book.wall.offset_ms, book.best_wall.offset_ms),
                (offset_ms, best)
            );
        }
    }

    #[test]
    fn this_boot_is_last_and_never_forgotten() {
        let this = BootId([0; 16]);
        let mut books = Books::new(this);
        for earlier in 1..=40 {
            books.open(BootId([earlier; 16])).lost += u64::from(earlier);
        }
        assert_eq!(books.books.len(), MAX_BOOTS);
        assert_eq!(books.now().boot, this);
        assert_eq!(books.open(BootId([40; 16])).lost, 40);
        assert_eq!(books.of(BootId([1; 16])), None);
    }
}
