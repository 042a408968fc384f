//! How the file system stands that a Pi runs from: what its NFS server does, and what was refused. What decides is the agent's.
use serde::{Deserialize, Serialize};

use crate::named::named;

/// How the NFS server of the root file system stands, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NfsVerdict {
    /// How it stands.
    pub verdict: NfsState,
    /// CLOCK_BOOTTIME in ms since when. For a stall, when the first call was made that has no answer.
    pub since_ms: u64,
}

named! {
    /// How an NFS server stands.
    NfsState, u8,
    /// It answers.
    0 "ok" Ok,
    /// It answers, and takes long.
    1 "slow" Slow,
    /// It doesn't answer.
    2 "stalled" Stalled,
    /// It answers that it doesn't know the root any more (ESTALE): only a reboot helps.
    3 "stale" Stale,
}

/// What a disk refuses, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskTrouble {
    /// What it refuses.
    pub fault: DiskFault,
    /// CLOCK_BOOTTIME in ms since when that is known.
    pub since_ms: u64,
}

named! {
    /// Why a disk can't be written to.
    DiskFault, u8,
    /// It is full (ENOSPC).
    1 "full" Full,
    /// It is read-only (EROFS).
    2 "read_only" ReadOnly,
    /// A quota is used up (EDQUOT).
    3 "quota" Quota,
    /// It failed (EIO).
    4 "io_error" IoError,
    /// The file or its directory is not there any more (ESTALE).
    5 "stale" Stale,
    /// It doesn't answer in time.
    6 "no_answer" NoAnswer,
}
