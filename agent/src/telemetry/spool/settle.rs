//! What an ack settles: entries whose ticks it names all, and parts of others. To ignore a part of an ack is always
//! safe: those ticks are offered again, and the collector drops what it has. So the work per ack is bounded.
use picket_proto::{Ack, BatchHeader, BootAck, BootId, TickRange};

use super::{Entry, State};

/// An ack re-encodes at most this many entries; it drops any number.
const MAX_CUTS: usize = 4;
/// An entry is cut into at most this many pieces.
const MAX_PIECES: usize = 4;

/// Ticks of a boot that need no more care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Settled {
    pub(in super::super) boot: BootId,
    pub(in super::super) ticks: u64,
}

impl Settled {
    pub(super) fn whole(entry: &Entry) -> Self {
        Self {
            boot: entry.batch.header.boot,
            ticks: u64::from(entry.batch.header.count),
        }
    }
}

/// Takes the ticks that `ack` names out of the entries that were published.
pub(super) fn settle(entries: &mut Vec<Entry>, ack: &Ack) -> Vec<Settled> {
    let mut cuts = MAX_CUTS;
    let mut settled = Vec::new();
    for named in &ack.boots {
        let ticks = settle_boot(entries, named, &mut cuts);
        settled.push(Settled {
            boot: named.boot,
            ticks,
        });
    }
    settled
}

fn settle_boot(entries: &mut Vec<Entry>, named: &BootAck, cuts: &mut usize) -> u64 {
    let mut settled = 0;
    let mut at = 0;
    while let Some(entry) = entries.get(at) {
        let header = entry.batch.header;
        if header.boot != named.boot || !entry.offered {
            at += 1;
            continue;
        }
        let runs = unnamed(&header, &named.ticks);
        let kept: u16 = runs.iter().map(|(_, count)| count).sum();
        let pieces = match kept {
            0 => Some(Vec::new()),
            kept if kept == header.count || *cuts == 0 || runs.len() > MAX_PIECES => None,
            _ => cut(entry, &runs),
        };
        let Some(pieces) = pieces else {
            at += 1;
            continue;
        };
        *cuts -= usize::from(kept > 0);
        settled += u64::from(header.count - kept);
        let after = at + pieces.len();
        entries.splice(at..=at, pieces);
        at = after;
    }
    settled
}

/// The runs of rows, as first row and count, whose ticks no range names.
fn unnamed(header: &BatchHeader, ranges: &[TickRange]) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for row in (0..header.count).filter(|&row| !names(ranges, header.tick(row))) {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == row => *count += 1,
            _ => runs.push((row, 1)),
        }
    }
    runs
}

/// Ranges that are not ascending may hide a tick from this, and never name one that they do not hold.
fn names(ranges: &[TickRange], tick: u64) -> bool {
    let at = ranges.partition_point(|range| range.last < tick);
    ranges.get(at).is_some_and(|range| range.contains(tick))
}

/// The runs as entries of their own. Their ticks have been published, and the broker has them.
fn cut(entry: &Entry, runs: &[(u16, u16)]) -> Option<Vec<Entry>> {
    let state = match entry.state {
        State::InFlight { lane, since_ms } => State::Awaiting { lane, since_ms },
        other => other,
    };
    let pieces = runs.iter().map(|&(first, count)| {
        Some(Entry {
            batch: entry.batch.rows(first, 1, count)?,
            state,
            delivery: None,
            offered: true,
        })
    });
    pieces.collect()
}
