//! The machine, as a directory: every kernel file is found beneath one replaceable root.
//!
//! With the root `/` it is the machine that runs the agent. Any other root is a tree that stands for a machine, and then
//! nothing outside of it is opened, absolute symlinks included. Aboard the lifeboat the machine has two parts: what the kernel
//! and memory hold is at `/`, what the disk holds at `/host`. This file knows paths; what the files mean, it doesn't.
mod on_disk;
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

pub use on_disk::OnDisk;

/// A directory of the kernel with more entries than this is not read further.
const MAX_ENTRIES: usize = 1024;
/// Room for most files, so that one read gets them.
const FIRST_PIECE: usize = 4096;

/// Where the machine's disk is mounted aboard the lifeboat.
pub const HOST: &str = "/host";
/// What the kernel and memory hold, and the lifeboat has of its own.
pub(crate) const IN_MEMORY: [&str; 4] = ["proc", "sys", "dev", "run"];

/// The root beneath which the machine's files lie. Cheap to clone.
#[derive(Debug, Clone)]
pub struct World {
    root: Arc<Path>,
    machine: bool,
    /// Aboard the lifeboat: where the disk is.
    disk: Option<Arc<Disk>>,
}

#[derive(Debug)]
struct Disk {
    root: PathBuf,
    /// Where the process was started, for paths that don't begin at the root.
    started_in: PathBuf,
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
            disk: None,
        }
    }

    /// The machine as it is aboard the lifeboat, of a process that was started in that directory of the disk.
    #[must_use]
    pub fn aboard(started_in: impl Into<PathBuf>) -> Self {
        Self::with_disk(PathBuf::from(HOST), started_in.into())
    }

    fn with_disk(root: PathBuf, started_in: PathBuf) -> Self {
        Self {
            disk: Some(Arc::new(Disk { root, started_in })),
            ..Self::new("/")
        }
    }

    /// True if this is the machine that runs the agent, and not a tree.
    #[must_use]
    pub fn is_machine(&self) -> bool {
        self.machine
    }

    /// True if this is the machine as it is aboard the lifeboat.
    #[must_use]
    pub fn is_aboard(&self) -> bool {
        self.disk.is_some()
    }

    /// The root that was given.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file of the machine's disk that the agent's user named: configuration, keys, state directory. Only of such a path may an
    /// operation wait for the disk, and so may this: aboard the lifeboat it reads symlinks, which then lead to where they would
    /// have without it. A tree has no such files: there they are the machine's that runs the agent.
    #[must_use]
    pub fn on_disk(&self, path: impl AsRef<Path>) -> OnDisk {
        let path = path.as_ref();
        let at = match &self.disk {
            Some(disk) => disk
                .find(&disk.started_in.join(path))
                .unwrap_or_else(|_| beneath(&disk.root, path)),
            None => path.to_owned(),
        };
        OnDisk::new(at, path)
    }

    /// Where the machine's root file system is mounted, as the kernel writes it in mountstats and mountinfo.
    #[must_use]
    pub fn root_mount(&self) -> &'static str {
        match self.disk {
            Some(_) => HOST,
            None => "/",
        }
    }

    /// Where a directory of the machine is mounted, as the kernel writes it. `path` has no leading slash.
    #[must_use]
    pub fn mount_point(&self, path: &str) -> String {
        let root = match self.disk {
            Some(_) if !in_memory(Path::new(path)) => HOST,
            _ => "",
        };
        format!("{root}/{path}")
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
        match (&self.disk, self.machine) {
            (Some(disk), _) => disk.find(Path::new(path)),
            (None, true) => Ok(self.root.join(path.trim_start_matches('/'))),
            (None, false) => resolve::resolve(&self.root, Path::new(path)),
        }
    }
}

impl Disk {
    /// Where a path of the machine is. What leads from the disk to memory, as /var/run does, is taken from memory.
    fn find(&self, path: &Path) -> io::Result<PathBuf> {
        if in_memory(path) {
            return Ok(beneath(Path::new("/"), path));
        }
        let found = resolve::resolve(&self.root, path)?;
        Ok(match found.strip_prefix(&self.root) {
            Ok(path) if in_memory(path) => beneath(Path::new("/"), path),
            _ => found,
        })
    }
}

fn in_memory(path: &Path) -> bool {
    let first = path.components().find(|part| *part != Component::RootDir);
    matches!(first, Some(Component::Normal(name)) if IN_MEMORY.iter().any(|own| name == *own))
}

fn beneath(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
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
mod tests;
