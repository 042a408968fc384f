//! The file of the audit log, open for appending. It never reads what it has written.
//!
//! Several pickets may append to one file: each takes its lock for one line, and makes that durable before the next thing is done.
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};

use super::Line;
use crate::claim;

/// The audit log, open for appending.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
}

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
    /// The disk is full or broken: then the line isn't there, or is torn, and what it tells must not be done.
    pub fn append(&mut self, line: &Line) -> Result<()> {
        let mut text = claim::json_line(line)?;
        text.push('\n');
        self.locked(text.as_bytes()).with_context(|| {
            let path = self.path.display();
            format!("the audit log {path} can't be written, so nothing more is sent")
        })
    }

    fn locked(&self, line: &[u8]) -> io::Result<()> {
        flock(&self.file, FlockOperation::LockExclusive)?;
        let written = write(&self.file, line);
        let unlocked = flock(&self.file, FlockOperation::Unlock);
        written.and(unlocked.map_err(io::Error::from))
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

/// One write of the whole line. What a full disk took of it is taken back; if that can't be done either, the next writer ends
/// that line before its own.
fn write(mut file: &File, line: &[u8]) -> io::Result<()> {
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
    written
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

    #[test]
    fn a_full_disk_is_an_error_that_says_so() {
        let full = OpenOptions::new().read(true).append(true).open("/dev/full");
        let mut log = Log {
            file: full.unwrap(),
            path: "/dev/full".into(),
        };
        let line = Line::new(
            jiff::Timestamp::UNIX_EPOCH,
            picket_proto::OperationId([0; 16]),
            crate::audit::Ended { exit: 0 },
        );
        let error = format!("{:#}", log.append(&line).unwrap_err());
        assert!(
            error.contains("/dev/full") && error.contains("No space left on device"),
            "{error}"
        );
    }
}
