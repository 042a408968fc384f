//! A root filesystem that nobody has booted, as a directory: files are read and written beneath it, and nowhere else.
//!
//! Symlinks lead where they would after a boot from it, so an absolute one begins at the tree's root and `..` stays inside. Each step
//! goes from one open directory to the next, so a tree that somebody changes meanwhile can't lead out of itself either. What is
//! written takes the place of what was there in one step, whatever that was; no device and no FIFO is opened. It knows no file's meaning.
mod copy;
mod error;
mod walk;
mod write;

use std::{
    cell::RefCell,
    ffi::OsStr,
    fs::File,
    io::Read,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, statat, syncfs},
    io::Errno,
};

pub use error::{Doing, Error};
use walk::{Last, Missing, Place, find};
pub use write::{File as NewFile, Owner};

/// Names in one directory beyond which it is not read.
const MAX_NAMES: usize = 65_536;

/// A root filesystem's directory.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    /// For messages only.
    shown: PathBuf,
    changed: RefCell<Vec<PathBuf>>,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symlink.
    Link,
    /// A device, a FIFO or a socket.
    Special,
}

impl Tree {
    /// The tree beneath a directory of this machine.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let root = rustix::fs::open(path, walk::DIRECTORY, Mode::empty());
        let root = root.map_err(|errno| Error::new(Doing::Open, path, errno))?;
        Ok(Self::new(root, path))
    }

    /// The tree beneath an open directory, which messages call `shown`.
    #[must_use]
    pub fn new(root: OwnedFd, shown: impl Into<PathBuf>) -> Self {
        Self {
            root,
            shown: shown.into(),
            changed: RefCell::default(),
        }
    }

    /// A directory of it, as a tree of its own; `None` if there is none.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn below(&self, path: &str) -> Result<Option<Self>, Error> {
        let opened = self.find(path, Last::Followed).and_then(|place| {
            openat(
                place.directory(),
                &place.name,
                walk::DIRECTORY,
                Mode::empty(),
            )
        });
        match opened {
            Ok(root) => Ok(Some(Self::new(root, self.shown.join(path)))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(self.error(Doing::Open, path, errno)),
        }
    }

    /// What it is called in messages.
    #[must_use]
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// What was changed since this was last asked, in that order, without repetitions.
    pub fn take_changes(&self) -> Vec<PathBuf> {
        let mut changes = self.changed.take();
        let mut seen = std::collections::BTreeSet::new();
        changes.retain(|path| seen.insert(path.clone()));
        changes
    }

    /// What lies at a path, where a symlink is a symlink.
    ///
    /// # Errors
    /// It can't be said.
    pub fn kind(&self, path: &str) -> Result<Option<Kind>, Error> {
        let stat = self.stat(path, Last::Kept);
        Ok(self
            .absent(Doing::Look, path, stat)?
            .map(|stat| kind(&stat)))
    }

    /// True if there is a regular file, be it behind symlinks.
    ///
    /// # Errors
    /// It can't be said.
    pub fn has_file(&self, path: &str) -> Result<bool, Error> {
        let stat = self.absent(Doing::Look, path, self.stat(path, Last::Followed))?;
        Ok(stat.is_some_and(|stat| kind(&stat) == Kind::File))
    }

    /// True if there is a directory, be it behind symlinks.
    ///
    /// # Errors
    /// It can't be said.
    pub fn has_directory(&self, path: &str) -> Result<bool, Error> {
        let stat = self.absent(Doing::Look, path, self.stat(path, Last::Followed))?;
        Ok(stat.is_some_and(|stat| kind(&stat) == Kind::Directory))
    }

    /// Where a symlink leads, if there is one.
    ///
    /// # Errors
    /// It can't be read.
    pub fn target(&self, path: &str) -> Result<Option<PathBuf>, Error> {
        let read = self
            .find(path, Last::Kept)
            .and_then(|place| rustix::fs::readlinkat(place.directory(), &place.name, Vec::new()));
        match read {
            Ok(target) => Ok(Some(OsStr::from_bytes(target.as_bytes()).into())),
            Err(Errno::INVAL | Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(self.error(Doing::Read, path, errno)),
        }
    }

    /// The names in a directory, sorted; none if there is no directory. Names that aren't UTF-8 are left out.
    ///
    /// # Errors
    /// It can't be read.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        let opened = self.find(path, Last::Followed).and_then(|place| {
            openat(
                place.directory(),
                &place.name,
                walk::DIRECTORY,
                Mode::empty(),
            )
        });
        let Some(directory) = self.absent(Doing::Read, path, opened)? else {
            return Ok(Vec::new());
        };
        names(directory).map_err(|errno| self.error(Doing::Read, path, errno))
    }

    /// A regular file of at most `limit` bytes, be it behind symlinks; `None` if there is none.
    ///
    /// # Errors
    /// It can't be read, is longer, or is something else.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(file) = self.file(path)? else {
            return Ok(None);
        };
        let failed = |source| Error::of(Doing::Read, self.shown.join(path), source);
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        match bytes.len() as u64 > limit {
            true => Err(self.error(Doing::Read, path, Errno::FBIG)),
            false => Ok(Some(bytes)),
        }
    }

    /// The text of a file, like [`Tree::read`]; what isn't UTF-8 in it is replaced.
    ///
    /// # Errors
    /// Like [`Tree::read`].
    pub fn text(&self, path: &str, limit: u64) -> Result<Option<String>, Error> {
        let bytes = self.read(path, limit)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Opens a regular file for reading, be it behind symlinks.
    ///
    /// # Errors
    /// It can't be opened, or is something else.
    pub fn file(&self, path: &str) -> Result<Option<File>, Error> {
        let opened = self
            .find(path, Last::Followed)
            .and_then(|place| open_regular(&place));
        self.absent(Doing::Read, path, opened)
    }

    /// Waits until all that was written is on the disk.
    ///
    /// # Errors
    /// It isn't, and never will be.
    pub fn sync(&self) -> Result<(), Error> {
        syncfs(&self.root).map_err(|errno| self.error(Doing::Sync, "", errno))
    }

    fn find(&self, path: &str, last: Last) -> Result<Place<'_>, Errno> {
        find(self.root.as_fd(), Path::new(path), last, Missing::Absent)
    }

    fn stat(&self, path: &str, last: Last) -> Result<Stat, Errno> {
        stat_of(&self.find(path, last)?)
    }

    fn error(&self, doing: Doing, path: &str, errno: Errno) -> Error {
        Error::new(doing, self.shown.join(path), errno)
    }

    fn absent<T>(
        &self,
        doing: Doing,
        path: &str,
        got: Result<T, Errno>,
    ) -> Result<Option<T>, Error> {
        match got {
            Ok(got) => Ok(Some(got)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(self.error(doing, path, errno)),
        }
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

fn stat_of(place: &Place<'_>) -> Result<Stat, Errno> {
    statat(place.directory(), &place.name, AtFlags::SYMLINK_NOFOLLOW)
}

/// Safety-order: looks before it opens, since opening a device may act on it, and again after, since it may have changed.
fn open_regular(place: &Place<'_>) -> Result<File, Errno> {
    let regular = |stat: &Stat| match kind(stat) {
        Kind::File => Ok(()),
        Kind::Directory => Err(Errno::ISDIR),
        Kind::Link | Kind::Special => Err(Errno::INVAL),
    };
    regular(&stat_of(place)?)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(place.directory(), &place.name, flags, Mode::empty())?;
    regular(&rustix::fs::fstat(&file)?)?;
    Ok(File::from(file))
}

fn names(directory: OwnedFd) -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::new(directory)? {
        if names.len() == MAX_NAMES {
            return Err(Errno::OVERFLOW);
        }
        if let Ok(name) = entry?.file_name().to_str() {
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn kind(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Special,
    }
}
