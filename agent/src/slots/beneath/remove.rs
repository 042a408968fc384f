//! Removal of a whole tree: never through a symlink, never into another mount, with few descriptors however deep it is.
use std::{
    ffi::{OsStr, OsString},
    io,
    ops::ControlFlow,
    path::Path,
    thread,
    time::Duration,
};

use rustix::{
    fs::{AtFlags, StatxAttributes, StatxFlags},
    io::Errno,
};

use super::{Dir, Entry, Kind, absent_is_none};

/// Names that are read at a time.
const AT_A_TIME: usize = 256;
/// So deep descriptors are held; what lies deeper is moved up and removed from there.
const DEPTH: usize = 32;

/// Asked before each entry goes, with the count of those that went; it may wait, and `Break` ends the removal.
pub type Pace<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// As fast as it goes, to the end.
pub fn at_once(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// At most 500 entries in a second, to the end: for what is not urgent, on a disk that others use. A full Debian takes a minute so.
pub fn slowly(_: u64) -> ControlFlow<()> {
    thread::sleep(Duration::from_millis(2));
    ControlFlow::Continue(())
}

impl Dir {
    /// Removes what is at that path with everything beneath it; that nothing is there is what is wanted. Gives the count of
    /// entries that went, or `None` if `pace` ended it.
    ///
    /// # Errors
    /// The first entry that can't be removed, by its path; `EXDEV` for a mount point, whose inside isn't touched. What went before
    /// is gone.
    pub fn remove_tree(&self, path: impl AsRef<Path>, pace: Pace<'_>) -> io::Result<Option<u64>> {
        let path = path.as_ref();
        let Some((parent, name)) = absent_is_none(self.parent(path))? else {
            return Ok(Some(0));
        };
        let kind = match parent.kind(name)? {
            None => return Ok(Some(0)),
            Some(kind) => kind,
        };
        let mut removal = Removal {
            top: None,
            moved: 0,
            gone: 0,
            pace,
        };
        let name = name.to_owned();
        let removed = removal.entry(&parent, &Entry { name, kind }, 0)?;
        Ok(removed.is_continue().then_some(removal.gone))
    }
}

struct Removal<'a> {
    /// The directory that is being removed, where what lies too deep is moved to.
    top: Option<Dir>,
    moved: u64,
    gone: u64,
    pace: Pace<'a>,
}

impl Removal<'_> {
    fn entry(&mut self, parent: &Dir, entry: &Entry, depth: usize) -> io::Result<ControlFlow<()>> {
        let named = |error| named(parent, &entry.name, error);
        if entry.kind == Kind::Directory {
            if depth == DEPTH {
                self.move_up(parent, &entry.name).map_err(named)?;
                return Ok(ControlFlow::Continue(()));
            }
            let Some(inside) = absent_is_none(enter(parent, &entry.name)).map_err(named)? else {
                return Ok(ControlFlow::Continue(()));
            };
            if depth == 0 {
                self.top = Some(inside.try_clone()?);
            }
            if self.inside(&inside, depth + 1)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if (self.pace)(self.gone).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let flags = match entry.kind {
            Kind::Directory => AtFlags::REMOVEDIR,
            _ => AtFlags::empty(),
        };
        match rustix::fs::unlinkat(parent, &entry.name, flags) {
            Ok(()) => self.gone += 1,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(named(error.into())),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Everything in the directory, until nothing is left.
    fn inside(&mut self, dir: &Dir, depth: usize) -> io::Result<ControlFlow<()>> {
        loop {
            let entries = dir.entries(AT_A_TIME)?;
            if entries.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
            for entry in entries {
                if self.entry(dir, &entry, depth)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }

    fn move_up(&mut self, parent: &Dir, name: &OsStr) -> io::Result<()> {
        // Looks whether it is a mount point, which a rename would take along elsewhere.
        drop(enter(parent, name)?);
        let top = self.top.as_ref().expect("it lies beneath the top");
        let free = loop {
            self.moved += 1;
            let free = OsString::from(format!(".picket-deep-{}", self.moved));
            if top.stat(&free)?.is_none() {
                break free;
            }
        };
        Ok(rustix::fs::renameat(parent, name, top, &free)?)
    }
}

/// Opens a directory to empty it, if it lies on the same mount.
fn enter(parent: &Dir, name: &OsStr) -> io::Result<Dir> {
    let dir = parent.dir(name)?;
    let [above, inside] = [parent, &dir]
        .map(|dir| rustix::fs::statx(dir, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS));
    let (above, inside) = (above?, inside?);
    // Linux says so since 5.8; before, a bind mount of the same file system isn't seen.
    let is_root = inside.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    let device = |stat: &rustix::fs::Statx| (stat.stx_dev_major, stat.stx_dev_minor);
    match is_root || device(&above) != device(&inside) {
        true => Err(io::Error::new(
            io::ErrorKind::CrossesDevices,
            "something is mounted there; unmount it first",
        )),
        false => Ok(dir),
    }
}

fn named(parent: &Dir, name: &OsStr, error: io::Error) -> io::Error {
    let path = parent.shown().join(name);
    io::Error::new(
        error.kind(),
        format!("can't remove {}: {error}", path.display()),
    )
}
