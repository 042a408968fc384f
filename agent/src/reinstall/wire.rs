//! What the agent and the child that installs an image say to one another, as JSON lines: one [`Order`] to the child's standard
//! input, which then stays open, and [`Event`]s from its standard output. It knows neither pipes nor processes.
//!
//! The end of standard input and SIGTERM mean the same: give up, remove what was begun, and end. Every child's last event is
//! [`Event::Staged`], [`Event::Cleaned`] or [`Event::Failed`]; one that ends without them was killed or crashed, and left
//! `slots/<slot>.new` for the next one to remove.
use std::{
    num::NonZeroU8,
    path::{Path, PathBuf},
};

use picket_proto::{DeviceId, OperationId, Reason, image::Digest};
use serde::{Deserialize, Serialize};

use crate::slots::Slot;

/// An event's line is at most this long, in bytes, its end included: `detail` and warnings are cut.
pub const MAX_EVENT: usize = 4096;

/// What the child is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Put an image into the idle slot.
    Install(Box<Install>),
    /// Only remove what a child before may have left: every `slots/*.new` and `slots/*.old`.
    Clean {
        /// The export, as the child's root has it.
        export: PathBuf,
        /// That slot too: it doesn't run, and it isn't booted again.
        #[serde(default, with = "slot::optional")]
        slot: Option<Slot>,
        /// As in [`Install`].
        #[serde(default)]
        lock: Option<PathBuf>,
    },
}

/// An image, and where it is to go. Paths are those of the child's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// The export.
    pub export: PathBuf,
    /// The idle slot: `a` or `b`. That it is idle is looked at again.
    #[serde(with = "slot")]
    pub slot: Slot,
    /// Where the catalogue and the images are.
    pub images: Images,
    /// Authorities of the images' HTTPS server, in PEM; `None`: those of the disk (`/etc/ssl/certs`).
    pub ca: Option<PathBuf>,
    /// Who may sign catalogues: a file of `allowed_signers`.
    pub signers: PathBuf,
    /// The version that the catalogue must at least have.
    pub catalogue_at_least: u64,
    /// The image's name in the catalogue.
    pub image: String,
    /// The digest of its archive.
    pub digest: Digest,
    /// What makes it this Pi's.
    pub personal: Personal,
    /// Remove what is in the idle slot before unpacking, not afterwards: where two slots don't fit.
    pub discard_old: bool,
    /// How many threads write: with fewer it takes longer, and the file server has fewer calls at a time.
    #[serde(default = "writers")]
    pub writers: NonZeroU8,
    /// Read every file back once it is durable, and hold it against the archive.
    #[serde(default)]
    pub read_back: bool,
    /// For which operation.
    pub operation: OperationId,
    /// Whoever holds that file's lock works alone; one that is on its way out still may. `None`: nobody else can be there.
    #[serde(default)]
    pub lock: Option<PathBuf>,
}

/// Where the catalogue and the images are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Images {
    /// In a folder.
    Folder(PathBuf),
    /// Below an `http://` or `https://` URL.
    Url(String),
}

/// What makes an image this Pi's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    /// The hostname; `None`: as it is now.
    pub hostname: Option<String>,
    /// Lines for root's `authorized_keys`.
    pub ssh_keys: Vec<String>,
    /// The Pi.
    pub device_id: DeviceId,
}

/// What the child says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Nothing but that: it is said every 10 s, whatever the child waits for.
    Alive,
    /// A stage begins; those that are done are told when they are.
    Stage {
        /// Which.
        stage: Stage,
    },
    /// How far the stage is; at most one in 2 s.
    Progress(Progress),
    /// Something that doesn't keep the child from going on, in words.
    Warning {
        /// The words.
        text: String,
    },
    /// Done: `slots/<slot>` is whole, personalised and durable. The last event.
    Staged {
        /// The catalogue's version, which no later one may be below.
        catalogue_version: u64,
        /// Fingerprints of the new ssh host keys, as `ssh-keygen -l` writes them.
        host_keys: Vec<String>,
    },
    /// What was left is removed. The last event.
    Cleaned,
    /// Not done; what was begun is removed, and the active slot is as it was. The last event.
    Failed {
        /// Why; [`Reason::Other`] of no other but this version's numbers.
        reason: Reason,
        /// The same in words: what was attempted, and the way out.
        detail: String,
    },
}

/// What the child is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It looks whether anything speaks against it.
    Preflight,
    /// It asks for the image; what comes is unpacked at once.
    Fetching,
    /// The first bytes are there.
    Unpacking,
    /// The image is whole and durable: digest, counts and syncfs agree.
    Sealed,
    /// It has what makes it this Pi's.
    Personalised,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes of the archive that were unpacked.
    pub bytes: u64,
    /// Bytes of the whole archive.
    pub of_bytes: u64,
    /// Entries that were made.
    pub entries: u64,
    /// Entries of the whole archive.
    pub of_entries: u64,
}

impl Event {
    /// Its line, with the end. What people read is cut so that the line has at most [`MAX_EVENT`] bytes.
    #[must_use]
    pub fn line(&self) -> String {
        let mut event = self.clone();
        let mut most = MAX_EVENT;
        loop {
            let line =
                serde_json::to_string(&event).expect("an event has no map and no fallible field");
            let Some(text) = event.words().filter(|_| line.len() >= MAX_EVENT) else {
                return line + "\n";
            };
            // Escapes take more room than what they stand for.
            most /= 2;
            let end = (0..=most.min(text.len()))
                .rev()
                .find(|&end| text.is_char_boundary(end));
            text.truncate(end.unwrap_or(0));
        }
    }

