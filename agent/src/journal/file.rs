//! The journal's file in the state directory: opened, made, set aside, and overwritten in place. Everything here may wait for the
//! disk for ever, so only the writer's thread calls it. What the bytes mean is in `format`.
//!
//! The file is made whole under another name before it gets its own, and all of it is really written: from then on a write needs no
//! more room, so it works on a full export. (Not where every write goes to a new place, as on btrfs and ZFS.)
use std::{
    cell::Cell,
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{FileExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use picket_proto::DeviceId;
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

use super::{
    Problem, Record,
    format::{self, BLOCK, Held, SIZE, Unreadable, place},
    writer::{Disk, Found, Unwritten},
};
use crate::world::OnDisk;

/// So many journals are kept aside at most, of each kind.
const MOST_KEPT: usize = 16;

/// A journal on a disk.
#[derive(Debug)]
pub(super) struct JournalFile {
    directory: OnDisk,
    device: DeviceId,
    open: Option<Open>,
    /// What a block held before a write that perhaps counts, and where it is.
    owed: Option<(usize, Vec<u8>)>,
    /// What the kernel said to the last opening or write.
    said: Cell<Option<i32>>,
}

#[derive(Debug)]
struct Open {
    /// A descriptor by which nothing can be read or written, so that between two writes the disk's server owes this process nothing:
    /// one that was started again may refuse to know what was open.
    place: OwnedFd,
    /// What the file holds.
    blocks: Vec<u8>,
    /// The generation that counts.
    generation: u64,
}

impl JournalFile {
    /// The journal of that device in that directory. Nothing is touched yet.
    pub(super) fn new(directory: impl Into<OnDisk>, device: DeviceId) -> Self {
        Self {
            directory: directory.into(),
            device,
            open: None,
            owed: None,
            said: Cell::new(None),
        }
    }

    fn path(&self) -> OnDisk {
        self.directory.join("journal")
    }

    fn unusable(&self, error: &io::Error) -> Problem {
        self.said.set(error.raw_os_error());
        let error = match self.directory.is_dir() {
            true => error.to_string(),
            false => {
                format!("{error}: the state directory is not there; make it, or set state_dir")
            }
        };
        Problem::Unusable {
            path: self.path().display().to_string(),
            error,
        }
    }

    fn use_file(&mut self, place: OwnedFd, bytes: Vec<u8>, held: Held) -> Found {
        if held.torn {
            tracing::info!("a write of the journal was cut short; the record before it counts");
        }
        self.open = Some(Open {
            place,
            blocks: bytes,
            generation: held.generation,
        });
        Found {
            record: Some(held.record),
            problem: None,
        }
    }

    /// A new journal; `problem` is what happened to the one before.
    fn make(&mut self, problem: Option<Problem>) -> Found {
        match self.try_make() {
            Ok(open) => {
                self.open = Some(open);
                Found {
                    record: None,
                    problem,
                }
            }
            Err(error) => {
                let unusable = self.unusable(&error);
                if let Some(problem) = problem {
                    tracing::error!("{problem}");
                }
                Found::problem(unusable)
            }
        }
    }

    fn try_make(&self) -> io::Result<Open> {
        let blocks = blank(self.device);
        let temporary = self.directory.join("journal.new");
        // What a crash left of an attempt before.
        let _ = fs::remove_file(&temporary);
        let made = make_file(&temporary, &blocks)
            .and_then(|file| fs::rename(&temporary, self.path()).map(|()| file));
        let file = made.inspect_err(|_| drop(fs::remove_file(&temporary)))?;
        sync_directory(&self.directory)?;
        Ok(Open {
            place: place_of(&file)?,
            blocks,
            generation: 1,
        })
    }

    /// Gives a journal that can't be used another name, so that nothing of it is lost.
    fn set_aside(&mut self, unreadable: &Unreadable) -> Found {
        let kind = match unreadable {
            Unreadable::Corrupt(_) => "corrupt",
            Unreadable::Foreign(_) => "foreign",
        };
        let (path, why) = (self.path(), unreadable.to_string());
        let shown = path.display().to_string();
        match keep(&self.directory, &path, kind) {
            Ok(kept) => self.make(Some(Problem::KeptAside {
                path: shown,
                why,
                kept: kept.display().to_string(),
            })),
            Err(error) => Found::problem(Problem::Stuck {
                path: shown,
                why,
                error: error.to_string(),
            }),
        }
    }

    fn not_read(&mut self, error: &io::Error) -> Found {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOENT) if self.directory.is_dir() => self.make(None),
            Some(Errno::ROFS | Errno::ACCESS | Errno::PERM) => self.read_only(error),
            // A symlink, a directory, a socket.
            Some(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => self.set_aside(&not_regular()),
            _ => Found::problem(self.unusable(error)),
        }
    }

    /// A journal that can be read and not written: what it holds counts.
    fn read_only(&self, error: &io::Error) -> Found {
        let held = open(&self.path(), OpenOptions::new().read(true))
            .and_then(|file| read(&file))
            .ok()
            .and_then(|bytes| format::read(&bytes.ok()?, self.device).ok());
        Found {
            record: held.map(|held| held.record),
            problem: Some(self.unusable(error)),
        }
    }
}

impl Disk for JournalFile {
    fn open(&mut self) -> Found {
        self.open = None;
        self.said.set(None);
        let opened = open(&self.path(), OpenOptions::new().read(true).write(true));
        let looked = opened.and_then(|file| Ok((place_of(&file)?, read(&file)?)));
        let (place, bytes) = match looked {
            Ok(read) => read,
            Err(error) => return self.not_read(&error),
        };
        let found = bytes.and_then(|bytes| Ok((format::read(&bytes, self.device)?, bytes)));
        match found {
            Ok((held, bytes)) => self.use_file(place, bytes, held),
            Err(unreadable) => self.set_aside(&unreadable),
        }
    }

    fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn write(&mut self, record: &Record) -> Result<(), Unwritten> {
        let path = self.path();
        let open = self.open.as_mut().expect("the writer opens it before");
        let generation = open.generation + 1;
        let block = format::write(record, generation, self.device)
            .map_err(|error| Unwritten::Not(error.to_owned()))?;
        let at = place(generation);
        let Err(error) = overwrite(reopen(&open.place), &block, at) else {
            open.blocks[at..at + BLOCK].copy_from_slice(&block);
            open.generation = generation;
            self.said.set(None);
            return Ok(());
        };
        self.said.set(error.raw_os_error());
        // What is on the disk now isn't known, and must not count after a restart: the block gets back what it held.
        let before = open.blocks[at..at + BLOCK].to_vec();
        let undone = overwrite(reopen(&open.place), &before, at).is_ok();
        let words = format!("can't write the journal {}: {error}", path.display());
        if !undone {
            self.open = None;
        }
        match error {
            NotDurable::Sync(_) if !undone => {
                self.owed = Some((at, before));
                Err(Unwritten::Perhaps(words))
            }
            // A block that was not written whole counts for nothing.
            NotDurable::Sync(_) | NotDurable::Write(_) => Err(Unwritten::Not(words)),
        }
    }

    fn said(&self) -> Option<Errno> {
        self.said.get().map(Errno::from_raw_os_error)
    }

    fn take_back(&mut self) -> bool {
        let Some((at, before)) = &self.owed else {
            return true;
        };
        let file = open(&self.path(), OpenOptions::new().write(true));
        let undone = overwrite(file, before, *at).is_ok();
        if undone {
            self.owed = None;
        }
        undone
    }
}

/// Why a block isn't durable.
#[derive(Debug, thiserror::Error)]
enum NotDurable {
    /// Not all of it was taken.
    #[error("{0}")]
    Write(io::Error),
    /// All of it was taken, and may be on the disk or not.
    #[error("{0}")]
    Sync(io::Error),
}

impl NotDurable {
    fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Write(error) | Self::Sync(error) => error.raw_os_error(),
        }
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path)
}

