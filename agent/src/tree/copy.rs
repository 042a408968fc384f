//! Copying one tree into another: types, links, owners, permissions and times, beneath both. Hard links become files of their own, and
//! sockets are left out. It asks nobody what a file is for.
use std::{io, path::PathBuf};

use rustix::{
    fs::{Stat, Timespec, Timestamps, futimens},
    io::Errno,
};

use super::{
    Doing, Error, Kind, Last, Tree, kind,
    write::{owner, put_file},
};

/// Nobody nests directories deeper than this, and the kernel's own limit for a path is near.
const MAX_DEPTH: usize = 256;
const PERMISSIONS: u32 = 0o7777;
const SOCKET: u32 = 0o140_000;
const KINDS: u32 = 0o170_000;

impl Tree {
    /// Copies all of `from` to the directory `to` of this tree. What is there is replaced, but a directory takes in a directory.
    ///
    /// # Errors
    /// What can't be read or written.
    pub fn copy(&self, from: &Tree, to: &str) -> Result<(), Error> {
        let mut waiting = vec![String::new()];
        while let Some(directory) = waiting.pop() {
            for name in from.names(&directory)? {
                let path = join(&directory, &name);
                if path.split('/').count() > MAX_DEPTH {
                    return Err(from.error(Doing::Read, &path, Errno::NAMETOOLONG));
                }
                let stat = from.stat(&path, Last::Kept);
                let stat = stat.map_err(|errno| from.error(Doing::Look, &path, errno))?;
                self.copy_one(from, &path, &stat, &join(to, &path))?;
                if kind(&stat) == Kind::Directory {
                    waiting.push(path);
                }
            }
        }
        Ok(())
    }

    fn copy_one(&self, from: &Tree, path: &str, stat: &Stat, to: &str) -> Result<(), Error> {
        let mode = stat.st_mode & PERMISSIONS;
        match kind(stat) {
            Kind::Directory => self.directory(to, mode, owner(stat)),
            Kind::File => self.copy_file(from, path, stat, to),
            Kind::Link => {
                let target = from.target(path)?;
                let gone = || from.error(Doing::Read, path, Errno::NOENT);
                self.link_as(to, &target.ok_or_else(gone)?, owner(stat))
            }
            Kind::Special if stat.st_mode & KINDS == SOCKET => Ok(()),
            Kind::Special => self.node_as(to, stat),
        }
    }

    fn copy_file(&self, from: &Tree, path: &str, stat: &Stat, to: &str) -> Result<(), Error> {
        let gone = || from.error(Doing::Read, path, Errno::NOENT);
        let mut source = from.file(path)?.ok_or_else(gone)?;
        let place = self.make_way(to)?;
        let mode = stat.st_mode & PERMISSIONS;
        put_file(&place, mode, owner(stat), |new| {
            io::copy(&mut source, new)?;
            Ok(futimens(&*new, &times(stat))?)
        })
        .map_err(|source| Error::of(Doing::Write, self.shown.join(to), source))?;
        self.note(to);
        Ok(())
    }
}

fn times(stat: &Stat) -> Timestamps {
    let modified = Timespec {
        tv_sec: stat.st_mtime as _,
        tv_nsec: stat.st_mtime_nsec as _,
    };
    Timestamps {
        last_access: modified,
        last_modification: modified,
    }
}

fn join(directory: &str, name: &str) -> String {
    let path = PathBuf::from(directory).join(name);
    path.to_string_lossy().into_owned()
}
