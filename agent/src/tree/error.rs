//! What could not be done in a tree, where, and why.
use std::{fmt, io, path::PathBuf};

use rustix::io::Errno;

/// An operation in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Opening a directory.
    Open,
    /// Looking what is there.
    Look,
    /// Reading.
    Read,
    /// Writing a file, or making what is no file.
    Write,
    /// Making a directory.
    Directory,
    /// Removing.
    Remove,
    /// Waiting for the disk.
    Sync,
}

/// An operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("can't {doing} {}", path.display())]
pub struct Error {
    /// What was attempted.
    pub doing: Doing,
    /// Where: the tree's name and the path in it.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl Error {
    pub(super) fn new(doing: Doing, path: impl Into<PathBuf>, errno: Errno) -> Self {
        Self::of(doing, path, errno.into())
    }

    pub(super) fn of(doing: Doing, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self {
            doing,
            path: path.into(),
            source,
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Look => "look at",
            Self::Read => "read",
            Self::Write => "write",
            Self::Directory => "make the directory",
            Self::Remove => "remove",
            Self::Sync => "save",
        })
    }
}
