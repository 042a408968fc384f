//! How long systemd may take on the way down, which the guard must know too: less when the root doesn't answer, since then nothing
//! that it waits for can be read or saved. It doesn't know how a machine goes down, nor how its root is looked at.
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::guard::Post;

/// As long as systemd gives one unit to stop by default (DefaultTimeoutStopSec=).
pub(super) const SYSTEMD: Duration = Duration::from_secs(90);
/// On a root that doesn't answer: enough for services to say goodbye to the network.
pub(super) const ON_A_DEAD_ROOT: Duration = Duration::from_secs(10);
/// Then the agent goes on, should it still be there, and after that the guard.
const MARGIN: Duration = Duration::from_secs(5);

/// How the root file system stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// It answers, as far as is known.
    Answers,
    /// Its server is silent, or doesn't know it any more.
    Dead,
}

/// How the root was seen last, for all threads.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    dead: Arc<AtomicBool>,
}

/// The patience with systemd, on one way down.
#[derive(Debug)]
pub(super) struct Patience {
    post: Post,
    seen: Seen,
}

impl Seen {
    pub(super) fn is(&self, root: Root) {
        self.dead.store(root == Root::Dead, Ordering::Release);
    }
}

impl Patience {
    pub(super) fn new(post: Post, seen: Seen) -> Self {
        Self { post, seen }
    }

    /// How much there is, as the root stands now.
    pub(super) fn now(&self) -> Duration {
        match self.seen.dead.load(Ordering::Acquire) {
            true => ON_A_DEAD_ROOT,
            false => SYSTEMD,
        }
    }

    /// Tells the guard that systemd has so long from now on.
    pub(super) fn tell_guard(&self, left: Duration) -> io::Result<()> {
        self.post.give(left + MARGIN)
    }

    /// There is no way down any more.
    pub(super) fn end(self) {
        self.post.take_back();
    }
}
