//! The register: what the authority did, a JSON object a line, only ever appended to. What is valid follows from it. It holds
//! hashes and serial numbers, no secret.
use std::{collections::BTreeMap, fmt, io::Write, path::Path};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Credential, appending, files};

/// Its name in the authority's folder.
pub(super) const FILE: &str = "register.jsonl";

/// What somebody may do at the broker.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A Pi: its own topics
    #[value(skip)]
    Pi,
    /// Receives what all Pis say, and confirms it
    Collector,
    /// Asks and commands all Pis, and receives what they say
    Operator,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pi => "pi",
            Self::Collector => "collector",
            Self::Operator => "operator",
        })
    }
}

/// Valid credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Of whom.
    pub role: Role,
    /// Which.
    pub login: Login,
}

/// By what somebody is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// The hash of a password, as Mosquitto writes it.
    Password(String),
    /// The serial number of a certificate, in hex digits.
    Certificate(String),
}

/// What the authority did.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// It was made.
    Begun {
        /// Its name in certificates.
        name: String,
        /// How its clients say who they are.
        credential: Credential,
    },
    /// It has a new key of that number, and trusts those before.
    Renewed(u32),
    /// It trusts no key before that number.
    Retired(u32),
    /// It gave credentials to that name.
    Given(String, Given),
    /// It took those of that name back.
    Revoked(String),
}

/// A line.
#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    time: Timestamp,
    entry: Entry,
}

/// What is valid.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) name: String,
    pub(super) credential: Credential,
    pub(super) given: BTreeMap<String, Given>,
    /// Serial numbers, and when they were revoked.
    pub(super) revoked: Vec<(String, Timestamp)>,
    /// The numbers of the keys that are trusted, ascending.
    pub(super) trusted: Vec<u32>,
}

impl Default for Register {
    fn default() -> Self {
        Self {
            name: String::new(),
            credential: Credential::Password,
            given: BTreeMap::new(),
            revoked: Vec::new(),
            trusted: Vec::new(),
        }
    }
}

impl Register {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let mut register = Self::default();
        let text = files::read(&path)?;
        for (number, text) in text.lines().enumerate() {
            let place = || format!("{}:{}", path.display(), number + 1);
            let line: Line = serde_json::from_str(text).with_context(|| {
                format!("{} can't be read; it decides who is let in, so nothing goes on without it: mend it by hand, or restore it", place())
            })?;
            ensure!(
                line.v == 1,
                "{} is of a newer picket; use that one",
                place()
            );
            register.take(line.entry, line.time);
        }
        if register.trusted.is_empty() {
            bail!("{} names no key; begin again", path.display());
        }
        Ok(register)
    }

    /// The number of the newest key; 0 if there is none yet.
    pub(super) fn newest(&self) -> u32 {
        self.trusted.last().copied().unwrap_or(0)
    }

    /// Makes it durable, then takes it in.
    pub(super) fn append(&mut self, folder: &Path, entry: Entry) -> Result<()> {
        let path = folder.join(FILE);
        let time = Timestamp::now();
        let line = Line { v: 1, time, entry };
        let text = serde_json::to_string(&line)? + "\n";
        let put = || {
            let mut file = appending(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        put().with_context(|| format!("{} can't be written", path.display()))?;
        self.take(line.entry, time);
        Ok(())
    }

    fn take(&mut self, entry: Entry, time: Timestamp) {
        match entry {
            Entry::Begun { name, credential } => (self.name, self.credential) = (name, credential),
            Entry::Renewed(number) => self.trusted.push(number),
            Entry::Retired(number) => self.trusted.retain(|trusted| *trusted >= number),
            Entry::Given(name, given) => {
                let before = self.given.insert(name, given);
                self.gone(before, time);
            }
            Entry::Revoked(name) => {
                let before = self.given.remove(&name);
                self.gone(before, time);
            }
        }
    }

    fn gone(&mut self, given: Option<Given>, time: Timestamp) {
        if let Some(Given {
            login: Login::Certificate(serial),
            ..
        }) = given
        {
            self.revoked.push((serial, time));
        }
    }
}
