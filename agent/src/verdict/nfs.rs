//! How an NFS server stands, from three views: a GETATTR on the mount (in-band), an RPC NULL call on a connection of our own, and
//! what the kernel counts of everybody's calls (passive).
//!
//! ```text
//!              2 slow ticks in a row             an answer
//!   +----+ -----------------------> +------+ <--------------- +---------+
//!   | ok |                          | slow |                  | stalled |
//!   +----+ <----------------------- +------+ ---------------> +---------+
//!     | ^    3 quick ticks in a row        no answer for 4 s       ^
//!     | |                                                          |
//!     | +-- it succeeds -- [stale] <-- a GETATTR gives ESTALE, in any state
//!     +------------------ no answer for 4 s -----------------------+
//! ```
//!
//! The in-band view alone says `stalled` and `stale`, because it is what every process on the Pi meets. Without it NULL calls that
//! nobody answers for 12 s say `stalled`. A tick is slow when one view is at its limit, and quick when every view that has
//! something to say is below half of it; one in between changes nothing, and neither does one without any view.
//!
//! A stall never ends in `ok`: what answers again has to be quick for three ticks first, so that a server that comes and goes
//! gives at most two events a tick.
use picket_proto::{NfsState, NfsVerdict};

use super::{InBand, Null, Views};

/// A GETATTR without an answer for so long is a stall. Far beyond any disk, a lost segment's retransmissions (0.2, 0.4, 0.8 and
/// 1.6 s) included; and 10 s of tick and this make less than 15 s.
pub const PATIENCE_MS: u64 = 4_000;
/// A probe that takes this long is slow: a hundred times a healthy round trip, and a boot of ten thousand calls takes eight
/// minutes with it. A disk's seek, or one burst on 100 Mbit/s, stays below half of it.
pub const PROBE_SLOW_US: i64 = 50_000;
/// As much for the mean of everybody's calls: large writes are among them, and one of 1 MB takes 80 ms on 100 Mbit/s alone.
pub const PASSIVE_SLOW_US: i64 = 200_000;
/// So many slow ticks in a row: one alone may be a backup's start.
pub const SLOW_TICKS: u8 = 2;
/// So many quick ticks in a row end it.
pub const QUICK_TICKS: u8 = 3;
/// NULL calls without an answer for so long are a stall, where there is no in-band probe: one that was lost has another tick.
pub const SILENCE_MS: u64 = 12_000;

