//! What lies where on an export, and the moves between those places. Invariant: a directory `slots/a` or `slots/b` is a complete
//! root filesystem or isn't there: it is filled under another name, and gets its own when everything in it is durable. It knows no
//! boot record.
//!
//! ```text
//! slots/a      slots/b        complete root filesystems
//! slots/a.new  slots/b.new    being filled; not there otherwise
//! slots/a.old  slots/b.old    on their way out
//! picket/                     boot record, journal, configuration, credentials, overlay/ (0700)
//! ```
use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    Slot,
    beneath::{Dir, Pace},
};
use crate::world::World;

/// Where the export of this machine is mounted.
pub const ON_THE_MACHINE: &str = "/run/picket/export";
/// Its directory of what isn't a root filesystem.
pub const PICKET: &str = "picket";

const SLOTS: &str = "slots";
/// What Linux starts from a root (init/main.c), but for the shell.
const INITS: [&str; 3] = ["sbin/init", "etc/init", "bin/init"];

/// The export of one machine.
#[derive(Debug)]
pub struct Export {
    root: Dir,
}

/// A name that a slot's tree has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `slots/a.new`: being filled.
    New,
    /// `slots/a`: complete.
    Whole,
    /// `slots/a.old`: on its way out.
    Old,
}

impl Stage {
    /// The path of that tree beneath the export.
    #[must_use]
    pub fn path(self, slot: Slot) -> PathBuf {
        let ending = match self {
            Self::New => ".new",
            Self::Whole => "",
            Self::Old => ".old",
        };
        format!("{SLOTS}/{slot}{ending}").into()
    }
}

/// Which slots can be booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootable {
    /// `slots/a`.
    pub a: bool,
    /// `slots/b`.
    pub b: bool,
}

impl Bootable {
    /// Whether that one can be.
    #[must_use]
    pub fn has(self, slot: Slot) -> bool {
        match slot {
            Slot::A => self.a,
            Slot::B => self.b,
        }
    }
}

impl Export {
    /// The export at that path.
    ///
    /// # Errors
    /// It is no directory that can be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Dir::open_root(path).map(|root| Self { root })
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Dir {
        &self.root
    }

    /// `picket/`, made 0700 if it isn't there.
    ///
    /// # Errors
    /// It can't be made, or something else is there.
    pub fn picket(&self) -> io::Result<Dir> {
        self.root.ensure_dir(PICKET, 0o700)
    }

    /// `picket/`, if it is there.
    ///
    /// # Errors
    /// Something else is there.
    pub fn picket_if_there(&self) -> io::Result<Option<Dir>> {
        self.dir_if_there(Path::new(PICKET))
    }

    /// A slot's tree; `None` if it isn't there.
    ///
    /// # Errors
    /// Something else is there.
    pub fn tree(&self, slot: Slot, stage: Stage) -> io::Result<Option<Dir>> {
        self.dir_if_there(&stage.path(slot))
    }

    /// An empty `slots/x.new`.
    ///
    /// # Errors
    /// `EEXIST` if there is one: remove it first.
    pub fn make_new(&self, slot: Slot) -> io::Result<Dir> {
        self.root.ensure_dir(SLOTS, 0o755)?;
        self.root.make_dir(Stage::New.path(slot), 0o755)
    }

    /// `slots/x.new` becomes `slots/x`. Everything in it is made durable before, and then the name.
    ///
    /// # Errors
    /// `EEXIST` if there is a `slots/x`; every error of writing, and then it keeps its name.
    pub fn complete(&self, slot: Slot) -> io::Result<()> {
        let new = self.root.dir(Stage::New.path(slot))?;
        // Safety-order: what isn't durable must not have the name.
        new.sync_all()?;
        self.rename(slot, Stage::New, Stage::Whole)
    }

    /// `slots/x` becomes `slots/x.old`; that it isn't there is what is wanted.
    ///
    /// # Errors
    /// `EEXIST` if there is a `slots/x.old`: remove it first.
    pub fn retire(&self, slot: Slot) -> io::Result<()> {
        match self.rename(slot, Stage::Whole, Stage::Old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed,
        }
    }

    /// Removes a tree that can't be booted any more. Gives the count of entries that went, or `None` if `pace` ended it.
    ///
    /// # Errors
    /// As [`Dir::remove_tree`]'s; `InvalidInput` for a whole one, which must be retired before.
    pub fn remove(&self, slot: Slot, stage: Stage, pace: Pace<'_>) -> io::Result<Option<u64>> {
        if stage == Stage::Whole {
            let text = format!(
                "{} could be booted half removed",
                stage.path(slot).display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        self.root.remove_tree(stage.path(slot), pace)
    }

    /// Which slots have an init that can be started. What can't be looked at can't be booted.
    #[must_use]
    pub fn bootable(&self) -> Bootable {
        let has = |slot| matches!(self.tree(slot, Stage::Whole), Ok(Some(tree)) if has_init(&tree));
        Bootable {
            a: has(Slot::A),
            b: has(Slot::B),
        }
    }

    fn dir_if_there(&self, path: &Path) -> io::Result<Option<Dir>> {
        match self.root.dir(path) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, slot: Slot, from: Stage, to: Stage) -> io::Result<()> {
        self.root.rename(from.path(slot), to.path(slot))?;
        self.root.dir(SLOTS)?.sync()
    }
}

/// Symlinks are followed as they will be when the tree is the root.
fn has_init(tree: &Dir) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new(tree.by_descriptor());
    INITS.iter().any(|init| {
        let found = world.resolve(init).and_then(std::fs::symlink_metadata);
        found.is_ok_and(|init| {
            init.is_file() && init.len() > 0 && init.permissions().mode() & 0o111 != 0
        })
    })
}

#[cfg(test)]
mod tests;
