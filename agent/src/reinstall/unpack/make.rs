//! Makes one entry in its folder: by descriptors and single names only, so nothing is followed, and with every error heard. What is
//! there already is an error: an image has each name once.
use std::{ffi::CStr, io, os::fd::OwnedFd};

use rustix::{
    fd::AsFd,
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, chownat, fchmod, fchown,
        fstat, ftruncate, futimens, linkat, makedev, mkfifoat, mknodat, openat, statat, symlinkat,
        utimensat,
    },
    io::{Errno, pwrite},
};

use super::{
    super::{
        archive::entry::{Attributes, split},
        fault::{Fault, shown},
    },
    content::{Content, Piece},
    folder::walk,
};
use crate::sys;

/// Something that is no file and no folder.
#[derive(Debug)]
pub(super) enum Special {
    Symlink(Box<CStr>),
    Character(u32, u32),
    Block(u32, u32),
    Fifo,
}

/// A file, with its bytes.
pub(super) fn file(
    folder: &OwnedFd,
    path: &[u8],
    attributes: Attributes,
    size: u64,
    content: Content,
) -> Result<(), Fault> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // The right mode at once saves a call, but nothing is set-user-id before it is whole.
    let mode = Mode::from_raw_mode(attributes.mode & 0o777);
    let (_, name) = split(path);
    let file = openat(folder, name, flags, mode).map_err(|errno| not_made(path, errno))?;
    let end = match content {
        Content::Whole(None) => 0,
        Content::Whole(Some(piece)) => write(&file, &piece).map_err(failed(path))?,
        Content::Stream(pieces) => {
            let mut end = 0;
            for piece in pieces {
                end = write(&file, &piece).map_err(failed(path))?;
            }
            end
        }
    };
    if end != size {
        ftruncate(&file, size).map_err(failed(path))?;
    }
    settle(&file, attributes).map_err(failed(path))?;
    // An NFS client tells here, not before, that there is no room.
    sys::close(file).map_err(failed(path))
}

/// Gives the end of what was written.
fn write(file: &OwnedFd, piece: &Piece) -> io::Result<u64> {
    let (mut offset, mut rest) = (piece.offset, &piece.bytes[..]);
    while !rest.is_empty() {
        match pwrite(file, rest, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                offset += count as u64;
                rest = &rest[count..];
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(offset)
}

/// Owner, then mode, since a new owner takes set-user-id off, then time.
fn settle(file: impl AsFd, attributes: Attributes) -> io::Result<()> {
    let stat = fstat(&file)?;
    if (stat.st_uid, stat.st_gid) != (attributes.uid, attributes.gid) {
        fchown(
            &file,
            Some(Uid::from_raw(attributes.uid)),
            Some(Gid::from_raw(attributes.gid)),
        )?;
    }
    if stat.st_mode & 0o7777 != attributes.mode || attributes.mode & 0o6000 != 0 {
        fchmod(&file, Mode::from_raw_mode(attributes.mode))?;
    }
    Ok(futimens(&file, &times(attributes))?)
}

/// What a folder is to have, once nothing more is put into it.
pub(super) fn settle_folder(
    root: &OwnedFd,
    path: &[u8],
    attributes: Attributes,
) -> Result<(), Fault> {
    let folder = walk(root, path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(&folder, c".", flags, Mode::empty()).map_err(failed(path))?;
    settle(&folder, attributes).map_err(failed(path))
}

/// Something else.
pub(super) fn special(
    folder: &OwnedFd,
    path: &[u8],
    attributes: Attributes,
    special: &Special,
) -> Result<(), Fault> {
    let (_, name) = split(path);
    let mode = Mode::from_raw_mode(attributes.mode);
    let node = |kind, major, minor| mknodat(folder, name, kind, mode, makedev(major, minor));
    let made = match special {
        Special::Symlink(target) => symlinkat(&**target, folder, name),
        Special::Character(major, minor) => node(FileType::CharacterDevice, *major, *minor),
        Special::Block(major, minor) => node(FileType::BlockDevice, *major, *minor),
        Special::Fifo => mkfifoat(folder, name, mode),
    };
    made.map_err(|errno| not_made(path, errno))?;
    let settled = settle_by_name(folder, name, attributes, special);
    settled.map_err(failed(path))
}

/// Devices and FIFOs can't be opened for that, and symlinks have no mode.
fn settle_by_name(
    folder: &OwnedFd,
    name: &[u8],
    attributes: Attributes,
    special: &Special,
) -> io::Result<()> {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if (stat.st_uid, stat.st_gid) != (attributes.uid, attributes.gid) {
        let (uid, gid) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
        chownat(
            folder,
            name,
            Some(uid),
            Some(gid),
            AtFlags::SYMLINK_NOFOLLOW,
        )?;
    }
    let has_mode = !matches!(special, Special::Symlink(_));
    if has_mode && (stat.st_mode & 0o7777 != attributes.mode || attributes.mode & 0o6000 != 0) {
        // This follows a symlink that somebody put in its place, but the image is this thread's root: nothing outside is reached.
        rustix::fs::chmodat(
            folder,
            name,
            Mode::from_raw_mode(attributes.mode),
            AtFlags::empty(),
        )?;
    }
    Ok(utimensat(
        folder,
        name,
        &times(attributes),
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}

/// Another name of a file that is there.
pub(super) fn hard_link(root: &OwnedFd, path: &[u8], first: &[u8]) -> Result<(), Fault> {
    let (first_folder, first_name) = split(first);
    let (folder, name) = split(path);
    let first_folder = walk(root, first_folder)?;
    let folder = walk(root, folder)?;
    match linkat(&first_folder, first_name, &folder, name, AtFlags::empty()) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT | Errno::PERM) => Err(Fault::entry(
            path,
            format!(
                "a hard link to {}, which is no file of the image",
                shown(first)
            ),
        )),
        Err(errno) => Err(not_made(path, errno)),
    }
}

fn times(attributes: Attributes) -> Timestamps {
    let (tv_sec, nanoseconds) = attributes.mtime;
    let time = Timespec {
        tv_sec,
        tv_nsec: nanoseconds.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn not_made(path: &[u8], errno: Errno) -> Fault {
    match errno {
        Errno::EXIST => Fault::entry(path, "the archive has this name twice"),
        errno => failed(path)(errno),
    }
}

fn failed<E: Into<io::Error>>(path: &[u8]) -> impl FnOnce(E) -> Fault {
    Fault::disk(format!("can't make {}", shown(path)))
}
