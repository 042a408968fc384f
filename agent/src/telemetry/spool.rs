//! The spool: what is kept until it is confirmed. Fixed memory, oldest first, one entry an encoded batch. It knows no
//! clock but the times that it is given, no MQTT, and not who confirms.
//!
//! An entry's life:
//! ```text
//!                    sealed while connected              PUBACK, if that is enough
//!   open batch ─────────────────────────► fresh ──► in flight ─────────────────────► settled
//!       │                                   │          │ │ PUBACK, if the collector     ▲
//!       │ sealed while not connected        │          │ │ must confirm                 │ its ack names
//!       │              no room in flight    │          │ └────────────► awaiting ───────┤ every tick
//!       ▼                                   ▼          ▼                   │            │
//!    waiting ◄──────────────────────────────┴── disconnected, refused, ◄───┘            │
//!     │  │ │                                    not confirmed in time                   │
//!     │  │ └─► in flight (backlog) ──► as above ────────────────────────────────────────┘
//!     │  └───► joined with its neighbour, when both wait (or when both await, and many do)
//!     └──────► thinned, then dropped, when memory is full ──► lost, and counted
//! ```
//! Live batches are fresh and go out as `telemetry`; whatever has waited goes out as `backlog`, oldest first.
use picket_proto::{Ack, BootId, Packed, frame};

use super::{
    books::Book,
    interface::{AckMode, DeliveryId},
};

mod entry;
mod reclaim;
mod settle;

pub(super) use entry::{Entry, Lane, State};
pub(super) use settle::Settled;

/// Live batches in flight at most.
const LIVE_WINDOW: usize = 2;
/// Backlog batches in flight at most.
const BACKLOG_WINDOW: usize = 1;
/// Backlog batches that a collector has yet to confirm, at most.
const BACKLOG_AHEAD: usize = 4;
/// Live batches that wait for room in flight, at most; older ones become backlog.
const FRESH: usize = 4;

/// Entries in order: earlier boots first, then by tick.
#[derive(Debug)]
pub(super) struct Spool {
    entries: Vec<Entry>,
    block: Block,
}

/// What two entries may become together. Re-encoding a block takes memory by its rows, so both are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) bytes: usize,
    pub(super) rows: u16,
}

impl Block {
    /// The blocks of a spool of that many bytes: some forty of them when it is full. Larger ones take fewer bytes a
    /// tick, and more memory to re-encode.
    pub(super) fn of_spool(bytes: usize) -> Self {
        Self {
            bytes: (bytes / 40).clamp(1024, 8 * 1024),
            rows: (bytes / 512).clamp(64, 512) as u16,
        }
    }

    /// Bytes that re-encoding such a block takes at most: a column as readings, values, units and residuals, some of
    /// them twice, and the columns that are done.
    pub(super) fn recoding_bytes(self) -> usize {
        usize::from(self.rows) * 56 + self.bytes
    }
}

/// What an entry may do while the confirmer is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confidence {
    /// Confirmations come: the backlog may run ahead of them.
    Flowing,
    /// None came in time: one block at a time.
    Probing,
}

impl Spool {
    /// An empty spool; entries are joined up to `block`.
    pub(super) fn new(block: Block) -> Self {
        Self {
            entries: Vec::new(),
            block,
        }
    }

