//! The journal as bytes. The file lies where a tenant with root can write, so it is parsed as hostile: no bytes harm, and what
//! no write of ours leaves is said and never guessed about. It knows no files.
//!
//! Two blocks of 4096 bytes, written in turn; generation n stands in block n mod 2, and the higher one counts. A block, with all
//! numbers little-endian: `PKJL`, format (u16, 1), length of the fields (u16), generation (u64), device (8 bytes); the fields,
//! by ascending number, each as number (u16), length (u16) and body; zeros; and in its last 4 bytes the CRC-32 (IEEE) of
//! all before. Magic, format, device and checksum stay where they are in every format, so that a newer one can be told from damage.
//!
//! What the fields mean is in `fields`.
use picket_proto::DeviceId;

use super::{
    fields::{self, FieldError, array, u16_at, u32_at, u64_at},
    record::Record,
};
use crate::crc32::crc32;

/// Length of a block, in bytes: what a disk writes in one go.
pub(super) const BLOCK: usize = 4096;
/// Length of the file, in bytes.
pub(super) const SIZE: usize = 2 * BLOCK;

const MAGIC: &[u8; 4] = b"PKJL";
const FORMAT: u16 = 1;
const HEAD: usize = 24;
const CRC: usize = BLOCK - 4;

/// What a journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// The record that counts.
    pub(super) record: Record,
    /// Its generation.
    pub(super) generation: u64,
    /// The other block is torn: a crash in the middle of a write leaves that.
    pub(super) torn: bool,
}

/// Why a journal can't be used. Each goes on after "the journal PATH".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is damaged, or forged.
    #[error("{0}")]
    Corrupt(String),
    /// It is whole, and not for this agent.
    #[error("{0}")]
    Foreign(String),
}

/// What is wrong with a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Bad {
    #[error("has the checksum {found:08x}, and its bytes give {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("does not begin with PKJL")]
    Magic,
    #[error("has format {0}, and this picketd knows format {FORMAT}: a newer one wrote it")]
    Format(u16),
    #[error("is of the device {0}: the state directory was copied from there")]
    Device(DeviceId),
    #[error("has the generation {0}, which is never written there")]
    Generation(u64),
    #[error("is longer than it can be")]
    Length,
    #[error("{0}")]
    Field(#[from] FieldError),
}

/// The block of that generation.
///
/// # Errors
/// What a newer agent recorded has grown: it can only come from [`read`], which bounds it.
pub(super) fn write(
    record: &Record,
    generation: u64,
    device: DeviceId,
) -> Result<Vec<u8>, &'static str> {
    let fields = fields::write(record)?;
    let length = u16::try_from(fields.len()).expect("the fields fit into a block");
    let mut block = Vec::with_capacity(BLOCK);
    block.extend_from_slice(MAGIC);
    block.extend_from_slice(&FORMAT.to_le_bytes());
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(&generation.to_le_bytes());
    block.extend_from_slice(&device.0);
    block.extend_from_slice(&fields);
    block.resize(CRC, 0);
    let crc = crc32(&block);
    block.extend_from_slice(&crc.to_le_bytes());
    Ok(block)
}

/// What the file's bytes hold.
pub(super) fn read(bytes: &[u8], device: DeviceId) -> Result<Held, Unreadable> {
    if bytes.len() != SIZE {
        let text = format!("has {} bytes in place of {SIZE}", bytes.len());
        return Err(Unreadable::Corrupt(text));
    }
    let (first, second) = bytes.split_at(BLOCK);
    match (read_block(first, 0, device), read_block(second, 1, device)) {
        (Ok(first), Ok(second)) => newer(first, second),
        // The other one is whole, so this is a write that a crash cut short.
        (Ok(held), Err(Bad::Checksum { .. })) | (Err(Bad::Checksum { .. }), Ok(held)) => {
            Ok(Held { torn: true, ..held })
        }
        (first, second) => Err(unreadable(first.err(), second.err())),
    }
}

fn newer(first: Held, second: Held) -> Result<Held, Unreadable> {
    let [a, b] = [first.generation, second.generation];
    match a.abs_diff(b) {
        1 if a > b => Ok(first),
        1 => Ok(second),
        _ => Err(Unreadable::Corrupt(format!(
            "has blocks of the generations {a} and {b}, which no write leaves"
        ))),
    }
}

fn unreadable(first: Option<Bad>, second: Option<Bad>) -> Unreadable {
    let foreign = |bad: &Option<Bad>| matches!(bad, Some(Bad::Format(_) | Bad::Device(_)));
    let is_foreign = foreign(&first) || foreign(&second);
    let told: Vec<String> = [("first", first), ("second", second)]
        .into_iter()
        .filter_map(|(which, bad)| Some(format!("{which} block {}", bad?)))
        .collect();
    let text = format!("can't be understood: its {}", told.join(", its "));
    match is_foreign {
        true => Unreadable::Foreign(text),
        false => Unreadable::Corrupt(text),
    }
}

/// The block at that place. The checksum comes first: only what is whole can be foreign.
fn read_block(block: &[u8], place: u64, device: DeviceId) -> Result<Held, Bad> {
    let (found, computed) = (u32_at(block, CRC), crc32(&block[..CRC]));
    if found != computed {
        return Err(Bad::Checksum { found, computed });
    }
    if !block.starts_with(MAGIC) {
        return Err(Bad::Magic);
    }
    let format = u16_at(block, 4);
    if format != FORMAT {
        return Err(Bad::Format(format));
    }
    let of = DeviceId(array(block, 16));
    if of != device {
        return Err(Bad::Device(of));
    }
    let generation = u64_at(block, 8);
    // The last generation has none after it, and can't be reached in the age of the universe.
    if generation % 2 != place || generation == u64::MAX {
        return Err(Bad::Generation(generation));
    }
    let end = HEAD + usize::from(u16_at(block, 6));
    let fields = block[..CRC].get(HEAD..end).ok_or(Bad::Length)?;
    Ok(Held {
        record: fields::read(fields)?,
        generation,
        torn: false,
    })
}

#[cfg(test)]
mod tests;
