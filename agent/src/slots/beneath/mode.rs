//! The permissions of what can't be opened, as a device or a FIFO, by its name in an open directory: never those of what a symlink in
//! its place leads to.
use std::os::fd::{AsFd, AsRawFd};

use rustix::{
    fs::{FileType, Mode, OFlags, fstat, openat},
    io::Errno,
    path::Arg,
};

/// Sets them. Needs /proc, since Linux changes the mode of a descriptor that opens nothing by that way only.
///
/// # Errors
/// `ELOOP` for a symlink, which has none of its own; `ENOENT` without /proc.
pub fn set_mode(directory: impl AsFd, name: impl Arg, mode: Mode) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = openat(directory, name, flags, Mode::empty())?;
    if FileType::from_raw_mode(fstat(&found)?.st_mode).is_symlink() {
        return Err(Errno::LOOP);
    }
    rustix::fs::chmod(format!("/proc/self/fd/{}", found.as_raw_fd()), mode)
}
