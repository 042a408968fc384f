//! The boot record's file: read, made, and overwritten in place, one block at a time. Each call opens it anew and waits for the disk
//! as long as that takes.
use std::{fs::File, io, os::unix::fs::FileExt};

use picket_proto::DeviceId;

use super::{BootRecord, fields};
use crate::{
    blocks::{BLOCK, Held, Kind, SIZE, Unreadable, place},
    slots::{beneath::Dir, layout::Export},
};

const NAME: &str = "boot-record";
const KIND: Kind = Kind {
    letters: "PKBR",
    format: 1,
};
/// It is no device's.
const NOBODY: DeviceId = DeviceId([0; 8]);

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// A record.
    Record(BootRecord),
    /// None yet, or no more.
    Absent,
    /// Nothing that could be understood, and why: never guessed about.
    Bad(String),
}

/// Why a record could not be made durable.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// The record that was there counts.
    #[error("the boot record can't be written: {0}")]
    Not(io::Error),
    /// Whether the old one or the new one counts shows at the next reading.
    #[error("the boot record was written, and the disk doesn't say whether it lasts: {0}")]
    Perhaps(io::Error),
}

/// The export's boot record.
#[must_use]
pub fn read(export: &Export) -> Read {
    let bytes = match bytes(export) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Read::Absent,
        Err(error) => return Read::Bad(format!("can't be read: {error}")),
    };
    match held(&bytes) {
        Ok(held) => Read::Record(held.record),
        Err(unreadable) => Read::Bad(unreadable.to_string()),
    }
}

/// Makes that record the one that counts, durably. One that can't be understood is kept beside it, and a new one takes its place.
///
/// # Errors
/// Whether the one before counts still.
pub fn write(export: &Export, record: &BootRecord) -> Result<(), NotWritten> {
    let before = bytes(export).map_err(NotWritten::Not)?;
    let picket = export.picket().map_err(NotWritten::Not)?;
    match before.map(|bytes| (held(&bytes), bytes)) {
        Some((Ok(held), bytes)) => overwrite(&picket, record, held.generation, &bytes),
        Some((Err(_), _)) => keep(&picket)
            .and_then(|()| make(&picket, record))
            .map_err(NotWritten::Not),
        None => make(&picket, record).map_err(NotWritten::Not),
    }
}

fn held(bytes: &[u8]) -> Result<Held<BootRecord>, Unreadable> {
    KIND.read(bytes, NOBODY, fields::read)
}

fn block(record: &BootRecord, generation: u64) -> Vec<u8> {
    KIND.write(&fields::write(record), generation, NOBODY)
}

/// Of one that is too long, one byte more than it may have.
fn bytes(export: &Export) -> io::Result<Option<Vec<u8>>> {
    let Some(picket) = export.picket_if_there()? else {
        return Ok(None);
    };
    match picket.read_file(NAME, SIZE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(Some(vec![0; SIZE + 1])),
        Err(error) => Err(error),
    }
}

fn overwrite(
    picket: &Dir,
    record: &BootRecord,
    generation: u64,
    before: &[u8],
) -> Result<(), NotWritten> {
    let at = place(generation + 1);
    let file = picket.change_file(NAME).map_err(NotWritten::Not)?;
    let new = block(record, generation + 1);
    if let Err(error) = file.write_all_at(&new, at as u64) {
        // A block that was not written whole counts for nothing, and one that was must not.
        return Err(take_back(&file, before, at, error));
    }
    match file.sync_data() {
        Ok(()) => Ok(()),
        Err(error) => Err(take_back(&file, before, at, error)),
    }
}

fn take_back(file: &File, before: &[u8], at: usize, error: io::Error) -> NotWritten {
    let old = &before[at..at + BLOCK];
    let undone = file
        .write_all_at(old, at as u64)
        .and_then(|()| file.sync_data());
    match undone {
        Ok(()) => NotWritten::Not(error),
        Err(_) => NotWritten::Perhaps(error),
    }
}

/// It is made whole under another name, and all of it is really written: from then on a write needs no more room.
fn make(picket: &Dir, record: &BootRecord) -> io::Result<()> {
    let blocks = [block(record, 0), block(record, 1)].concat();
    picket.put_file(NAME, 0o600, &blocks)
}

/// The last one that could not be understood is enough to look at.
fn keep(picket: &Dir) -> io::Result<()> {
    let kept = format!("{NAME}.bad");
    picket.remove_tree(&kept, &mut crate::slots::beneath::at_once)?;
    picket.rename(NAME, &kept)
}