    /// The event of a line, with or without its end.
    ///
    /// # Errors
    /// It is none that this version knows.
    pub fn parse(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }

    /// Whether nothing follows it.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Staged { .. } | Self::Cleaned | Self::Failed { .. }
        )
    }

    fn words(&mut self) -> Option<&mut String> {
        match self {
            Self::Warning { text } => Some(text),
            Self::Failed { detail, .. } => Some(detail),
            _ => None,
        }
    }
}

impl Order {
    /// Its line, with the end.
    #[must_use]
    pub fn line(&self) -> String {
        let line = serde_json::to_string(self).expect("an order's paths come from text");
        line + "\n"
    }

    /// Its lock.
    #[must_use]
    pub fn lock(&self) -> Option<&Path> {
        match self {
            Self::Install(install) => install.lock.as_deref(),
            Self::Clean { lock, .. } => lock.as_deref(),
        }
    }

    /// The order of a line, with or without its end.
    ///
    /// # Errors
    /// It is none that this version knows.
    pub fn parse(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }
}

/// Calls take a round trip each, and those in different folders don't wait for one another. More bring nothing on one connection.
pub const WRITERS: NonZeroU8 = NonZeroU8::new(16).expect("it is more than none");

fn writers() -> NonZeroU8 {
    WRITERS
}

/// As its name.
mod slot {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Slot;

    pub(super) fn serialize<S: Serializer>(slot: &Slot, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(slot.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Slot, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        name.parse().map_err(de::Error::custom)
    }

    /// Or none.
    pub(super) mod optional {
        use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

        use super::super::Slot;

        pub(in super::super) fn serialize<S: Serializer>(
            slot: &Option<Slot>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            slot.map(Slot::name).serialize(to)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Slot>, D::Error> {
            let name = <Option<std::borrow::Cow<'de, str>>>::deserialize(from)?;
            name.map(|name| name.parse().map_err(de::Error::custom))
                .transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_events_are_lines_and_come_back_as_they_were() {
        let install = Install {
            export: "/run/picket/export".into(),
            slot: Slot::B,
            images: Images::Url("https://images.example/pi".to_owned()),
            ca: Some("/etc/picket/ca.pem".into()),
            signers: "/etc/picket/allowed_signers".into(),
            catalogue_at_least: 7,
            image: "debian-13-arm64".to_owned(),
            digest: Digest([0xab; 32]),
            personal: Personal {
                hostname: Some("shelf-3".to_owned()),
                ssh_keys: vec!["ssh-ed25519 AAAA anna".to_owned()],
                device_id: DeviceId([7; 8]),
            },
            discard_old: true,
            writers: WRITERS,
            read_back: true,
            operation: OperationId([9; 16]),
            lock: Some("/run/picket/reinstall.lock".into()),
        };
        let clean = Order::Clean {
            export: "/run/picket/export".into(),
            slot: Some(Slot::A),
            lock: None,
        };
        for order in [Order::Install(Box::new(install)), clean] {
            let line = order.line();
            assert_eq!(line.find('\n'), Some(line.len() - 1));
            assert_eq!(Order::parse(&line).unwrap(), order, "{line}");
        }
        let stage = Stage::Unpacking;
        for (event, line) in [
            (
                Event::Stage { stage },
                r#"{"event":"stage","stage":"unpacking"}"#,
            ),
            (
                Event::Progress(Progress {
                    bytes: 1,
                    of_bytes: 2,
                    entries: 3,
                    of_entries: 4,
                }),
                r#"{"event":"progress","bytes":1,"of_bytes":2,"entries":3,"of_entries":4}"#,
            ),
            (Event::Alive, r#"{"event":"alive"}"#),
            (Event::Cleaned, r#"{"event":"cleaned"}"#),
            (
                Event::Failed {
                    reason: Reason::TimedOut,
                    detail: "two\nlines".to_owned(),
                },
                r#"{"event":"failed","reason":"timed_out","detail":"two\nlines"}"#,
            ),
        ] {
            assert_eq!(event.line(), format!("{line}\n"));
            assert_eq!(Event::parse(line).unwrap(), event);
        }
    }

    #[test]
    fn words_are_cut_so_that_a_line_is_never_longer_than_it_may_be() {
        for text in ["ä", "\n", "\u{1}", "x"] {
            for length in [1, 1000, 3000, 4096, 100_000] {
                let detail = text.repeat(length);
                let event = Event::Failed {
                    reason: Reason::Host,
                    detail: detail.clone(),
                };
                let line = event.line();
                assert!(
                    line.len() <= MAX_EVENT,
                    "{} of {length} {text:?}",
                    line.len()
                );
                let Event::Failed { detail: said, .. } = Event::parse(&line).unwrap() else {
                    panic!("{line}");
                };
                assert!(detail.starts_with(&said));
                assert!(
                    said == detail || said.len() > 300,
                    "{} of {length} {text:?}",
                    said.len()
                );
            }
        }
    }
}
