//! The machine, as a directory: every kernel file is found beneath one replaceable root.
//!
//! With the root `/` it is the machine that runs the agent. Any other root is a tree that stands for a machine, and then
//! nothing outside of it is opened, absolute symlinks included. This file knows paths; what the files mean, it doesn't.
mod resolve;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use picket_proto::Gap;
use rustix::{fs::OFlags, io::Errno};

/// A directory of the kernel with more entries than this is not read further.
const MAX_ENTRIES: usize = 1024;
/// Room for most files, so that one read gets them.
const FIRST_PIECE: usize = 4096;

/// The root beneath which the machine's files lie. Cheap to clone.
#[derive(Debug, Clone)]
pub struct World {
    root: Arc<Path>,
    machine: bool,
}

/// A root that can't stand for a machine.
#[derive(Debug, thiserror::Error)]
pub enum NotAMachine {
    /// There is no such directory.
    #[error("the root {} is not a directory that can be opened; give one with --root", .root.display())]
    NoRoot {
        /// The root that was given.
        root: PathBuf,
        /// Why it can't be opened.
        source: io::Error,
    },
    /// The directory holds no machine.
    #[error("the root {} holds no proc directory, so it is no machine's tree; copy /proc and /sys of a machine into it", .root.display())]
    NoProc {
        /// The root that was given.
        root: PathBuf,
    },
}

impl World {
    /// The machine beneath `root`. Nothing is opened yet; [`World::check`] says whether there is one.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root: PathBuf = root.into();
        let machine = root.has_root()
            && root
                .components()
                .all(|part| matches!(part, Component::RootDir));
        Self {
            root: root.into(),
            machine,
        }
    }

    /// True if this is the machine that runs the agent, and not a tree.
    #[must_use]
    pub fn is_machine(&self) -> bool {
        self.machine
    }

    /// The root that was given.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the agent of this machine keeps what must last until the next boot: `ROOT/run/picket`, or on the machine
    /// what systemd's `RUNTIME_DIRECTORY` names, so that an agent can run beside another and without root.
    /// It need not exist. In a tree, symlinks lead nowhere outside of it.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.run_dir_named(std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from))
    }

    fn run_dir_named(&self, named: Option<PathBuf>) -> PathBuf {
        if let Some(named) = named.filter(|path| self.is_machine() && path.is_absolute()) {
            return named;
        }
        self.resolve("run/picket")
            .unwrap_or_else(|_| self.root.join("run/picket"))
    }

    /// Looks whether the root can stand for a machine at all.
    ///
    /// # Errors
    /// [`NotAMachine`], if there is no such directory or no `proc` in it.
    pub fn check(&self) -> Result<(), NotAMachine> {
        let root = || self.root.to_path_buf();
        fs::read_dir(&self.root).map_err(|source| NotAMachine::NoRoot {
            root: root(),
            source,
        })?;
        match self.resolve("proc") {
            Ok(proc) if proc.is_dir() => Ok(()),
            _ => Err(NotAMachine::NoProc { root: root() }),
        }
    }

    /// Opens a regular file for reading, without ever waiting for it. `path` has no leading slash.
    ///
    /// # Errors
    /// The reason as a [`Gap`]; what is no regular file (a FIFO, a directory) is [`Gap::Garbled`].
    pub fn open(&self, path: &str) -> Result<File, Gap> {
        let found = self.resolve(path).map_err(|error| gap(&error))?;
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        if !self.machine {
            // Opening a device may act on it, so a tree's file is looked at before.
            regular(&fs::symlink_metadata(&found).map_err(|error| gap(&error))?)?;
            flags |= OFlags::NOFOLLOW;
        }
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits() as i32)
            .open(found)
            .map_err(|error| gap(&error))?;
        regular(&file.metadata().map_err(|error| gap(&error))?)?;
        Ok(file)
    }

    /// Opens a device of the machine for reading. In a tree no device is ever opened: there it is [`Gap::Absent`].
    ///
    /// # Errors
    /// The reason as a [`Gap`].
    pub fn open_device(&self, path: &str) -> Result<File, Gap> {
        if !self.machine {
            return Err(Gap::Absent);
        }
        File::open(self.root.join(path)).map_err(|error| gap(&error))
    }

    /// Reads a regular file of at most `limit` bytes, once. What is read again and again is a
    /// [`KernelFile`](crate::kernel_file::KernelFile).
    ///
    /// # Errors
    /// The reason as a [`Gap`]; a longer file is [`Gap::TooLarge`].
    pub fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Gap> {
        let mut bytes = Vec::with_capacity(limit.min(FIRST_PIECE));
        self.open(path)?
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| gap(&error))?;
        if bytes.len() > limit {
            return Err(Gap::TooLarge);
        }
        Ok(bytes)
    }

    /// The names in a directory, sorted. Names that aren't UTF-8 are left out: the kernel makes none.
    ///
    /// # Errors
    /// The reason as a [`Gap`].
    pub fn list(&self, path: &str) -> Result<Vec<String>, Gap> {
        let found = self.resolve(path).map_err(|error| gap(&error))?;
        let mut names: Vec<String> = fs::read_dir(found)
            .map_err(|error| gap(&error))?
            .take(MAX_ENTRIES)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The path beneath the root, with every symlink of a tree followed as chroot(2) would: `..` and absolute targets
    /// stay inside. What doesn't exist is kept as it is, for whoever wants to create it.
    ///
    /// # Errors
    /// `ELOOP` for too many symlinks, and whatever reading one of them gives.
    pub fn resolve(&self, path: &str) -> io::Result<PathBuf> {
        match self.machine {
            true => Ok(self.root.join(path.trim_start_matches('/'))),
            false => resolve::resolve(&self.root, Path::new(path)),
        }
    }
}

