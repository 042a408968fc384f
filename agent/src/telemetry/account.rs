//! The account of ticks: each is confirmed, kept or lost, and memory stays below its bound. Knows no link.
use picket_proto::BootId;

use super::{MIN_SPOOL_BYTES, Telemetry};

/// Making room re-encodes at most this many blocks per call; what is still too much is dropped.
const RECODES: usize = 8;

impl Telemetry {
    /// Slots without a sample have numbers, too.
    pub(super) fn skip(&mut self, missed: u64) {
        self.next_tick = self.next_tick.saturating_add(missed);
        self.lose(self.settings.boot, missed);
    }

    /// Keeps memory below its bound: joins, thins, and at last drops.
    pub(super) fn make_room(&mut self) {
        for _ in 0..RECODES {
            if self.has_room() {
                return;
            }
            if self.spool.is_crowded() && self.spool.join_any() {
                continue;
            }
            match self.spool.thin() {
                Some(gone) => self.lose(gone.boot, gone.lost),
                None if self.spool.join_any() => {}
                None => break,
            }
        }
        while !self.has_room() {
            match self.spool.drop_oldest(self.settings.boot) {
                Some(gone) => self.lose(gone.boot, gone.lost),
                None => break,
            }
        }
    }

    fn has_room(&self) -> bool {
        let bytes = self.settings.spool_bytes.max(MIN_SPOOL_BYTES);
        !self.spool.is_crowded() && self.memory() + self.spool.recoding_bytes() <= bytes
    }

    pub(super) fn lose(&mut self, boot: BootId, ticks: u64) {
        if let Some(book) = self.books.of(boot) {
            book.lost = book.lost.saturating_add(ticks);
        }
        if boot == self.settings.boot {
            self.untold_losses = self.untold_losses.saturating_add(ticks);
        }
    }

    pub(super) fn settle(&mut self, boot: BootId, ticks: u64) {
        if let Some(book) = self.books.of(boot) {
            book.delivered = book.delivered.saturating_add(ticks);
        }
    }
}
