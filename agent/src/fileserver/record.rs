//! What was done to exports, for those who must be able to say it later: lines of JSON, one before and one after, in a file on the
//! file server that only grows. It knows no export.
use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::Content;
use crate::slots::Slot;

/// Where the lines go if nobody says otherwise.
pub const DEFAULT_PATH: &str = "/var/log/picket-slots.jsonl";

/// How far it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing was done yet. A line without a later one tells of an end that nobody could record, as a power cut.
    Begun,
    /// All of it.
    Done,
    /// Not all of it.
    Failed,
}

/// What was done, or attempted, to an export.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// Unix time, in s.
    pub time: u64,
    /// `fill` or `wipe`.
    pub action: &'static str,
    /// How far.
    pub state: State,
    /// The export, as it was named.
    pub export: &'a Path,
    /// The slot; `None`: all of the export.
    #[serde(serialize_with = "slot_name")]
    pub slot: Option<Slot>,
    /// What was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Content>,
    /// What was put there; `None`: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filled: Option<Filled>,
    /// Who did it.
    pub by: Who,
    /// Why not all of it was done; then what was removed may be less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What a slot was filled with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// The image's name in its catalogue.
    pub image: String,
    /// The SHA-256 of the archive: 64 hex digits.
    pub sha256: String,
    /// What was unpacked.
    #[serde(flatten)]
    pub content: Content,
    /// Fingerprints of the new host keys.
    pub host_keys: Vec<String>,
}

/// Who did it, as far as the file server can know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The user's number.
    pub uid: u32,
    /// The name that he logged in with, before sudo(8) if that was used.
    pub login: Option<String>,
    /// The file server.
    pub host: String,
}

impl Who {
    /// Whoever runs this.
    #[must_use]
    pub fn this() -> Self {
        let login = ["SUDO_USER", "LOGNAME", "USER"];
        Self {
            uid: rustix::process::getuid().as_raw(),
            login: login.into_iter().find_map(|name| env::var(name).ok()),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
        }
    }
}

/// A record that can be added to.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    file: std::fs::File,
}

impl Record {
    /// Opens it, before anything is done that it must tell of.
    ///
    /// # Errors
    /// It can't be written to.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line, durably.
    ///
    /// # Errors
    /// It can't be written.
    pub fn add(&mut self, line: &Line<'_>) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes)?;
        self.file.sync_data()
    }
}

fn slot_name<S: serde::Serializer>(slot: &Option<Slot>, serializer: S) -> Result<S::Ok, S::Error> {
    match slot {
        Some(slot) => serializer.serialize_some(slot.name()),
        None => serializer.serialize_none(),
    }
}