/// The gap that an error of the file system stands for.
#[must_use]
pub fn gap(error: &io::Error) -> Gap {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => Gap::Absent,
        Some(Errno::ACCESS | Errno::PERM) => Gap::Denied,
        Some(Errno::ISDIR | Errno::NOTDIR | Errno::LOOP) => Gap::Garbled,
        Some(Errno::TIMEDOUT) => Gap::TimedOut,
        Some(Errno::NOTCONN) => Gap::Unreachable,
        _ => Gap::Failed,
    }
}

fn regular(metadata: &fs::Metadata) -> Result<(), Gap> {
    metadata.is_file().then_some(()).ok_or(Gap::Garbled)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_the_root_directory_is_the_machine() {
        for (root, machine) in [
            ("/", true),
            ("//", true),
            ("/.", true),
            ("/tmp", false),
            (".", false),
            ("", false),
        ] {
            assert_eq!(World::new(root).is_machine(), machine, "{root}");
        }
    }

    #[test]
    fn the_run_directory_of_a_tree_stays_in_the_tree() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        assert_eq!(world.run_dir(), tree.path().join("run/picket"));
        symlink("/tmp", tree.path().join("run")).unwrap();
        assert_eq!(world.run_dir(), tree.path().join("tmp/picket"));
    }

    #[test]
    fn systemd_names_the_run_directory_of_the_machine_and_of_no_tree() {
        let tree = tempfile::tempdir().unwrap();
        let own = tree.path().join("run/picket");
        for (root, named, expected) in [
            (Path::new("/"), None, Path::new("/run/picket")),
            (Path::new("/"), Some("/run/other"), Path::new("/run/other")),
            (Path::new("/"), Some("other"), Path::new("/run/picket")),
            (Path::new("/"), Some(""), Path::new("/run/picket")),
            (tree.path(), Some("/run/other"), &own),
            (tree.path(), None, &own),
        ] {
            let found = World::new(root).run_dir_named(named.map(PathBuf::from));
            assert_eq!(found, expected, "{} {named:?}", root.display());
        }
    }

    #[test]
    fn a_fifo_is_garbled_and_never_waited_for() {
        let tree = tempfile::tempdir().unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            tree.path().join("fifo"),
            rustix::fs::Mode::RUSR,
        )
        .unwrap();
        assert_eq!(text(&World::new(tree.path()), "fifo"), Err(Gap::Garbled));
    }

    #[test]
    fn a_root_without_proc_is_no_machine() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        assert!(matches!(world.check(), Err(NotAMachine::NoProc { .. })));
        fs::create_dir(tree.path().join("proc")).unwrap();
        world.check().unwrap();
        let missing = World::new(tree.path().join("missing"));
        assert!(matches!(missing.check(), Err(NotAMachine::NoRoot { .. })));
        World::new("/").check().unwrap();
    }

    fn text(world: &World, path: &str) -> Result<String, Gap> {
        let bytes = world.read(path, 100)?;
        Ok(String::from_utf8(bytes).unwrap())
    }
}
