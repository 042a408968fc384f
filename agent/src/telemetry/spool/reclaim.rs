//! How the spool makes room: neighbours are joined into larger blocks, blocks are thinned, and the oldest are dropped.
//! Each call re-encodes at most one block.
use picket_proto::{BootId, Packed};

use super::{Entry, Lane, Spool, State};

/// Thinning stops here: one tick of 64.
const MAX_STRIDE: u16 = 64;
/// An entry of fewer rows is not thinned before it is joined with others.
const MIN_THINNED: u16 = 16;
/// More entries than this count as a full memory.
const MAX_ENTRIES: usize = 160;
/// With more live batches than this awaiting the collector, neighbours among them are joined, too. One a second for the 60 s in which
/// an ack must come stay as they are.
const MAX_AWAITING: usize = 64;

/// What one step of making room gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Reclaimed {
    pub(in super::super) boot: BootId,
    pub(in super::super) lost: u64,
}

impl Spool {
    /// Joins two neighbours of similar size, newest first: waiting ones, or where too many are out, ones that await the collector.
    /// Sizes grow like a binary counter, so that each tick is re-encoded a logarithmic number of times only.
    pub(in super::super) fn join_similar(&mut self) -> bool {
        let awaiting = self.entries.iter().filter(|entry| awaits(entry)).count();
        let pairs = self.entries.windows(2).enumerate().rev();
        let mut similar = pairs.filter(|(_, pair)| rows(&pair[0]) <= 2 * rows(&pair[1]));
        let found = similar.find(|(_, pair)| {
            self.may_join(pair)
                || (awaiting > MAX_AWAITING && pair.iter().all(awaits) && self.fit(pair))
        });
        let at = found.map(|(at, _)| at);
        at.is_some_and(|at| self.join(at))
    }

    /// Joins the first two waiting neighbours that fit into a block.
    pub(in super::super) fn join_any(&mut self) -> bool {
        let pairs = self.entries.windows(2).enumerate();
        let at = pairs
            .filter(|(_, pair)| self.may_join(pair))
            .map(|(at, _)| at)
            .next();
        at.is_some_and(|at| self.join(at))
    }

    /// Whether there are more entries than there should ever be.
    pub(in super::super) fn is_crowded(&self) -> bool {
        self.entries.len() > MAX_ENTRIES
    }

    /// Doubles the stride of the oldest of the least thinned blocks. Ticks whose number is a multiple of the new stride
    /// stay, so that neighbours still fit together.
    pub(in super::super) fn thin(&mut self) -> Option<Reclaimed> {
        let thinnable = self.entries.iter().enumerate().filter(|(_, entry)| {
            entry.state == State::Waiting
                && entry.batch.header.count >= MIN_THINNED
                && entry.batch.header.stride < MAX_STRIDE
        });
        let (at, _) = thinnable.min_by_key(|(_, entry)| entry.batch.header.stride)?;
        let entry = &mut self.entries[at];
        let header = entry.batch.header;
        let stride = u64::from(header.stride) * 2;
        let first = u16::from(header.first_tick % stride != 0);
        let thinned = entry
            .batch
            .rows(first, 2, (header.count - first).div_ceil(2))?;
        let lost = u64::from(header.count - thinned.header.count);
        entry.replace(thinned);
        Some(Reclaimed {
            boot: header.boot,
            lost,
        })
    }

    /// Gives up the oldest entry that is not out. The last entry of an earlier boot shrinks to one row first: nothing
    /// else could still say how many ticks of that boot were lost.
    pub(in super::super) fn drop_oldest(&mut self, this_boot: BootId) -> Option<Reclaimed> {
        let idle = |entry: &Entry| entry.state.lane().is_none();
        let order = [
            self.entries
                .iter()
                .position(|e| idle(e) && !self.is_witness(e, this_boot)),
            self.entries
                .iter()
                .position(|e| idle(e) && e.batch.header.count > 1),
            self.entries.iter().position(idle),
            (!self.entries.is_empty()).then_some(0),
        ];
        let at = order.into_iter().flatten().next()?;
        let header = self.entries[at].batch.header;
        let last_word = self.is_witness(&self.entries[at], this_boot) && header.count > 1;
        if let Some(one) = last_word
            .then(|| self.entries[at].batch.rows(0, 1, 1))
            .flatten()
        {
            self.entries[at].replace(one);
            return Some(Reclaimed {
                boot: header.boot,
                lost: u64::from(header.count) - 1,
            });
        }
        self.entries.remove(at);
        Some(Reclaimed {
            boot: header.boot,
            lost: u64::from(header.count),
        })
    }

    /// Whether this is the only entry of an earlier boot.
    fn is_witness(&self, entry: &Entry, this_boot: BootId) -> bool {
        let boot = entry.batch.header.boot;
        boot != this_boot
            && self
                .entries
                .iter()
                .filter(|e| e.batch.header.boot == boot)
                .count()
                == 1
    }

    fn may_join(&self, pair: &[Entry]) -> bool {
        pair.iter().all(|entry| entry.state == State::Waiting) && self.fit(pair)
    }

    /// Whether two neighbours fit together and into a block.
    fn fit(&self, pair: &[Entry]) -> bool {
        let [left, right] = pair else { return false };
        left.batch.size() + right.batch.size() <= self.block.bytes
            && rows(left) + rows(right) <= u32::from(self.block.rows)
            && left.batch.follows(&right.batch)
    }

    fn join(&mut self, at: usize) -> bool {
        let Some(joined) = self.joined(at) else {
            return false;
        };
        let right = self.entries.remove(at + 1);
        let left = &mut self.entries[at];
        left.offered &= right.offered;
        // Of two that are out the later one's time holds: what was out for a shorter time is not offered again.
        left.state = right.state;
        left.replace(joined);
        left.batch.header.wall = right.batch.header.wall;
        true
    }

    fn joined(&self, at: usize) -> Option<Packed> {
        let [left, right] = self.entries.get(at..at + 2)? else {
            return None;
        };
        left.batch.joined(&right.batch)
    }
}

/// Whether it went out live, and only the collector's ack is missing.
fn awaits(entry: &Entry) -> bool {
    matches!(
        entry.state,
        State::Awaiting {
            lane: Lane::Live,
            ..
        }
    )
}

fn rows(entry: &Entry) -> u32 {
    u32::from(entry.batch.header.count)
}
