//! Changing a tree: files, symlinks, directories. What is written is complete before it gets its name, so a full disk leaves what was
//! there.
use std::{fs, io, io::Read, os::fd::AsFd, path::Path};

use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fchmod, fchown, fstat, mknodat,
        openat, renameat, symlinkat, unlinkat,
    },
    io::Errno,
};

use super::{
    Doing, Error, Kind, Last, Missing, Place, Tree, find, kind, open_regular, stat_of,
    walk::DIRECTORY,
};
use crate::slots::beneath::set_mode;

/// What a thing is called until it is complete.
const UNFINISHED: &str = ".picket-unfinished";
const PERMISSIONS: u32 = 0o7777;

/// Whose a thing in a tree is: numbers, since names are the tree's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: u32,
    /// The group.
    pub group: u32,
}

impl Owner {
    /// The superuser and his group.
    pub const ROOT: Self = Self { user: 0, group: 0 };
}

/// A file to be.
#[derive(Debug, Clone, Copy)]
pub struct File<'b> {
    /// What is in it.
    pub bytes: &'b [u8],
    /// Its permissions, with setuid, setgid and sticky.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
}

impl Tree {
    /// Puts a file of root's there, readable by all, or for root alone, as `mode` says. Directories on the way are made.
    ///
    /// # Errors
    /// It can't be written; then what was there is there still.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>, mode: u32) -> Result<(), Error> {
        let file = File {
            bytes: bytes.as_ref(),
            mode,
            owner: Owner::ROOT,
        };
        self.write_file(path, &file)
    }

    /// Puts a file there. Nothing is done if it is there already.
    ///
    /// # Errors
    /// It can't be written; then what was there is there still.
    pub fn write_file(&self, path: &str, file: &File<'_>) -> Result<(), Error> {
        let place = self.make_way(path)?;
        let failed = |source| Error::of(Doing::Write, self.shown.join(path), source);
        if is_there(&place, file).map_err(failed)? {
            return Ok(());
        }
        let fill = |new: &mut fs::File| {
            io::copy(&mut &*file.bytes, new)?;
            Ok(())
        };
        put_file(&place, file.mode, file.owner, fill).map_err(failed)?;
        self.note(path);
        Ok(())
    }

    /// Puts a symlink there, of root's.
    ///
    /// # Errors
    /// It can't be made; then what was there is there still.
    pub fn link(&self, path: &str, target: impl AsRef<Path>) -> Result<(), Error> {
        self.link_as(path, target.as_ref(), Owner::ROOT)
    }

    pub(super) fn link_as(&self, path: &str, target: &Path, owner: Owner) -> Result<(), Error> {
        if self.target(path)?.as_deref() == Some(target) {
            return Ok(());
        }
        let place = self.make_way(path)?;
        self.put(path, &place, owner, || {
            symlinkat(target, place.directory(), UNFINISHED)
        })
    }

    /// Puts a device or a FIFO there.
    pub(super) fn node_as(&self, path: &str, like: &Stat) -> Result<(), Error> {
        let place = self.make_way(path)?;
        self.put(path, &place, owner(like), || {
            let kind = FileType::from_raw_mode(like.st_mode);
            let mode = Mode::from_raw_mode(like.st_mode & PERMISSIONS);
            mknodat(place.directory(), UNFINISHED, kind, mode, like.st_rdev)?;
            set_mode(place.directory(), UNFINISHED, mode)
        })
    }

    /// Makes sure of a directory with these permissions and this owner. A symlink that leads to one in the tree serves as well.
    ///
    /// # Errors
    /// It can't be made, or something else is there.
    pub fn directory(&self, path: &str, mode: u32, owner: Owner) -> Result<(), Error> {
        let failed = |errno| self.error(Doing::Directory, path, errno);
        let place = find(self.as_fd(), Path::new(path), Last::Followed, Missing::Made);
        let place = place.map_err(failed)?;
        let changed = put_directory(&place, mode, owner).map_err(failed)?;
        if changed {
            self.note(path);
        }
        Ok(())
    }

    /// Removes what is no directory. Nothing is done if there is nothing.
    ///
    /// # Errors
    /// It can't be removed.
    pub fn remove(&self, path: &str) -> Result<(), Error> {
        let removed = self
            .find(path, Last::Kept)
            .and_then(|place| unlinkat(place.directory(), &place.name, AtFlags::empty()));
        if self.absent(Doing::Remove, path, removed)?.is_some() {
            self.note(path);
        }
        Ok(())
    }

    /// Gives what is there another name in the same directory.
    ///
    /// # Errors
    /// It can't be renamed.
    pub fn rename(&self, path: &str, name: &str) -> Result<(), Error> {
        let renamed = self
            .find(path, Last::Kept)
            .and_then(|place| renameat(place.directory(), &place.name, place.directory(), name));
        renamed.map_err(|errno| self.error(Doing::Write, path, errno))?;
        self.note(path);
        Ok(())
    }

    pub(super) fn make_way(&self, path: &str) -> Result<Place<'_>, Error> {
        find(self.as_fd(), Path::new(path), Last::Kept, Missing::Made)
            .map_err(|errno| self.error(Doing::Write, path, errno))
    }

    pub(super) fn note(&self, path: &str) {
        self.changed.borrow_mut().push(path.into());
    }

    fn put(
        &self,
        path: &str,
        place: &Place<'_>,
        owner: Owner,
        make: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Error> {
        let put = || {
            forget(place)?;
            make()?;
            own(place, owner)?;
            take_place(place)
        };
        put().map_err(|errno| {
            let _ = forget(place);
            self.error(Doing::Write, path, errno)
        })?;
        self.note(path);
        Ok(())
    }
}

