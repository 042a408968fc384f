//! The way to a path in a tree, from one open directory to the next, as chroot(2) would go. It opens directories only.
//!
//! openat2(2) has RESOLVE_IN_ROOT for this, but not every kernel and emulator that Picket runs on has openat2.
use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path},
};

use rustix::{
    fs::{Mode, OFlags, fchmod, mkdirat, openat, readlinkat},
    io::Errno,
};

/// How a directory is opened for reading its names.
pub(super) const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// How one is passed through: on NFS this asks the server nothing.
const PASSED: OFlags = OFlags::PATH.union(DIRECTORY);
/// As many symlinks as Linux follows in one path (path_resolution(7)).
const MAX_LINKS: usize = 40;
const NEW_DIRECTORY: u32 = 0o755;

/// What a symlink at the path's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// What was asked for.
    Kept,
    /// The way to it.
    Followed,
}

/// What becomes of a directory on the way that isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The path is absent.
    Absent,
    /// It is made.
    Made,
}

/// A name in an open directory of the tree.
pub(super) struct Place<'t> {
    root: BorrowedFd<'t>,
    above: Vec<OwnedFd>,
    pub(super) name: OsString,
}

impl Place<'_> {
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.above.last().map_or(self.root, AsFd::as_fd)
    }
}

/// Goes there.
///
/// # Errors
/// `ENOENT` and `ENOTDIR` if the way ends before, `ELOOP` for too many symlinks, and what the kernel says else.
pub(super) fn find<'t>(
    root: BorrowedFd<'t>,
    path: &Path,
    last: Last,
    missing: Missing,
) -> Result<Place<'t>, Errno> {
    let mut rest: VecDeque<OsString> = path.iter().map(Into::into).collect();
    let mut here = Place {
        root,
        above: Vec::new(),
        name: ".".into(),
    };
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => here.above.clear(),
            Some(Component::ParentDir) => drop(here.above.pop()),
            Some(Component::Normal(_)) => {
                let at_end = rest.is_empty();
                match target(here.directory(), &part) {
                    _ if at_end && last == Last::Kept => return Ok(named(here, part)),
                    Ok(Some(to)) => {
                        links += 1;
                        if links > MAX_LINKS {
                            return Err(Errno::LOOP);
                        }
                        to.iter()
                            .rev()
                            .for_each(|part| rest.push_front(part.into()));
                    }
                    Ok(None) | Err(Errno::NOENT) if at_end => return Ok(named(here, part)),
                    Ok(None) => here.above.push(pass(here.directory(), &part)?),
                    Err(Errno::NOENT) if missing == Missing::Made => {
                        here.above.push(make(here.directory(), &part)?);
                    }
                    Err(errno) => return Err(errno),
                }
            }
            _ => {}
        }
    }
    Ok(here)
}

/// Where a symlink leads; nothing if it is none.
fn target(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<std::path::PathBuf>, Errno> {
    match readlinkat(directory, name, Vec::new()) {
        Ok(target) => Ok(Some(OsStr::from_bytes(target.as_bytes()).into())),
        Err(Errno::INVAL) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn pass(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    openat(directory, name, PASSED, Mode::empty())
}

fn make(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    mkdirat(directory, name, Mode::from_raw_mode(NEW_DIRECTORY))?;
    // Whatever the umask is.
    let made = openat(directory, name, DIRECTORY, Mode::empty())?;
    fchmod(&made, Mode::from_raw_mode(NEW_DIRECTORY))?;
    Ok(made)
}

fn named(place: Place<'_>, name: OsString) -> Place<'_> {
    Place { name, ..place }
}
