//! A root file system that is packed, wherever it is: in a folder, or in a disk's image. It knows no archive.
use std::{
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Result;

/// What a thing in a root file system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    Symlink,
    /// By its major and its minor number.
    Character(u32, u32),
    /// By its major and its minor number.
    Block(u32, u32),
    Fifo,
    Socket,
}

/// What is known of it without reading it.
#[derive(Debug, Clone)]
pub(super) struct Looked {
    pub(super) kind: Kind,
    /// Permissions, with setuid, setgid and sticky.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// When its content was changed last: Unix time, in s.
    pub(super) mtime: i64,
    /// In bytes.
    pub(super) size: u64,
    /// What its names have in common.
    pub(super) inode: u64,
    /// So many names it has.
    pub(super) names: u64,
    /// What is in it belongs to another file system.
    pub(super) is_mount: bool,
    /// The names of its extended attributes.
    pub(super) extended: Vec<String>,
}

/// A root file system. Paths are relative to its top, which is the empty path.
pub(super) trait Root {
    /// What it is called in messages.
    fn shown(&self, path: &Path) -> PathBuf;
    /// The names in a folder, in any order.
    fn names(&self, folder: &Path) -> Result<Vec<OsString>>;
    /// What is there, itself and not what it leads to.
    fn look(&self, path: &Path) -> Result<Looked>;
    /// What a symlink says.
    fn target(&self, link: &Path) -> Result<PathBuf>;
    /// A regular file's content.
    fn open(&self, file: &Path) -> Result<Box<dyn Read + '_>>;
}
