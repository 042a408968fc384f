//! Whether one machine speaks under an id, or several. Knows boots and times of live messages only.
use std::{collections::VecDeque, fmt};

use picket_proto::{BatchHeader, BootId};

/// Boots that are remembered as left behind.
const LEFT: usize = 8;
/// Live batches of the current boot that are remembered.
const RECENT: usize = 4;
/// A clash is over when nothing spoke for it for this long, in ms.
const OVER_MS: i64 = 30 * 60 * 1000;

/// More than one machine speaks under one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clash {
    /// Two boots are live in turns, which one machine can't do.
    Boots(BootId, BootId),
    /// One tick of one boot came with two times: two agents on one machine, or a copied boot id.
    Tick(BootId, u64),
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boots(a, b) => {
                write!(
                    f,
                    "two machines use this id: boots {a} and {b} are live in turns"
                )
            }
            Self::Tick(boot, tick) => write!(
                f,
                "two agents use this id: tick {tick} of boot {boot} came with two times"
            ),
        }
    }
}

/// Watches which boots are live.
#[derive(Debug, Default)]
pub(super) struct Identity {
    live: Option<BootId>,
    left: VecDeque<BootId>,
    recent: VecDeque<BatchHeader>,
    /// Returns to a boot that had been left, and when the last was.
    returns: u32,
    returned_ms: i64,
    clash: Option<(Clash, i64)>,
}

impl Identity {
    /// The boot that was live last.
    pub(super) fn live(&self) -> Option<BootId> {
        self.live
    }

    /// The clash that stands at that time.
    pub(super) fn clash(&self, now_ms: i64) -> Option<Clash> {
        self.clash
            .filter(|(_, at)| now_ms.saturating_sub(*at) < OVER_MS)
            .map(|(clash, _)| clash)
    }

    /// Something new came live from that boot. Returns a clash when it begins.
    pub(super) fn heard(&mut self, boot: BootId, now_ms: i64) -> Option<Clash> {
        let before = match self.live.replace(boot) {
            Some(before) if before != boot => before,
            _ => return None,
        };
        self.recent.clear();
        let returned = self.left.contains(&boot);
        self.left.retain(|left| *left != boot);
        self.left.push_back(before);
        if self.left.len() > LEFT {
            self.left.pop_front();
        }
        if !returned {
            return None;
        }
        if now_ms.saturating_sub(self.returned_ms) >= OVER_MS {
            self.returns = 0;
        }
        self.returned_ms = now_ms;
        self.returns = self.returns.saturating_add(1);
        // A late message of the old boot makes two returns, there and back. A third is no lateness.
        (self.returns >= 3)
            .then(|| self.begin(Clash::Boots(before, boot), now_ms))
            .flatten()
    }

    /// A live batch of the boot that is live. Returns a clash when it begins.
    pub(super) fn batch(&mut self, header: &BatchHeader, now_ms: i64) -> Option<Clash> {
        let contradicted = self
            .recent
            .iter()
            .find_map(|known| contradiction(known, header));
        self.recent.push_back(*header);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        self.begin(Clash::Tick(header.boot, contradicted?), now_ms)
    }

    fn begin(&mut self, clash: Clash, now_ms: i64) -> Option<Clash> {
        let stood = self.clash(now_ms).is_some();
        self.clash = Some((clash, now_ms));
        (!stood).then_some(clash)
    }
}

/// A tick that is in both batches, at times further apart than half a period.
fn contradiction(a: &BatchHeader, b: &BatchHeader) -> Option<u64> {
    if a.boot != b.boot || a.period_ms != b.period_ms {
        return None;
    }
    let tick = a.first_tick.max(b.first_tick);
    if tick > a.range().last.min(b.range().last) {
        return None;
    }
    let time = |h: &BatchHeader| {
        let after = (tick - h.first_tick).saturating_mul(u64::from(h.period_ms));
        h.first_boottime_ms.saturating_add(after)
    };
    (time(a).abs_diff(time(b)) > u64::from(a.period_ms) / 2).then_some(tick)
}
