//! What came of one boot of a device: which ticks and events, which of them are to be acked, what is lost.
use picket_proto::ranges::TickRanges;
use picket_proto::{BatchHeader, BootAck, BootId, TickRange};

use super::clock::Anchor;

/// One boot of a device.
#[derive(Debug)]
pub(super) struct Boot {
    pub(super) id: BootId,
    pub(super) anchor: Anchor,
    pub(super) ticks: Numbers,
    pub(super) events: Numbers,
    /// Ticks lost for good, as the agent says. Only grows.
    pub(super) lost: u64,
    /// The highest connection number of this boot, and whether that connection is up.
    pub(super) connection: Option<(u32, bool)>,
    /// The frame that spoke of it last.
    pub(super) touched: u64,
}

impl Boot {
    pub(super) fn new(id: BootId) -> Self {
        Self {
            id,
            anchor: Anchor::default(),
            ticks: Numbers::default(),
            events: Numbers::default(),
            lost: 0,
            connection: None,
            touched: 0,
        }
    }

    /// Takes up to `room` ranges to ack, and `None` when there are none.
    pub(super) fn take_ack(&mut self, room: usize) -> Option<BootAck> {
        let ticks = self.ticks.take_unacked(room);
        let events = self.events.take_unacked(room - ticks.len());
        (ticks.len() + events.len() > 0).then_some(BootAck {
            boot: self.id,
            ticks,
            events,
        })
    }

    pub(super) fn has_unacked(&self) -> bool {
        !self.ticks.unacked.is_empty() || !self.events.unacked.is_empty()
    }
}

/// Numbers that came, and those of them that are to be acked.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    seen: TickRanges,
    unacked: TickRanges,
    /// Numbers in closed holes: they are in `seen` but never came.
    closed: u64,
}

impl Numbers {
    /// Whether that number came before.
    pub(super) fn contains(&self, number: u64) -> bool {
        self.seen.contains(number)
    }

    /// Notes that the numbers came. Returns false when holes had to be closed to keep to `max_ranges`.
    pub(super) fn insert(&mut self, range: TickRange, max_ranges: usize) -> bool {
        self.seen.insert(range);
        self.unacked.insert(range);
        if self.unacked.as_slice().len() > max_ranges {
            // It is not acked, so the agent offers it again.
            self.unacked.remove(self.unacked.as_slice()[0]);
        }
        let mut kept = true;
        while self.seen.as_slice().len() > max_ranges.max(1) {
            let [a, b, ..] = self.seen.as_slice() else {
                break;
            };
            let hole = TickRange {
                first: a.last + 1,
                last: b.first - 1,
            };
            self.closed = self.closed.saturating_add(self.seen.insert(hole));
            kept = false;
        }
        kept
    }

    /// Numbers between the first and the last that did not come.
    pub(super) fn missing(&self) -> u64 {
        let Some(span) = self.span() else { return 0 };
        (span.last - span.first + 1)
            .saturating_sub(self.seen.count())
            .saturating_add(self.closed)
    }

    /// The missing numbers as ranges, ascending.
    pub(super) fn holes(&self) -> Vec<TickRange> {
        self.span()
            .map_or_else(Vec::new, |span| self.seen.missing(span).into_vec())
    }

    fn span(&self) -> Option<TickRange> {
        let (first, last) = (self.seen.as_slice().first()?, self.seen.as_slice().last()?);
        Some(TickRange {
            first: first.first,
            last: last.last,
        })
    }

    /// Takes up to `room` ranges that are to be acked. A range grows to all that is known around it, which heals acks
    /// that were lost; but not once a hole was closed, because what never came must never be acked.
    fn take_unacked(&mut self, room: usize) -> Vec<TickRange> {
        let mut taken = TickRanges::new();
        while taken.as_slice().len() < room {
            let Some(&range) = self.unacked.as_slice().first() else {
                break;
            };
            let whole = if self.closed > 0 {
                range
            } else {
                let seen = self.seen.as_slice();
                let at = seen.partition_point(|known| known.last < range.first);
                seen.get(at).copied().unwrap_or(range)
            };
            self.unacked.remove(whole);
            taken.insert(whole);
        }
        taken.into_vec()
    }
}

/// The ranges of ticks that a batch holds: one, or one for each tick when it was thinned.
pub(super) fn ranges(header: &BatchHeader) -> Vec<TickRange> {
    if header.stride == 1 {
        return vec![header.range()];
    }
    (0..header.count)
        .map(|row| header.tick(row))
        .map(|tick| TickRange {
            first: tick,
            last: tick,
        })
        .collect()
}
