//! A directory, and what lies beneath it: every path is taken from a descriptor of the directory, and no step of it follows a
//! symlink or leaves it. For trees that somebody else filled and may be changing: what they name is never followed, so nothing
//! outside is opened, written or removed. It doesn't know what the files are.
//!
//! A path has plain names only, as in `etc/ssh`: no leading slash, no `.` and no `..` (`EINVAL`). A symlink on the way, or at its
//! end where something is opened, is `ELOOP`, also a dangling one.
mod entry;
mod file;
mod mode;
mod remove;
mod walk;

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, RenameFlags, Stat},
    io::Errno,
};

pub use entry::{Entry, Kind};
pub use mode::set_mode;
pub use remove::{Pace, at_once, slowly};
use walk::{Way, split};

/// An open directory. Its name may change and lead elsewhere; this stays what it is.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    /// Where it was found, for messages only.
    shown: PathBuf,
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Dir {
    /// The directory of that path, which whoever runs this program named: here symlinks are followed.
    ///
    /// # Errors
    /// open(2)'s.
    pub fn open_root(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            fd: rustix::fs::open(path, flags, Mode::empty())?,
            shown: path.to_owned(),
        })
    }

    /// Where it was found, for messages.
    #[must_use]
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// A path by which it can be reached as long as this is open, for what takes paths only. Needs /proc.
    #[must_use]
    pub fn by_descriptor(&self) -> PathBuf {
        use std::os::fd::AsRawFd;
        format!("/proc/self/fd/{}", self.fd.as_raw_fd()).into()
    }

    /// The directory at that path.
    ///
    /// # Errors
    /// `ENOTDIR` if something else is there.
    pub fn dir(&self, path: impl AsRef<Path>) -> io::Result<Self> {
        self.dir_by(path.as_ref(), Way::best())
    }

    fn dir_by(&self, path: &Path, way: Way) -> io::Result<Self> {
        Ok(Self {
            fd: walk::open_dir(self.as_fd(), path, way)?,
            shown: self.shown.join(path),
        })
    }

    /// Makes a directory of exactly that mode, and opens it.
    ///
    /// # Errors
    /// `EEXIST` if anything is there.
    pub fn make_dir(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<Self> {
        let path = path.as_ref();
        let (parent, name) = self.parent(path)?;
        rustix::fs::mkdirat(&parent, name, Mode::from(mode))?;
        let made = parent.dir(name)?;
        // mkdir(2) took the umask off.
        rustix::fs::fchmod(&made, Mode::from(mode))?;
        Ok(Self {
            fd: made.fd,
            shown: self.shown.join(path),
        })
    }

    /// The directory at that path, made where it isn't there yet, as are those on the way; those that are there stay as they are.
    ///
    /// # Errors
    /// `ENOTDIR` or `ELOOP` if something else is there.
    pub fn ensure_dir(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<Self> {
        let path = path.as_ref();
        let mut found: Option<Self> = None;
        for name in walk::names(path)? {
            let parent = found.as_ref().unwrap_or(self);
            let next = match parent.dir(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match parent.make_dir(name, mode) {
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                            parent.dir(name)
                        }
                        made => made,
                    }
                }
                opened => opened,
            }?;
            found = Some(next);
        }
        found.ok_or_else(|| Errno::INVAL.into())
    }

    /// What is at that path, itself and not what it leads to; `None` if there is nothing.
    ///
    /// # Errors
    /// fstatat(2)'s, but for `ENOENT`.
    pub fn stat(&self, path: impl AsRef<Path>) -> io::Result<Option<Stat>> {
        let looked = self.parent(path.as_ref()).and_then(|(parent, name)| {
            let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
            Ok(rustix::fs::statat(&parent, name, flags)?)
        });
        absent_is_none(looked)
    }

    /// What kind of thing is at that path; `None` if there is nothing.
    ///
    /// # Errors
    /// As [`Dir::stat`].
    pub fn kind(&self, path: impl AsRef<Path>) -> io::Result<Option<Kind>> {
        Ok(self.stat(path)?.map(|stat| Kind::of_mode(stat.st_mode)))
    }

    /// What a symlink says.
    ///
    /// # Errors
    /// `EINVAL` if it is none.
    pub fn read_link(&self, path: impl AsRef<Path>) -> io::Result<PathBuf> {
        use std::os::unix::ffi::OsStringExt;
        let (parent, name) = self.parent(path.as_ref())?;
        let target = rustix::fs::readlinkat(&parent, name, Vec::new())?;
        Ok(std::ffi::OsString::from_vec(target.into_bytes()).into())
    }

    /// Makes a symlink that says `target`, whatever that is.
    ///
    /// # Errors
    /// `EEXIST` if anything is there.
    pub fn symlink(&self, target: impl AsRef<Path>, path: impl AsRef<Path>) -> io::Result<()> {
        let (parent, name) = self.parent(path.as_ref())?;
        Ok(rustix::fs::symlinkat(target.as_ref(), &parent, name)?)
    }

    /// Gives what is at `from` the name `to`, in whose place there must be nothing.
    ///
    /// # Errors
    /// `EEXIST` if something is there; rename(2)'s.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
        let (from_parent, from) = self.parent(from.as_ref())?;
        let (to_parent, to_name) = self.parent(to.as_ref())?;
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&from_parent, from, &to_parent, to_name, flags) {
            // NFS knows no such flag.
            Err(Errno::INVAL | Errno::NOSYS) => match to_parent.stat(to_name)? {
                Some(_) => Err(Errno::EXIST.into()),
                None => Ok(rustix::fs::renameat(
                    &from_parent,
                    from,
                    &to_parent,
                    to_name,
                )?),
            },
            renamed => Ok(renamed?),
        }
    }

    /// Removes what is at that path if it is no directory; that nothing is there is what is wanted.
    ///
    /// # Errors
    /// `EISDIR` for a directory.
    pub fn remove(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let removed = self
            .parent(path.as_ref())
            .and_then(|(parent, name)| Ok(rustix::fs::unlinkat(&parent, name, AtFlags::empty())?));
        absent_is_none(removed).map(|_| ())
    }

    /// Makes the names in this directory durable.
    ///
    /// # Errors
    /// fsync(2)'s.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self)?)
    }

    /// Makes everything durable that was written to the file system of this directory.
    ///
    /// # Errors
    /// syncfs(2)'s; since Linux 5.8 also what failed before, to be written back.
    pub fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(self)?)
    }

    /// Another descriptor of it.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            fd: self.fd.try_clone()?,
            shown: self.shown.clone(),
        })
    }

    /// The directory that the last name of the path lies in.
    fn parent<'path>(&self, path: &'path Path) -> io::Result<(Self, &'path std::ffi::OsStr)> {
        let (above, name) = split(path)?;
        let parent = match above {
            Some(above) => self.dir(above)?,
            None => self.try_clone()?,
        };
        Ok((parent, name))
    }
}

impl From<Dir> for File {
    fn from(dir: Dir) -> Self {
        dir.fd.into()
    }
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
