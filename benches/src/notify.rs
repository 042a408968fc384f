//! The service manager's end of `NOTIFY_SOCKET`: says when a contender was executed and when it was ready.
use std::{
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// A socket that is always drained, so that nobody is ever kept waiting by it.
#[derive(Debug)]
pub struct Notifications {
    path: PathBuf,
    heard: Receiver<(Instant, String)>,
}

impl Notifications {
    /// Listens at that path, until the process ends.
    ///
    /// # Errors
    /// The path can't be bound.
    pub fn listen(path: &Path) -> Result<Self> {
        let socket = UnixDatagram::bind(path).with_context(|| path.display().to_string())?;
        let (said, heard) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if said.send((Instant::now(), text)).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            path: path.to_owned(),
            heard,
        })
    }

    /// The socket's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When a message with that line arrived.
    ///
    /// # Errors
    /// It did not within `patience`.
    pub fn wait_for(&self, line: &str, patience: Duration) -> Result<Instant> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (at, text) = self
                .heard
                .recv_timeout(left)
                .with_context(|| format!("no {line} within {patience:?}"))?;
            if text.lines().any(|found| found == line) {
                return Ok(at);
            }
        }
    }
}
