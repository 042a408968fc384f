//! How a path is walked from an open directory without following a symlink: in one call where the kernel has openat2(2), else name
//! by name, with the same result. It opens directories only.
use std::{
    ffi::OsStr,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Component, Path},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, ResolveFlags},
    io::Errno,
};

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// A kernel before 5.6, an emulator or a sandbox has no openat2(2).
static NAME_BY_NAME: AtomicBool = AtomicBool::new(false);

/// By which calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// openat2(2).
    AtOnce,
    /// openat(2) for each name.
    NameByName,
}

impl Way {
    /// The shortest one that works here.
    pub(super) fn best() -> Self {
        match NAME_BY_NAME.load(Relaxed) {
            true => Self::NameByName,
            false => Self::AtOnce,
        }
    }
}

/// The directory at that path.
pub(super) fn open_dir(from: BorrowedFd<'_>, path: &Path, way: Way) -> io::Result<OwnedFd> {
    // Both ways take the same paths.
    let names = names(path)?;
    if way == Way::NameByName {
        return name_by_name(from, &names);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(from, path, FLAGS, Mode::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM) => {
            NAME_BY_NAME.store(true, Relaxed);
            name_by_name(from, &names)
        }
        opened => Ok(opened?),
    }
}

fn name_by_name(from: BorrowedFd<'_>, names: &[&OsStr]) -> io::Result<OwnedFd> {
    let mut found: Option<OwnedFd> = None;
    for name in names {
        let parent = found.as_ref().map_or(from, AsFd::as_fd);
        found = Some(one(parent, name)?);
    }
    found.ok_or_else(|| Errno::INVAL.into())
}

fn one(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    match rustix::fs::openat(parent, name, FLAGS | OFlags::NOFOLLOW, Mode::empty()) {
        // openat2(2) calls a symlink one, and so does this.
        Err(Errno::NOTDIR) if is_symlink(parent, name) => Err(Errno::LOOP.into()),
        opened => Ok(opened?),
    }
}

pub(super) fn is_symlink(parent: BorrowedFd<'_>, name: &OsStr) -> bool {
    rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
        rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Symlink
    })
}

/// The names of a path, which must be plain ones.
pub(super) fn names(path: &Path) -> io::Result<Vec<&OsStr>> {
    let names: Option<Vec<&OsStr>> = path
        .components()
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    match names {
        Some(names) if !names.is_empty() => Ok(names),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is no path of plain names", path.display()),
        )),
    }
}

/// What is above the last name, and that name.
pub(super) fn split(path: &Path) -> io::Result<(Option<&Path>, &OsStr)> {
    let names = names(path)?;
    let name = names.last().expect("a path has a name");
    let above = path.parent().filter(|_| names.len() > 1);
    Ok((above, name))
}
