//! What must survive a restart of the agent and not a reboot: numbering, in one record of fixed size on tmpfs
//! (`run/picket/state`), and the lock that keeps a second agent off the same machine. It doesn't know what is numbered.
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use picket_proto::BootId;
use rustix::fs::{FlockOperation, OFlags, flock};

use crate::telemetry::Resume;

const MAGIC: [u8; 8] = *b"picket\x00\x01";
/// Magic, boot id, six counters of telemetry, the connection number, checksum.
const RECORD: usize = 8 + 16 + 6 * 8 + 4 + 8;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// How far telemetry has come.
    pub resume: Resume,
    /// The number of the last connection.
    pub connection: u32,
}

/// The run directory, locked.
#[derive(Debug)]
pub struct RuntimeState {
    boot: BootId,
    state: File,
    _lock: File,
}

/// Why the run directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// It can't be made.
    #[error("can't make the run directory {}; start picketd as root, or with RuntimeDirectory=picket and RuntimeDirectoryPreserve=yes", path.display())]
    Directory {
        /// The run directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file in it can't be opened.
    #[error("can't open {} for writing; start picketd as root, or with RuntimeDirectory=picket and RuntimeDirectoryPreserve=yes", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another agent runs.
    #[error("another picketd (pid {pid}) runs on this machine and holds {}; stop that one first", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as it wrote.
        pid: String,
    },
    /// The lock can't be taken for another reason.
    #[error("can't lock {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RuntimeState {
    /// Takes the lock and reads what a predecessor in the same boot left; anything else counts as a first start.
    ///
    /// # Errors
    /// The directory or its files can't be written, or another agent holds the lock.
    pub fn open(directory: &Path, boot: BootId) -> Result<(Self, Progress), RuntimeError> {
        if !directory.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(directory)
                .map_err(|source| RuntimeError::Directory {
                    path: directory.to_owned(),
                    source,
                })?;
        }
        let lock = lock(&directory.join("lock"))?;
        let mut state = open(&directory.join("state"))?;
        let mut record = Vec::with_capacity(RECORD + 1);
        // A record that can't be read counts as none.
        let _ = Read::by_ref(&mut state)
            .take(RECORD as u64 + 1)
            .read_to_end(&mut record);
        let progress = parse(&record, boot).unwrap_or_default();
        let state = Self {
            boot,
            state,
            _lock: lock,
        };
        Ok((state, progress))
    }

    /// Writes the record: one system call.
    ///
    /// # Errors
    /// The write failed, or wrote less.
    pub fn write(&self, progress: &Progress) -> io::Result<()> {
        let record = format(progress, self.boot);
        match self.state.write_at(&record, 0)? {
            RECORD => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}

fn lock(path: &Path) -> Result<File, RuntimeError> {
    let mut file = open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::AGAIN) => {
            let pid = fs::read_to_string(path)
                .unwrap_or_default()
                .trim()
                .to_owned();
            return Err(RuntimeError::Locked {
                path: path.to_owned(),
                pid,
            });
        }
        Err(error) => {
            return Err(RuntimeError::Lock {
                path: path.to_owned(),
                source: error.into(),
            });
        }
    }
    // The pid is for people; the lock is what counts.
    let _ = file
        .set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

fn open(path: &Path) -> Result<File, RuntimeError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path)
        .map_err(|source| RuntimeError::Open {
            path: path.to_owned(),
            source,
        })
}

fn format(progress: &Progress, boot: BootId) -> [u8; RECORD] {
    let resume = &progress.resume;
    let mut record = Vec::with_capacity(RECORD);
    record.extend(MAGIC);
    record.extend(boot.0);
    for counter in [
        resume.next_tick,
        resume.settled,
        resume.lost,
        resume.next_event,
        resume.events_settled,
        resume.events_lost,
    ] {
        record.extend(counter.to_le_bytes());
    }
    record.extend(progress.connection.to_le_bytes());
    record.extend(checksum(&record).to_le_bytes());
    record.try_into().expect("the parts add up to RECORD")
}

/// The record of that boot; `None` for one of another boot and for anything else.
fn parse(record: &[u8], boot: BootId) -> Option<Progress> {
    if record.len() != RECORD {
        return None;
    }
    let (body, sum) = record.split_at(RECORD - 8);
    if checksum(body).to_le_bytes() != sum || body[..8] != MAGIC || body[8..24] != boot.0 {
        return None;
    }
    let counter = |n: usize| {
        let at = 24 + 8 * n;
        u64::from_le_bytes(body[at..at + 8].try_into().expect("8 bytes"))
    };
    Some(Progress {
        resume: Resume {
            next_tick: counter(0),
            settled: counter(1),
            lost: counter(2),
            next_event: counter(3),
            events_settled: counter(4),
            events_lost: counter(5),
        },
        connection: u32::from_le_bytes(body[72..76].try_into().expect("4 bytes")),
    })
}

/// FNV-1a, 64 bits: against torn and foreign files, not against forgery.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootId = BootId([7; 16]);

    #[test]
    fn a_restart_in_the_same_boot_goes_on_where_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("run/picket");
        let (state, progress) = RuntimeState::open(&run, BOOT).unwrap();
        assert_eq!(progress, Progress::default());
        state.write(&some()).unwrap();
        drop(state);
        let (state, progress) = RuntimeState::open(&run, BOOT).unwrap();
        assert_eq!(progress, some());
        drop(state);
        let (_, progress) = RuntimeState::open(&run, BootId([8; 16])).unwrap();
        assert_eq!(progress, Progress::default());
    }

    #[test]
    fn a_second_agent_is_told_who_runs() {
        let directory = tempfile::tempdir().unwrap();
        let _first = RuntimeState::open(directory.path(), BOOT).unwrap();
        let error = RuntimeState::open(directory.path(), BOOT).unwrap_err();
        let expected = format!("(pid {})", std::process::id());
        assert!(error.to_string().contains(&expected), "{error}");
    }

    #[test]
    fn garbage_of_any_kind_counts_as_a_first_start() {
        let good = format(&some(), BOOT);
        assert_eq!(parse(&good, BOOT), Some(some()));
        for len in 0..RECORD {
            assert_eq!(parse(&good[..len], BOOT), None, "cut at {len}");
        }
        for at in 0..RECORD {
            let mut bad = good;
            bad[at] ^= 0x10;
            assert_eq!(parse(&bad, BOOT), None, "flipped at {at}");
        }
        assert_eq!(parse(&[&good[..], &[0]].concat(), BOOT), None);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named_with_the_way_out() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = RuntimeState::open(&file.join("run"), BOOT)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("file/run") && error.contains("RuntimeDirectory="),
            "{error}"
        );
    }

    fn some() -> Progress {
        Progress {
            resume: Resume {
                next_tick: 40,
                settled: 30,
                lost: 3,
                next_event: 5,
                events_settled: 4,
                events_lost: 1,
            },
            connection: 9,
        }
    }
}
