//! What must survive any crash and any boot: the periods that an operator set, and the operations that were recorded. Two
//! blocks in one file of the state directory, written in turn by one thread, which alone may wait for the disk. It doesn't
//! know what an operation is.
mod fields;
mod file;
mod format;
mod kept;
mod record;
mod reinstalled;
mod writer;

use picket_proto::DeviceId;

use crate::world::OnDisk;

pub use record::{Kept, MOST_KEPT, MOST_OPERATIONS, Record, Recorded, Reinstalled, Since};
pub use writer::{Busy, Journal, Opened};

/// Opens the journal of that device in that directory, or makes one; waits for the disk 5 s at most.
#[must_use]
pub fn open(directory: impl Into<OnDisk>, device: DeviceId) -> Opened {
    let directory = directory.into();
    let shown = directory.display().to_string();
    let disk = file::JournalFile::new(directory, device);
    writer::open(disk, &shown, writer::DEADLINE)
}

/// What became of a write, or of an opening that took too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The record is durable.
    Written,
    /// Nothing was recorded; why, and the way out.
    Failed(String),
    /// The disk has not answered in time. [`Outcome::Written`] or [`Outcome::Failed`] follows some day, or never.
    Unknown,
    /// The journal could be read only now, after its [`Problem`] at the start: what it held. Until this was taken every write
    /// failed, so nothing of it is lost.
    Opened {
        /// What it held; `None` for a new one.
        record: Option<Record>,
        /// What is wrong with it.
        problem: Option<Problem>,
    },
}

/// What is wrong with the journal. Each says whether writes go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It could not be understood, and lies aside under another name. A new one takes its place.
    #[error("the journal {path} {why}; it is kept as {kept}, and a new one takes its place")]
    KeptAside {
        /// Where it was.
        path: String,
        /// What is wrong with it.
        why: String,
        /// Its new name.
        kept: String,
    },
    /// It could not be understood, and can't be set aside either: it is left alone, and every write fails.
    #[error(
        "the journal {path} {why}, and it can't be set aside: {error}; move it away by hand: until then nothing is recorded"
    )]
    Stuck {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        why: String,
        /// Why it can't be set aside.
        error: String,
    },
    /// It can't be read or made. Each write tries again.
    #[error("the journal {path} can't be used: {error}; until it can, nothing is recorded")]
    Unusable {
        /// Where it is, or should be.
        path: String,
        /// Why.
        error: String,
    },
    /// The disk has not answered in time. Every write fails until [`Outcome::Opened`] comes.
    #[error(
        "the disk of the journal in {directory} has not answered for {seconds} s; until it does, nothing is recorded"
    )]
    Hangs {
        /// The state directory.
        directory: String,
        /// How long was waited.
        seconds: u64,
    },
}
