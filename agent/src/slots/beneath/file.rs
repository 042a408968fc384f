//! Regular files beneath a directory: read, made, replaced. A device is never opened, since that may act on it.
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};

use super::{Dir, Kind, walk};

const COMMON: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

impl Dir {
    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// `InvalidInput` for what is no regular file.
    pub fn open_file(&self, path: impl AsRef<Path>) -> io::Result<File> {
        self.open_regular(path.as_ref(), OFlags::RDONLY)
    }

    /// Opens a regular file that is there, to change it in place.
    ///
    /// # Errors
    /// As [`Dir::open_file`].
    pub fn change_file(&self, path: impl AsRef<Path>) -> io::Result<File> {
        self.open_regular(path.as_ref(), OFlags::RDWR)
    }

    fn open_regular(&self, path: &Path, flags: OFlags) -> io::Result<File> {
        let (parent, name) = self.parent(path)?;
        let before = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match Kind::of_mode(before.st_mode) {
            Kind::File => {}
            Kind::Symlink => return Err(Errno::LOOP.into()),
            Kind::Directory => return Err(Errno::ISDIR.into()),
            Kind::Special => return Err(not_regular(path)),
        }
        let file = rustix::fs::openat(&parent, name, flags | COMMON, Mode::empty())?;
        let after = rustix::fs::fstat(&file)?;
        match (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino) {
            true => Ok(file.into()),
            false => Err(io::Error::other(format!(
                "{} was exchanged meanwhile",
                path.display()
            ))),
        }
    }

    /// All that is in a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Dir::open_file`]; `FileTooLarge` for a longer one.
    pub fn read_file(&self, path: impl AsRef<Path>, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open_file(path.as_ref())?
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)?;
        match bytes.len() > limit {
            true => Err(Errno::FBIG.into()),
            false => Ok(bytes),
        }
    }

    /// Makes a file of exactly that mode.
    ///
    /// # Errors
    /// `EEXIST` if anything is there, a symlink too.
    pub fn create_file(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<File> {
        let (parent, name) = self.parent(path.as_ref())?;
        create(&parent, name, mode)
    }

    /// Puts a file of exactly that mode and with these bytes there, durably: whole, or what was there before. A symlink that is
    /// there is replaced and not followed.
    ///
    /// # Errors
    /// `EISDIR` if a directory is there; every error of writing.
    pub fn put_file(&self, path: impl AsRef<Path>, mode: u32, bytes: &[u8]) -> io::Result<()> {
        let (parent, name) = self.parent(path.as_ref())?;
        let new = temporary(name);
        // What a crash left of an attempt before.
        parent.remove(&new)?;
        let written = create(&parent, &new, mode).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            Ok(rustix::fs::renameat(&parent, &new, &parent, name)?)
        });
        written.inspect_err(|_| drop(parent.remove(&new)))?;
        parent.sync()
    }
}

fn create(parent: &Dir, name: &OsStr, mode: u32) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | COMMON;
    let file = match rustix::fs::openat(parent, name, flags, Mode::from(mode)) {
        Err(Errno::LOOP) if walk::is_symlink(std::os::fd::AsFd::as_fd(parent), name) => {
            return Err(Errno::EXIST.into());
        }
        opened => opened?,
    };
    // open(2) took the umask off.
    rustix::fs::fchmod(&file, Mode::from(mode))?;
    Ok(file.into())
}

fn temporary(name: &OsStr) -> OsString {
    let mut new = OsString::from(".");
    new.push(name);
    new.push(".picket-new");
    new
}

fn not_regular(path: &Path) -> io::Error {
    let text = format!("{} is no regular file", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
