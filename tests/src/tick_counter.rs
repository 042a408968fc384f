//! Counts the ticks that an agent makes without asking it: each tick opens `proc/loadavg` of its tree once.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    inotify::{ReadFlags, Watch, WatchFlags},
    tree::Tree,
};

/// Counts until it is dropped.
pub struct TickCounter {
    count: Arc<AtomicU64>,
    _watch: Watch,
}

impl TickCounter {
    /// Begins to count. Start it before the agent.
    pub fn start(tree: &Tree) -> Self {
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        // The kernel merges identical neighbouring events that are read late, so the closing between them is watched, too.
        let ways = WatchFlags::OPEN | WatchFlags::CLOSE_NOWRITE;
        let watch = Watch::begin(&tree.path("proc/loadavg"), ways, move |what, _| {
            if what.contains(ReadFlags::OPEN) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            count,
            _watch: watch,
        }
    }

    /// Ticks so far.
    pub fn ticks(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }
}