    /// Takes a batch, behind everything else.
    pub(super) fn push(&mut self, batch: Packed, state: State) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(8);
        }
        self.entries.push(Entry::new(batch, state));
        let fresh = self.entries.iter().filter(|e| e.state == State::Fresh);
        let too_many = fresh.count().saturating_sub(FRESH);
        let fresh = self.entries.iter_mut().filter(|e| e.state == State::Fresh);
        fresh
            .take(too_many)
            .for_each(|entry| entry.state = State::Waiting);
    }

    /// Which entry may go out on `lane` now.
    pub(super) fn candidate(&self, lane: Lane, confidence: Confidence) -> Option<usize> {
        let in_flight =
            |entry: &&Entry| matches!(entry.state, State::InFlight { lane: l, .. } if l == lane);
        let flying = self.entries.iter().filter(in_flight).count();
        match lane {
            Lane::Live if flying < LIVE_WINDOW => {
                self.entries.iter().position(|e| e.state == State::Fresh)
            }
            Lane::Backlog if flying < BACKLOG_WINDOW => self.next_in_backlog(confidence),
            _ => None,
        }
    }

    /// The oldest waiting entry, unless an older one is still out as live: it may come back to wait, and order within
    /// the topic would break.
    fn next_in_backlog(&self, confidence: Confidence) -> Option<usize> {
        let ahead = match confidence {
            Confidence::Flowing => BACKLOG_AHEAD,
            Confidence::Probing => 1,
        };
        let at = self
            .entries
            .iter()
            .position(|e| e.state == State::Waiting)?;
        let older = self.entries[..at].iter();
        let live_out = older.clone().any(|e| e.state.lane() == Some(Lane::Live));
        let out = older
            .filter(|e| e.state.lane() == Some(Lane::Backlog))
            .count();
        (!live_out && out < ahead).then_some(at)
    }

    /// Puts an entry in flight and returns its frame, which says what `book` knows now.
    pub(super) fn offer(
        &mut self,
        at: usize,
        offer: (DeliveryId, Lane, u64),
        book: Option<&Book>,
    ) -> Vec<u8> {
        let (delivery, lane, since_ms) = offer;
        let entry = &mut self.entries[at];
        entry.state = State::InFlight { lane, since_ms };
        entry.delivery = Some(delivery);
        entry.offered = true;
        if let Some(book) = book {
            book.stamp(&mut entry.batch.header, lane);
        }
        frame::encode(&entry.batch)
    }

    /// The broker has it. Returns what is settled by that.
    pub(super) fn delivered(
        &mut self,
        delivery: DeliveryId,
        now_ms: u64,
        ack: &AckMode,
    ) -> Option<Settled> {
        let at = self
            .entries
            .iter()
            .position(|e| e.delivery == Some(delivery))?;
        if *ack == AckMode::Puback {
            return Some(Settled::whole(&self.entries.remove(at)));
        }
        if let State::InFlight { lane, .. } = self.entries[at].state {
            self.entries[at].state = State::Awaiting {
                lane,
                since_ms: now_ms,
            };
        }
        None
    }

    /// The link did not take it.
    pub(super) fn refused(&mut self, delivery: DeliveryId) {
        let found = self
            .entries
            .iter_mut()
            .find(|e| e.delivery == Some(delivery));
        if let Some(entry) = found {
            entry.state = State::Waiting;
            entry.delivery = None;
        }
    }

    /// The collector has what `ack` names.
    pub(super) fn acked(&mut self, ack: &Ack) -> Vec<Settled> {
        settle::settle(&mut self.entries, ack)
    }

    /// Everything that is not confirmed waits to be offered again.
    pub(super) fn disconnected(&mut self) {
        for entry in &mut self.entries {
            entry.state = State::Waiting;
        }
    }

    /// What has been out since before `before_ms` waits again. With a block of the backlog all blocks behind it go back
    /// too, so that they come again in order. Returns whether there was any.
    pub(super) fn expire(&mut self, before_ms: Option<u64>) -> bool {
        let Some(before_ms) = before_ms else {
            return false;
        };
        let late = |entry: &Entry| {
            entry
                .state
                .since_ms()
                .is_some_and(|since| since <= before_ms)
        };
        if !self.entries.iter().any(late) {
            return false;
        }
        let mut backlog_late = false;
        for entry in &mut self.entries {
            let backlog = entry.state.lane() == Some(Lane::Backlog);
            backlog_late |= backlog && late(entry);
            if late(entry) || (backlog && backlog_late) {
                entry.state = State::Waiting;
            }
        }
        true
    }

    /// When the first entry that is out went out.
    pub(super) fn oldest_out_ms(&self) -> Option<u64> {
        self.entries
            .iter()
            .filter_map(|entry| entry.state.since_ms())
            .min()
    }

    /// Every entry, in order.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Ticks of that boot that are kept.
    pub(super) fn ticks(&self, boot: BootId) -> u64 {
        let ours = self
            .entries
            .iter()
            .filter(|entry| entry.batch.header.boot == boot);
        ours.map(|entry| u64::from(entry.batch.header.count)).sum()
    }

    /// Bytes that joining two entries takes for a moment, beyond [`Spool::memory`].
    pub(super) fn recoding_bytes(&self) -> usize {
        self.block.recoding_bytes()
    }

    /// Bytes that the spool takes.
    pub(super) fn memory(&self) -> usize {
        let entries = super::allocation(self.entries.capacity() * size_of::<Entry>());
        entries + self.entries.iter().map(Entry::memory).sum::<usize>()
    }
}
