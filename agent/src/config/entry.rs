//! What was written for a key, where, and how a part takes its value: the kernel command line beats the file, the file
//! beats the default. It doesn't know what any key means.
use std::{fmt, fs::File, os::unix::fs::OpenOptionsExt, path::PathBuf};

use rustix::fs::OFlags;

use super::{
    Effective,
    key::{self, Key, Kind},
};
use crate::world::{OnDisk, World};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere.
    Default,
    /// In the file.
    File {
        /// Its path.
        name: String,
        /// Counted from 1; 0 means the whole file.
        line: usize,
    },
    /// As `picket.KEY=VALUE`.
    KernelCommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line: 0 } => f.write_str(name),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::KernelCommandLine => f.write_str("kernel command line"),
        }
    }
}

/// Something wrong: where, what, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong, with the key, the value and the way out.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.what)
    }
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A list of integers.
    Integers(Vec<i64>),
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Integers(numbers) => write!(f, "{numbers:?}"),
        }
    }
}

impl Raw {
    /// The value in the one line that the kernel command line has for it.
    pub(super) fn from_line(kind: Kind, text: &str) -> Result<Self, String> {
        let integer = |text: &str| {
            text.trim()
                .parse::<i64>()
                .map_err(|_| format!("{text:?} is not an integer"))
        };
        match kind {
            Kind::Text => Ok(Self::Text(text.to_owned())),
            Kind::Integer => integer(text).map(Self::Integer),
            Kind::Integers if text.is_empty() => Ok(Self::Integers(Vec::new())),
            Kind::Integers => text
                .split(',')
                .map(integer)
                .collect::<Result<_, _>>()
                .map(Self::Integers),
        }
    }

    /// The text.
    ///
    /// # Errors
    /// It is no string.
    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err("write a string in quotes".to_owned()),
        }
    }
}

/// A key with what was written for it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: &'static Key,
    pub(super) value: Raw,
    pub(super) origin: Origin,
}

/// Hands out values by key and keeps what is wrong with them.
pub(super) struct Reader {
    entries: Vec<Entry>,
    world: World,
    read: Read,
}

/// What reading gave.
#[derive(Default)]
pub(super) struct Read {
    pub(super) effective: Vec<Effective>,
    /// Values that are wrong by themselves.
    pub(super) problems: Vec<Problem>,
    /// Values that are wrong together.
    pub(super) conflicts: Vec<Problem>,
}

impl Reader {
    /// `entries` in ascending precedence.
    pub(super) fn new(entries: Vec<Entry>, world: &World) -> Self {
        Self {
            entries,
            world: world.clone(),
            read: Read::default(),
        }
    }

    /// The value of a key that has a default.
    pub(super) fn take<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&Raw) -> Result<T, String>,
    ) -> T {
        if let Some(value) = self.take_optional(name, &parse) {
            return value;
        }
        let key = key::find(name).expect("parts ask for keys of the table");
        let text = key
            .default
            .expect("an optional key is taken with take_optional");
        let raw = Raw::from_line(key.kind, text).expect("defaults are of their key's kind");
        let value = parse(&raw).expect("defaults are valid");
        let at = self
            .read
            .effective
            .last_mut()
            .expect("take_optional notes every key");
        at.value = Some(raw.to_string());
        value
    }

    /// The value of a key, or `None` if nothing valid was written for it.
    pub(super) fn take_optional<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&Raw) -> Result<T, String>,
    ) -> Option<T> {
        let mut effective = Effective {
            key: name.to_owned(),
            value: None,
            origin: Origin::Default,
        };
        let mut found = None;
        for entry in self
            .entries
            .iter()
            .rev()
            .filter(|entry| entry.key.name == name)
        {
            match parse(&entry.value) {
                Ok(value) => {
                    effective.value = Some(entry.value.to_string());
                    effective.origin = entry.origin.clone();
                    found = Some(value);
                    break;
                }
                Err(why) => self.read.problems.push(Problem {
                    origin: entry.origin.clone(),
                    what: format!("`{name}` = {}: {why}", entry.value),
                }),
            }
        }
        self.read.effective.push(effective);
        found
    }

    /// The path in the value of a key: a regular file that can be opened.
    pub(super) fn take_file(&mut self, name: &'static str) -> Option<PathBuf> {
        let world = self.world.clone();
        self.take_optional(name, |raw| {
            let path = PathBuf::from(raw.text()?);
            readable(&world.on_disk(&path)).map(|()| path)
        })
    }

    /// Notes a value that isn't from the table of keys.
    pub(super) fn note(&mut self, effective: Effective) {
        self.read.effective.push(effective);
    }

    /// Notes that the value in force of `name` doesn't go with the others.
    pub(super) fn blame(&mut self, name: &str, what: String) {
        let origin = self
            .read
            .effective
            .iter()
            .find(|effective| effective.key == name)
            .map_or(Origin::Default, |effective| effective.origin.clone());
        self.read.conflicts.push(Problem { origin, what });
    }

    /// Notes a problem.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.read.problems.push(problem);
    }

    pub(super) fn finish(self) -> Read {
        self.read
    }
}

fn readable(path: &OnDisk) -> Result<(), String> {
    // Opening a pipe would wait for its other end.
    let flags = OFlags::NONBLOCK.bits() as i32;
    let opened = File::options().read(true).custom_flags(flags).open(path);
    match opened.and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err("it is no regular file; name a file that picketd can read".to_owned()),
        Err(error) => Err(format!("{error}; name a file that picketd can read")),
    }
}
