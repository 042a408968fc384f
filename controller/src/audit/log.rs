//! The file of the audit log, open for appending. Of what it has not written itself it reads one thing: whether another picket
//! goes on with its operation.
//!
//! Several pickets may append to one file: each takes its lock for one line, and makes that durable before the next thing is done.
//!
//! Safety-order: of one operation only the picket that began or resumed it last may append. It begins, then reads what the others
//! have signed, and they sign nothing more: so all know the same first boot of a Pi.
use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufReader, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use picket_proto::OperationId;
use rustix::fs::{FlockOperation, flock};

use super::{Entry, Line, read::lines};
use crate::claim;

/// The audit log, open for appending.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    /// Where the last line ends that was appended here.
    end: Option<u64>,
}

/// Another picket goes on with the operation; marks an error.
#[derive(Debug)]
pub struct TakenOver {
    operation: OperationId,
    /// USER@HOST that ran it.
    by: String,
}

impl fmt::Display for TakenOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operation, by) = (self.operation, claim::escape(&self.by));
        write!(
            f,
            "another picket of {by} goes on with it, so nothing more is sent from here; `picket ops {operation}` tells how it stands"
        )
    }
}

impl std::error::Error for TakenOver {}

impl Log {
    /// Opens the log; makes it, and the folders that it lies in, when there is none.
    ///
    /// # Errors
    /// It is no regular file, or can't be made or opened; the message names the file and the way out.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = open(path).with_context(|| {
            let path = path.display();
            format!("nothing is ordered without an audit log, and {path} (--audit) can't be opened")
        })?;
        Ok(Self {
            file: opened,
            path: path.to_owned(),
            end: None,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the line; it is durable when this returns.
    ///
    /// # Errors
    /// The disk is full or broken: then the line isn't there, or is torn, and what it tells must not be done. Or [`TakenOver`],
    /// and the same holds.
    pub fn append(&mut self, line: &Line) -> Result<()> {
        let mut text = claim::json_line(line)?;
        text.push('\n');
        let appended = self.locked(line.operation, text.as_bytes());
        let taken_over = appended.with_context(|| {
            let path = self.path.display();
            format!("the audit log {path} can't be written, so nothing more is sent")
        })?;
        taken_over.map_or(Ok(()), |by| Err(by.into()))
    }

    fn locked(&mut self, operation: OperationId, line: &[u8]) -> io::Result<Option<TakenOver>> {
        flock(&self.file, FlockOperation::LockExclusive)?;
        let appended = self.write(operation, line);
        let unlocked = flock(&self.file, FlockOperation::Unlock);
        unlocked.map_err(io::Error::from).and(appended)
    }

    fn write(&mut self, operation: OperationId, line: &[u8]) -> io::Result<Option<TakenOver>> {
        let taken_over = self.taken_over(operation)?;
        if taken_over.is_none() {
            self.end = Some(write(&self.file, line)?);
        }
        Ok(taken_over)
    }

    /// Who began or resumed it since the last line of ours.
    fn taken_over(&self, operation: OperationId) -> io::Result<Option<TakenOver>> {
        let Some(end) = self.end else {
            return Ok(None);
        };
        let mut newest = None;
        let mut file = &self.file;
        file.seek(SeekFrom::Start(end))?;
        // What can't be read is told by whoever reads the log; it is not ours to judge here.
        lines(BufReader::new(file), |line| match line.entry {
            _ if line.operation != operation => {}
            Entry::Ordered(ordered) => newest = Some(ordered.by),
            Entry::Resumed(resumed) => newest = Some(resumed.by),
            _ => {}
        })?;
        Ok(newest.map(|by| TakenOver { operation, by }))
    }
}

fn open(path: &Path) -> Result<File> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("the folder {} can't be made", folder.display()))?;
    }
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        bail!("it is no regular file");
    }
    let is_new = !path.exists();
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if is_new {
        file.sync_all()?;
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(file)
}

/// One write of the whole line; returns where it ends. What a full disk took of it is taken back; if that can't be done either, the next writer ends
/// that line before its own.
fn write(mut file: &File, line: &[u8]) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let line = match ends_torn(file, length)? {
        true => [b"\n", line].concat(),
        false => line.to_vec(),
    };
    let written = match file.write(&line) {
        Ok(written) if written == line.len() => file.sync_data(),
        Ok(_) => Err(io::ErrorKind::StorageFull.into()),
        Err(error) => Err(error),
    };
    if written.is_err() {
        // Best effort: a torn line is told by whoever reads it.
        let _ = file.set_len(length);
    }
    written.map(|()| length + line.len() as u64)
}

fn ends_torn(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Halted, Resumed};

    #[test]
    fn a_full_disk_is_an_error_that_says_so() {
        let full = OpenOptions::new().read(true).append(true).open("/dev/full");
        let mut log = Log {
            file: full.unwrap(),
            path: "/dev/full".into(),
            end: None,
        };
        let line = Line::new(
            jiff::Timestamp::UNIX_EPOCH,
            OperationId([0; 16]),
            crate::audit::Ended { exit: 0 },
        );
        let error = format!("{:#}", log.append(&line).unwrap_err());
        assert!(
            error.contains("/dev/full") && error.contains("No space left on device"),
            "{error}"
        );
    }

    #[test]
    fn of_one_operation_only_the_picket_that_began_last_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let line = |operation, entry: Entry| {
            Line::new(
                jiff::Timestamp::UNIX_EPOCH,
                OperationId([operation; 16]),
                entry,
            )
        };
        let resumed = |operation| {
            let by = "bert@\u{1b}laptop".to_owned();
            let actor = String::new();
            line(operation, Resumed { by, actor }.into())
        };
        let halted = || line(1, Halted { why: String::new() }.into());
        let mut older = Log::open(&path).unwrap();
        older.append(&resumed(1)).unwrap();
        older
            .append(&resumed(1))
            .expect("its own lines are none of another's");
        let mut other = Log::open(&path).unwrap();
        other.append(&resumed(2)).unwrap();
        older.append(&halted()).expect("that is another operation");
        let mut newer = Log::open(&path).unwrap();
        newer.append(&resumed(1)).unwrap();
        newer.append(&halted()).unwrap();
        let length = fs::metadata(&path).unwrap().len();
        for _ in 0..2 {
            let error = older.append(&halted()).unwrap_err();
            assert!(error.is::<TakenOver>(), "{error:#}");
            let words = error.to_string();
            assert!(words.contains("bert@\\u{1b}laptop goes on"), "{words}");
        }
        assert_eq!(fs::metadata(&path).unwrap().len(), length);
        newer.append(&halted()).unwrap();
    }
}
