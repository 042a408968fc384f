//! How much there is beneath a directory: entries and bytes, counted without opening a file, following a symlink or leaving the file
//! system. It is for a record: what can't be looked at isn't counted, and keeps nobody from anything.
use std::{ops::AddAssign, path::Path};

use serde::Serialize;

use crate::slots::beneath::{Dir, Kind};

/// Each takes a descriptor. What lies deeper isn't counted.
const MAX_DEPTH: usize = 128;
/// Names of one directory that are counted.
const MAX_NAMES: usize = 1 << 20;

/// Entries and bytes: at least so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Content {
    /// Files, directories and everything else, with the directory itself.
    pub entries: u64,
    /// What regular files are long. Holes and second names count in full.
    pub bytes: u64,
}

impl AddAssign for Content {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Content {
    /// Of what is at that path, with all beneath it; nothing if nothing is there.
    #[must_use]
    pub fn of(dir: &Dir, path: impl AsRef<Path>) -> Self {
        let mut content = Self::default();
        content.add(dir, path.as_ref(), (0, None));
        content
    }

    /// At that depth, beneath a directory of that device.
    fn add(&mut self, dir: &Dir, path: &Path, (depth, device): (usize, Option<u64>)) {
        let Ok(Some(stat)) = dir.stat(path) else {
            return;
        };
        let here = stat.st_dev;
        if device.is_some_and(|device| device != here) {
            return;
        }
        *self += Self {
            entries: 1,
            bytes: 0,
        };
        match dir.kind(path) {
            Ok(Some(Kind::File)) => {
                let bytes = u64::try_from(stat.st_size).unwrap_or(0);
                *self += Self { entries: 0, bytes };
            }
            Ok(Some(Kind::Directory)) if depth < MAX_DEPTH => {
                let Ok(inside) = dir.dir(path) else { return };
                for entry in inside.entries(MAX_NAMES).unwrap_or_default() {
                    self.add(&inside, Path::new(&entry.name), (depth + 1, Some(here)));
                }
            }
            _ => {}
        }
    }
}