/// One server.
#[derive(Debug)]
pub(super) struct Nfs {
    state: State,
    /// When the last in-band probe was made, while nothing is known of its end.
    asked_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok { since_ms: u64, slow_ticks: u8 },
    Slow { since_ms: u64, quick_ticks: u8 },
    Stalled { since_ms: u64 },
    Stale { since_ms: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Quick,
    Between,
    Slow,
}

impl Nfs {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            state: State::ok(now_ms),
            asked_ms: None,
        }
    }

    pub(super) fn tick(&mut self, views: &Views, now_ms: u64) -> Option<NfsVerdict> {
        let before = self.state;
        self.look(views.in_band, now_ms);
        self.listen(views, now_ms);
        self.walk(pace(views), now_ms);
        self.asked_ms = match views.in_band {
            InBand::Off => None,
            InBand::Waiting { since_ms } => Some(since_ms),
            _ => Some(now_ms),
        };
        self.changed(before)
    }

    pub(super) fn in_band(&mut self, in_band: InBand, now_ms: u64) -> Option<NfsVerdict> {
        let before = self.state;
        self.look(in_band, now_ms);
        self.asked_ms = match in_band {
            InBand::Waiting { since_ms } => Some(since_ms),
            _ => None,
        };
        self.changed(before)
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Stalled { .. } => None,
            _ => Some(self.asked_ms?.saturating_add(PATIENCE_MS)),
        }
    }

    pub(super) fn verdict(&self) -> NfsVerdict {
        let (verdict, since_ms) = match self.state {
            State::Ok { since_ms, .. } => (NfsState::Ok, since_ms),
            State::Slow { since_ms, .. } => (NfsState::Slow, since_ms),
            State::Stalled { since_ms } => (NfsState::Stalled, since_ms),
            State::Stale { since_ms } => (NfsState::Stale, since_ms),
        };
        NfsVerdict { verdict, since_ms }
    }

    fn changed(&self, before: State) -> Option<NfsVerdict> {
        (before.kind() != self.state.kind()).then(|| self.verdict())
    }

    /// What the in-band view alone decides.
    fn look(&mut self, in_band: InBand, now_ms: u64) {
        match (in_band, self.state) {
            (InBand::Waiting { .. }, State::Stalled { .. }) => {}
            (InBand::Waiting { since_ms }, _) if now_ms >= since_ms.saturating_add(PATIENCE_MS) => {
                self.state = State::Stalled { since_ms };
            }
            (InBand::Stale, State::Stale { .. }) => {}
            (InBand::Stale, _) => self.state = State::Stale { since_ms: now_ms },
            (InBand::Answered { .. }, State::Stalled { .. }) => self.state = State::slow(now_ms),
            (InBand::Answered { .. }, State::Stale { .. }) => self.state = State::ok(now_ms),
            _ => {}
        }
    }

    /// What NULL calls decide where there is no in-band probe.
    fn listen(&mut self, views: &Views, now_ms: u64) {
        if views.in_band != InBand::Off {
            return;
        }
        match (views.null, self.state) {
            (Null::Answered { .. }, State::Stalled { .. }) => self.state = State::slow(now_ms),
            (Null::Silent { since_ms }, State::Ok { .. } | State::Slow { .. })
                if now_ms >= since_ms.saturating_add(SILENCE_MS) =>
            {
                self.state = State::Stalled { since_ms };
            }
            _ => {}
        }
    }

    /// One step between ok and slow.
    fn walk(&mut self, pace: Option<Pace>, now_ms: u64) {
        let Some(pace) = pace else {
            return;
        };
        match &mut self.state {
            State::Ok { slow_ticks, .. } => {
                *slow_ticks = counted(*slow_ticks, pace == Pace::Slow);
                if *slow_ticks >= SLOW_TICKS {
                    self.state = State::slow(now_ms);
                }
            }
            State::Slow { quick_ticks, .. } => {
                *quick_ticks = counted(*quick_ticks, pace == Pace::Quick);
                if *quick_ticks >= QUICK_TICKS {
                    self.state = State::ok(now_ms);
                }
            }
            State::Stalled { .. } | State::Stale { .. } => {}
        }
    }
}

impl State {
    fn ok(since_ms: u64) -> Self {
        Self::Ok {
            since_ms,
            slow_ticks: 0,
        }
    }

    fn slow(since_ms: u64) -> Self {
        Self::Slow {
            since_ms,
            quick_ticks: 0,
        }
    }

    fn kind(self) -> std::mem::Discriminant<Self> {
        std::mem::discriminant(&self)
    }
}

/// One more in a row, or none.
fn counted(in_a_row: u8, one_more: bool) -> u8 {
    match one_more {
        true => in_a_row.saturating_add(1),
        false => 0,
    }
}

fn pace(views: &Views) -> Option<Pace> {
    let in_band = match views.in_band {
        InBand::Answered { rtt_us } => Some(rtt_us),
        _ => None,
    };
    let null = match views.null {
        Null::Answered { rtt_us } => Some(rtt_us),
        _ => None,
    };
    let seen = [
        (in_band, PROBE_SLOW_US),
        (null, PROBE_SLOW_US),
        (views.passive.ok(), PASSIVE_SLOW_US),
    ];
    let paces = seen.into_iter().filter_map(|(us, limit)| match us? {
        us if us >= limit => Some(Pace::Slow),
        us if us < limit / 2 => Some(Pace::Quick),
        _ => Some(Pace::Between),
    });
    paces.max_by_key(|pace| *pace as u8)
}