/// Everything in the file; of one that is too long, one byte more than it may have.
fn read(file: &File) -> io::Result<Result<Vec<u8>, Unreadable>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Err(not_regular()));
    }
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    let mut bytes = vec![0; size.min(SIZE + 1)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(Ok(bytes))
}

fn not_regular() -> Unreadable {
    Unreadable::Corrupt("is no regular file".to_owned())
}

fn make_file(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = open(path, &mut options)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()?;
    Ok(file)
}

/// The file of an open descriptor, wherever its name leads by now.
fn place_of(file: &File) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(rustix::fs::open(by_descriptor(file), flags, Mode::empty())?)
}

fn reopen(place: &OwnedFd) -> io::Result<File> {
    File::options().write(true).open(by_descriptor(place))
}

fn by_descriptor(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn overwrite(file: io::Result<File>, block: &[u8], at: usize) -> Result<(), NotDurable> {
    let file = file.map_err(NotDurable::Write)?;
    file.write_all_at(block, at as u64)
        .map_err(NotDurable::Write)?;
    file.sync_data().map_err(NotDurable::Sync)
}

/// Renames the journal to the first free name.
fn keep(directory: &Path, path: &Path, kind: &str) -> io::Result<PathBuf> {
    let kept = (1..=MOST_KEPT)
        .map(|number| directory.join(format!("journal.{kind}-{number}")))
        .find(|name| fs::symlink_metadata(name).is_err());
    let kept = kept.ok_or_else(|| {
        io::Error::other(format!(
            "there are {MOST_KEPT} files journal.{kind}-N already"
        ))
    })?;
    fs::rename(path, &kept)?;
    sync_directory(directory)?;
    Ok(kept)
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// A journal of the generations 0 and 1 that holds nothing: zeros alone are no journal, since a crash can leave them.
fn blank(device: DeviceId) -> Vec<u8> {
    let block = |generation| {
        format::write(&Record::default(), generation, device).expect("an empty record fits")
    };
    [block(0), block(1)].concat()
}

#[cfg(test)]
mod tests;
