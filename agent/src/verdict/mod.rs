//! What becomes known of the file system that the Pi runs from: how its NFS server stands, and what the disk refuses.
//!
//! Pure: it gets what was seen and the time (`now_ms`, CLOCK_BOOTTIME), and says what changed. `run` shows it three views of the
//! server at every tick, and the in-band one again at [`Verdicts::deadline`] and when a late answer comes.
mod disk;
mod nfs;
#[cfg(test)]
mod tests;

use picket_proto::{DiskFault, DiskTrouble, EventKind, NfsVerdict, Reading};

use disk::Disk;
use nfs::Nfs;

pub use disk::fault;
pub use nfs::{PASSIVE_SLOW_US, PATIENCE_MS, PROBE_SLOW_US, QUICK_TICKS, SILENCE_MS, SLOW_TICKS};

/// What is known.
#[derive(Debug)]
pub struct Verdicts {
    /// `None` where the root is not on NFS.
    nfs: Option<Nfs>,
    disk: Disk,
}

/// Everything that can become known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A tick: what the three views say. With it a new in-band probe is made, unless one waits or there are none.
    Tick(Views),
    /// The in-band view alone: between two ticks.
    InBand(InBand),
    /// A write reached the disk, or did not.
    Wrote(Result<(), DiskFault>),
    /// How much room the disk has.
    Room(Room),
}

/// Three views of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Views {
    /// A GETATTR on the mount itself.
    pub in_band: InBand,
    /// An RPC NULL call on a connection of our own.
    pub null: Null,
    /// The mean round trip of what everybody on this Pi asked, in µs.
    pub passive: Reading,
}

/// How the in-band probe stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InBand {
    /// There is none.
    Off,
    /// None was made yet.
    Unasked,
    /// It has no answer.
    Waiting {
        /// CLOCK_BOOTTIME in ms when it was made.
        since_ms: u64,
    },
    /// The last one was answered after so many µs.
    Answered {
        /// Its round trip.
        rtt_us: i64,
    },
    /// The server doesn't know the root any more (ESTALE).
    Stale,
    /// It ended in another error.
    Failed,
}

/// How the NULL calls stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Null {
    /// There are none, or they say nothing.
    Unknown,
    /// The last one was answered after so many µs.
    Answered {
        /// Its round trip.
        rtt_us: i64,
    },
    /// The last ones had no answer.
    Silent {
        /// CLOCK_BOOTTIME in ms when the first of them was made.
        since_ms: u64,
    },
}

/// How much room a disk has for those who are not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Blocks that are free for them.
    pub available: u64,
    /// Blocks in all.
    pub blocks: u64,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The server stands otherwise.
    Nfs(NfsVerdict),
    /// The disk refuses something, or (`active` is false) takes it again.
    Disk {
        /// It refuses.
        active: bool,
        /// What.
        fault: DiskFault,
    },
}

impl From<Change> for EventKind {
    fn from(change: Change) -> Self {
        match change {
            Change::Nfs(verdict) => Self::NfsVerdict(verdict),
            Change::Disk { active, fault } => Self::DiskFault { active, fault },
        }
    }
}

impl Verdicts {
    /// Of a Pi whose root is on NFS: until something else is seen, its server is well.
    #[must_use]
    pub fn of_nfs(now_ms: u64) -> Self {
        Self {
            nfs: Some(Nfs::new(now_ms)),
            disk: Disk::default(),
        }
    }

    /// Of a machine whose root is elsewhere: only its disk is judged.
    #[must_use]
    pub fn of_disk() -> Self {
        Self {
            nfs: None,
            disk: Disk::default(),
        }
    }

    /// Takes what was seen at `now_ms`, and returns what that changed.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Option<Change> {
        let nfs = self.nfs.as_mut();
        match input {
            Input::Tick(views) => nfs?.tick(&views, now_ms).map(Change::Nfs),
            Input::InBand(in_band) => nfs?.in_band(in_band, now_ms).map(Change::Nfs),
            Input::Wrote(result) => self.disk.wrote(result, now_ms),
            Input::Room(room) => self.disk.room(room, now_ms),
        }
    }

    /// When [`Input::InBand`] is wanted if the probe of the last tick has no answer by then, on the clock of `now_ms`.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.nfs.as_ref()?.deadline()
    }

    /// How the server stands; `None` where the root is not on NFS.
    #[must_use]
    pub fn nfs(&self) -> Option<NfsVerdict> {
        self.nfs.as_ref().map(Nfs::verdict)
    }

    /// What the disk refuses.
    #[must_use]
    pub fn disk(&self) -> Option<DiskTrouble> {
        self.disk.trouble()
    }
}
