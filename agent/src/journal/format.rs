//! The journal as bytes: two blocks (`blocks`) of the kind `PKJL`, format 1, each of one device. What the fields mean is in `fields`.
//! It knows no files.
use picket_proto::DeviceId;

use super::{fields, record::Record};
use crate::blocks::{self, Kind};
pub(super) use crate::blocks::{BLOCK, SIZE, Unreadable, place};

const KIND: Kind = Kind {
    letters: "PKJL",
    format: 1,
};

/// What a journal holds.
pub(super) type Held = blocks::Held<Record>;

/// The block of that generation.
///
/// # Errors
/// What a newer agent recorded has grown: it can only come from [`read`], which bounds it.
pub(super) fn write(
    record: &Record,
    generation: u64,
    device: DeviceId,
) -> Result<Vec<u8>, &'static str> {
    Ok(KIND.write(&fields::write(record)?, generation, device))
}

/// What the file's bytes hold.
pub(super) fn read(bytes: &[u8], device: DeviceId) -> Result<Held, Unreadable> {
    KIND.read(bytes, device, fields::read)
}

#[cfg(test)]
mod tests;
