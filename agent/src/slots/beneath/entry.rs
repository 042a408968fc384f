//! What lies in a directory: names and kinds. Nothing is opened but the directory.
use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
};

use rustix::fs::FileType;

use super::Dir;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symlink, wherever it leads.
    Symlink,
    /// A device node, a FIFO, a socket.
    Special,
}

impl Kind {
    pub(super) fn of_mode(mode: u32) -> Self {
        Self::of(FileType::from_raw_mode(mode as _))
    }

    fn of(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            _ => Self::Special,
        }
    }
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: OsString,
    /// What it stood for as it was read.
    pub kind: Kind,
}

impl Dir {
    /// What lies in it, in no order: so many entries at most, since a directory may have millions. Never `.` and `..`.
    ///
    /// # Errors
    /// getdents64(2)'s.
    pub fn entries(&self, most: usize) -> io::Result<Vec<Entry>> {
        let mut found = Vec::new();
        for entry in rustix::fs::Dir::read_from(self)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if found.len() == most {
                break;
            }
            let kind = match entry.file_type() {
                // Some file systems don't say.
                FileType::Unknown => match self.kind(name)? {
                    Some(kind) => kind,
                    None => continue,
                },
                kind => Kind::of(kind),
            };
            found.push(Entry {
                name: name.to_owned(),
                kind,
            });
        }
        Ok(found)
    }
}
