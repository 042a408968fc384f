//! Whether a Pi is running from an export, as far as the file server can see: a system that runs writes, and the server's clock dates it.
//! A sign is no proof, and none doesn't prove that it is off: a hung Pi writes nothing. It changes nothing.
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::slots::{Slot, beneath::Dir};

/// A system's log and clock are written to within this time.
pub const RECENT: Duration = Duration::from_secs(15 * 60);
/// Where systems write while they run, beneath their root.
const BUSY: [&str; 7] = [
    "tmp",
    "var/lib/picket",
    "var/lib/systemd",
    "var/lib/systemd/timesync",
    "var/log",
    "var/log/journal",
    "var/tmp",
];
/// What the agent writes beside the slots.
const JOURNAL: &str = "picket/journal";
/// More is not looked at in one directory.
const MOST: usize = 4096;

/// Unix time in seconds, and nanoseconds.
type Time = (i64, i64);

/// Something that was changed a short time ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// What, beneath the export.
    pub path: PathBuf,
    /// How long ago.
    pub ago: Duration,
}

/// The newest sign of a system that runs from a slot, or from the export itself, at that Unix time. What was changed before the slot got
/// its name was written by whoever filled it. What can't be looked at is no sign.
#[must_use]
pub fn of_life(export: &Dir, now: i64) -> Option<Sign> {
    let mut found: Vec<(Time, PathBuf)> = Vec::new();
    let journal = PathBuf::from(JOURNAL);
    found.extend(changed(export, &journal).map(|time| (time, journal)));
    for busy in BUSY {
        found.extend(within(export, Path::new(busy)));
    }
    for slot in Slot::ALL {
        let root = PathBuf::from(format!("slots/{slot}"));
        let Some(filled) = changed(export, &root) else {
            continue;
        };
        let written = BUSY
            .iter()
            .flat_map(|busy| within(export, &root.join(busy)));
        found.extend(written.filter(|(time, _)| *time > filled));
    }
    let (time, path) = found.into_iter().max()?;
    let ago = Duration::from_secs(u64::try_from(now - time.0).unwrap_or(0));
    (ago < RECENT).then_some(Sign { path, ago })
}

/// When a directory and each thing in it was changed last.
fn within(export: &Dir, path: &Path) -> Vec<(Time, PathBuf)> {
    let Ok(dir) = export.dir(path) else {
        return Vec::new();
    };
    let entries = dir.entries(MOST).unwrap_or_default();
    let of_entry =
        |name: &std::ffi::OsStr| Some((changed(&dir, Path::new(name))?, path.join(name)));
    let mut found: Vec<_> = entries
        .iter()
        .filter_map(|entry| of_entry(&entry.name))
        .collect();
    found.extend(changed(export, path).map(|time| (time, path.to_owned())));
    found
}

/// The server's own time of the last change, which no client can set.
fn changed(dir: &Dir, path: &Path) -> Option<Time> {
    let stat = dir.stat(path).ok()??;
    Some((stat.st_ctime as _, stat.st_ctime_nsec as _))
}
