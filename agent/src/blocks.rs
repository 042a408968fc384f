//! Two blocks in one file, written in turn: how a short record survives any crash, on a full disk too. The journal and the boot
//! record are such files. They lie where a tenant with root can write, so they are parsed as hostile: no bytes harm, and what
//! no write of ours leaves is said and never guessed about. It knows no files, and not what is recorded.
//!
//! Two blocks of 4096 bytes; generation n stands in block n mod 2, and the higher one counts. A block, with all numbers
//! little-endian: the kind's four letters, format (u16), length of the fields (u16), generation (u64), device (8 bytes); the fields,
//! by ascending number, each as number (u16), length (u16) and body; zeros; and in its last 4 bytes the CRC-32 (IEEE) of
//! all before. Letters, format, device and checksum stay where they are in every format, so that a newer one can be told from
//! damage.
mod bytes;

use std::fmt;

use picket_proto::DeviceId;

pub(crate) use bytes::{array, put_field, take_field, u16_at, u32_at, u64_at};

use crate::crc32::crc32;

/// Length of a block, in bytes: what a disk writes in one go.
pub(crate) const BLOCK: usize = 4096;
/// Length of the file, in bytes.
pub(crate) const SIZE: usize = 2 * BLOCK;
/// Where the fields begin.
pub(crate) const HEAD: usize = 24;
/// Where the checksum stands.
pub(crate) const CRC: usize = BLOCK - 4;

/// A kind of such a file.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The four letters that it begins with.
    pub(crate) letters: &'static str,
    /// The format that this program writes.
    pub(crate) format: u16,
}

/// What such a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held<T> {
    /// The record that counts.
    pub(crate) record: T,
    /// Its generation.
    pub(crate) generation: u64,
    /// The other block is torn: a crash in the middle of a write leaves that.
    pub(crate) torn: bool,
}

/// Why such a file can't be used. Each goes on after its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is damaged, or forged.
    #[error("{0}")]
    Corrupt(String),
    /// It is whole, and not for this program.
    #[error("{0}")]
    Foreign(String),
}

/// What is wrong with a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Bad {
    #[error("has the checksum {found:08x}, and its bytes give {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("does not begin with {0}")]
    Letters(&'static str),
    #[error("has format {found}, and this picketd knows format {known}: a newer one wrote it")]
    Format { found: u16, known: u16 },
    #[error("is of the device {0}: the state directory was copied from there")]
    Device(DeviceId),
    #[error("has the generation {0}, which is never written there")]
    Generation(u64),
    #[error("is longer than it can be")]
    Length,
    #[error("{0}")]
    Field(String),
}

/// Where the block of that generation stands in the file.
pub(crate) fn place(generation: u64) -> usize {
    if generation % 2 == 0 { 0 } else { BLOCK }
}

impl Kind {
    /// The block of that generation, of fields that fit into it.
    pub(crate) fn write(&self, fields: &[u8], generation: u64, device: DeviceId) -> Vec<u8> {
        assert!(fields.len() <= CRC - HEAD, "the fields fit into a block");
        let mut block = Vec::with_capacity(BLOCK);
        block.extend_from_slice(self.letters.as_bytes());
        block.extend_from_slice(&self.format.to_le_bytes());
        block.extend_from_slice(&(fields.len() as u16).to_le_bytes());
        block.extend_from_slice(&generation.to_le_bytes());
        block.extend_from_slice(&device.0);
        block.extend_from_slice(fields);
        block.resize(CRC, 0);
        let crc = crc32(&block);
        block.extend_from_slice(&crc.to_le_bytes());
        block
    }

    /// What the file's bytes hold; `parse` understands the fields.
    pub(crate) fn read<T, E: fmt::Display>(
        &self,
        bytes: &[u8],
        device: DeviceId,
        parse: impl Fn(&[u8]) -> Result<T, E>,
    ) -> Result<Held<T>, Unreadable> {
        if bytes.len() != SIZE {
            let text = format!("has {} bytes in place of {SIZE}", bytes.len());
            return Err(Unreadable::Corrupt(text));
        }
        let read = |at: u64| self.read_block(&bytes[place(at)..][..BLOCK], at, device, &parse);
        match (read(0), read(1)) {
            (Ok(first), Ok(second)) => newer(first, second),
            // The other one is whole, so this is a write that a crash cut short.
            (Ok(held), Err(Bad::Checksum { .. })) | (Err(Bad::Checksum { .. }), Ok(held)) => {
                Ok(Held { torn: true, ..held })
            }
            (first, second) => Err(unreadable(first.err(), second.err())),
        }
    }

    /// The block at that place. The checksum comes first: only what is whole can be foreign.
    pub(crate) fn read_block<T, E: fmt::Display>(
        &self,
        block: &[u8],
        place: u64,
        device: DeviceId,
        parse: impl Fn(&[u8]) -> Result<T, E>,
    ) -> Result<Held<T>, Bad> {
        let (found, computed) = (u32_at(block, CRC), crc32(&block[..CRC]));
        if found != computed {
            return Err(Bad::Checksum { found, computed });
        }
        if !block.starts_with(self.letters.as_bytes()) {
            return Err(Bad::Letters(self.letters));
        }
        let (found, known) = (u16_at(block, 4), self.format);
        if found != known {
            return Err(Bad::Format { found, known });
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
            record: parse(fields).map_err(|error| Bad::Field(error.to_string()))?,
            generation,
            torn: false,
        })
    }
}

fn newer<T>(first: Held<T>, second: Held<T>) -> Result<Held<T>, Unreadable> {
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
    let foreign = |bad: &Option<Bad>| matches!(bad, Some(Bad::Format { .. } | Bad::Device(_)));
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