/// Puts a file there that `fill` writes.
pub(super) fn put_file(
    place: &Place<'_>,
    mode: u32,
    owner: Owner,
    fill: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let put = || {
        forget(place)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let secret = Mode::from_raw_mode(0o600);
        let mut new = fs::File::from(openat(place.directory(), UNFINISHED, flags, secret)?);
        fill(&mut new)?;
        fchown(
            &new,
            Some(Uid::from_raw(owner.user)),
            Some(Gid::from_raw(owner.group)),
        )?;
        // After the owner, whose change takes setuid away.
        fchmod(&new, Mode::from_raw_mode(mode))?;
        take_place(place)?;
        Ok(())
    };
    put().inspect_err(|_| {
        let _ = forget(place);
    })
}

fn put_directory(place: &Place<'_>, mode: u32, wanted: Owner) -> Result<bool, Errno> {
    let mode = Mode::from_raw_mode(mode);
    let (opened, made) = match openat(place.directory(), &place.name, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => {
            rustix::fs::mkdirat(place.directory(), &place.name, mode)?;
            let made = openat(place.directory(), &place.name, DIRECTORY, Mode::empty())?;
            (made, true)
        }
        found => (found?, false),
    };
    let stat = fstat(&opened)?;
    let same_owner = owner(&stat) == wanted;
    if !same_owner {
        let (user, group) = (Uid::from_raw(wanted.user), Gid::from_raw(wanted.group));
        fchown(&opened, Some(user), Some(group))?;
    }
    let same_mode = stat.st_mode & PERMISSIONS == mode.as_raw_mode();
    if !same_mode || !same_owner {
        fchmod(&opened, mode)?;
    }
    Ok(made || !same_mode || !same_owner)
}

fn is_there(place: &Place<'_>, file: &File<'_>) -> io::Result<bool> {
    let stat = match stat_of(place) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    };
    let like = kind(&stat) == Kind::File
        && stat.st_mode & PERMISSIONS == file.mode
        && owner(&stat) == file.owner
        && stat.st_size as u64 == file.bytes.len() as u64;
    if !like {
        return Ok(false);
    }
    let mut bytes = Vec::with_capacity(file.bytes.len());
    open_regular(place)?
        .take(file.bytes.len() as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes == file.bytes)
}

fn own(place: &Place<'_>, owner: Owner) -> Result<(), Errno> {
    let (user, group) = (Uid::from_raw(owner.user), Gid::from_raw(owner.group));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    chownat(
        place.directory(),
        UNFINISHED,
        Some(user),
        Some(group),
        flags,
    )
}

fn take_place(place: &Place<'_>) -> Result<(), Errno> {
    renameat(
        place.directory(),
        UNFINISHED,
        place.directory(),
        &place.name,
    )
}

/// Removes what was left unfinished.
fn forget(place: &Place<'_>) -> Result<(), Errno> {
    match unlinkat(place.directory(), UNFINISHED, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

pub(super) fn owner(stat: &Stat) -> Owner {
    Owner {
        user: stat.st_uid,
        group: stat.st_gid,
    }
}
