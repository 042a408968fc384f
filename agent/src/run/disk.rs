//! What a running agent wants of the disk: the configuration and `allowed_signers` read again, and the saved spool deleted or
//! written. The disk can be on a server that doesn't answer for hours, so nothing here waits for it but threads: one that reads
//! and one that writes, each only while there is something to do. It doesn't know what the answers mean.
use std::{io, path::Path, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    reload::{Files, Reread},
    spool_file,
};
use crate::{
    clock,
    errand::{Errand, News},
};

/// How long the disk may take before it counts as hanging.
pub(super) const MOST: Duration = Duration::from_secs(5);
/// Reading the configuration takes a parser.
const READING_STACK: usize = 256 * 1024;
const WRITING_STACK: usize = 64 * 1024;

/// What the disk has to say.
#[derive(Debug)]
pub enum DiskEvent {
    /// The configuration and `allowed_signers` were read again.
    Reread(Box<Reread>),
    /// They were not read in time. [`DiskEvent::Reread`] follows some day, or never.
    RereadHangs,
    /// The saved spool is deleted, or can't be.
    Deleted(io::Result<()>),
    /// It was not deleted in time. [`DiskEvent::Deleted`] follows some day, or never.
    DeletionHangs,
}

/// The disk, as the owner loop sees it.
#[derive(Debug)]
pub(super) struct Disk {
    reading: Errand<Reread>,
    /// What is to be read once the reading before has come back: what that brings may be older than the wish.
    again: Option<Files>,
    writing: Errand<io::Result<()>>,
    clock: Errand<()>,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self {
            reading: Errand::new("settings", READING_STACK),
            again: None,
            writing: Errand::new("spool", WRITING_STACK),
            clock: Errand::new("clock", WRITING_STACK),
        }
    }

    /// Reads those files. One of [`DiskEvent::Reread`] and [`DiskEvent::RereadHangs`] follows within 5 s, unless a reading before
    /// this one hangs already.
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn read_again(&mut self, files: &Files) -> io::Result<()> {
        let files = files.clone();
        if self.reading.is_out() {
            self.again = Some(files);
            return Ok(());
        }
        self.reading.begin(MOST, move || files.read())
    }

    /// Deletes the saved spool in that directory. One of [`DiskEvent::Deleted`] and [`DiskEvent::DeletionHangs`] follows
    /// within 5 s.
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn delete_spool(&mut self, directory: &Path) -> io::Result<()> {
        let directory = directory.to_owned();
        self.writing
            .begin(MOST, move || spool_file::delete(&directory))
    }

    /// Keeps a good time in that directory, for which nobody waits.
    ///
    /// # Errors
    /// No thread can be had, or the one before still writes.
    pub(super) fn keep_time(&mut self, directory: &Path, unix_s: i64) -> io::Result<()> {
        let directory = directory.to_owned();
        self.clock.begin(MOST, move || {
            if let Err(error) = clock::certificates::keep(&directory, unix_s) {
                tracing::debug!("the good time can't be kept: {error}");
            }
        })
    }

    /// The next event; none comes as long as nothing is wanted. Cancel-safe.
    pub(super) async fn event(&mut self) -> DiskEvent {
        loop {
            tokio::select! {
                biased;
                // Cancel-safe: it says so.
                news = self.reading.news() => match (news, self.again.take()) {
                    (News::Back(_), Some(files)) if self.read_again(&files).is_ok() => {}
                    (News::Back(reread), _) => return DiskEvent::Reread(Box::new(reread)),
                    (News::Overdue, again) => {
                        self.again = again;
                        return DiskEvent::RereadHangs;
                    }
                },
                // Cancel-safe: it says so.
                news = self.writing.news() => return match news {
                    News::Back(deleted) => DiskEvent::Deleted(deleted),
                    News::Overdue => DiskEvent::DeletionHangs,
                },
            }
        }
    }

    /// Writes the spool to that directory, for which it waits 5 s at most. A write that takes longer ends with the process.
    ///
    /// # Errors
    /// The disk doesn't answer, or whatever it says.
    pub(super) async fn save_spool(&mut self, directory: &Path, image: Vec<u8>) -> io::Result<()> {
        let deadline = Instant::now() + MOST;
        // What is under way is a deletion, which must not come after.
        while self.writing.is_out() {
            in_time(deadline, self.writing.news()).await?;
        }
        let directory = directory.to_owned();
        self.writing
            .begin(MOST, move || spool_file::save(&directory, &image))?;
        match in_time(deadline, self.writing.news()).await? {
            News::Back(saved) => saved,
            News::Overdue => Err(hangs()),
        }
    }
}

async fn in_time<T>(deadline: Instant, news: impl Future<Output = T>) -> io::Result<T> {
    timeout_at(deadline, news).await.map_err(|_| hangs())
}

/// What is said of a disk that hangs.
pub(super) fn hangs() -> io::Error {
    let words = format!("the disk has not answered for {} s", MOST.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, words)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_is_saved_comes_after_a_deletion_or_not_at_all() {
        let state = tempfile::tempdir().unwrap();
        let spool = || spool_file::read(state.path(), 10).unwrap();
        let mut disk = Disk::new();
        let (go_on, gate) = mpsc::channel();
        let deletion = move || gate.recv().map_err(io::Error::other);
        disk.writing.begin(MOST, deletion).unwrap();
        tokio::time::pause();
        let start = Instant::now();
        let error = disk.save_spool(state.path(), b"image".to_vec()).await;
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), MOST.as_secs());
        assert_eq!(spool(), None);
        // From here on the thread answers, which a clock that jumps doesn't wait for.
        tokio::time::resume();
        go_on.send(()).unwrap();
        disk.save_spool(state.path(), b"image".to_vec())
            .await
            .unwrap();
        assert_eq!(spool().unwrap(), b"image");
    }
}
