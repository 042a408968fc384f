//! The spool as bytes: written once at an orderly stop, read at the next start. The file lies where a tenant with root
//! can write, so it is parsed as hostile. Knows no files.
//!
//! Format: `PKSP`, version 1, boot id (16 bytes), six little-endian u64 (the fields of [`Resume`] in their order), then
//! frames (batches and event reports), each after its length as a little-endian u32, and last the CRC-32 (IEEE) of
//! everything before it, little-endian.
use picket_proto::{BootId, DecodeError, EventReport, Message, Packed, frame};

use super::interface::Resume;
use crate::crc32::crc32;

const MAGIC: &[u8; 5] = b"PKSP\x01";
const HEAD: usize = MAGIC.len() + 16 + 6 * 8;
const CRC: usize = 4;

/// What an image holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// The boot that saved it.
    pub(super) boot: BootId,
    /// How far that boot had come.
    pub(super) resume: Resume,
    /// Batches, in order.
    pub(super) batches: Vec<Packed>,
    /// Events, a report a boot.
    pub(super) reports: Vec<EventReport>,
}

/// Why a spool image can't be used. What it held is lost; telemetry starts empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// It does not begin as an image of this version does.
    #[error(
        "it does not begin with PKSP and version 1: it is not a spool image, or a newer picketd wrote it"
    )]
    Magic,
    /// It is larger than any image that this configuration writes.
    #[error("it has {size} bytes, and an image for this spool_bytes has at most {most}")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The largest that is read.
        most: usize,
    },
    /// It ends early.
    #[error("it ends in the middle, after {size} bytes")]
    Truncated {
        /// Its size.
        size: usize,
    },
    /// The checksum is wrong.
    #[error("its checksum is {found:08x}, and its bytes give {computed:08x}: it is damaged")]
    Checksum {
        /// The one in the image.
        found: u32,
        /// The one of its bytes.
        computed: u32,
    },
    /// A frame in it is wrong.
    #[error("its frame at byte {at} is wrong: {error}")]
    Frame {
        /// Where the frame begins.
        at: usize,
        /// What is wrong.
        error: DecodeError,
    },
}

impl Image {
    /// The bytes.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.boot.0);
        let resume = &self.resume;
        for number in [
            resume.next_tick,
            resume.settled,
            resume.lost,
            resume.next_event,
            resume.events_settled,
            resume.events_lost,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for batch in &self.batches {
            put_frame(&frame::encode(batch), &mut out);
        }
        for report in &self.reports {
            put_frame(&frame::encode(report), &mut out);
        }
        let crc = crc32(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// The image of those bytes, if there are at most `most`.
    pub(super) fn read(bytes: &[u8], most: usize) -> Result<Self, ImageError> {
        let size = bytes.len();
        if size > most {
            return Err(ImageError::TooLarge { size, most });
        }
        if !bytes.starts_with(MAGIC) {
            return Err(ImageError::Magic);
        }
        if size < HEAD + CRC {
            return Err(ImageError::Truncated { size });
        }
        let (body, crc) = bytes.split_at(size - CRC);
        let (found, computed) = (u32_at(crc, 0), crc32(body));
        if found != computed {
            return Err(ImageError::Checksum { found, computed });
        }
        let mut image = Self::read_head(body);
        image.read_frames(body)?;
        Ok(image)
    }

    fn read_head(body: &[u8]) -> Self {
        let mut boot = [0; 16];
        boot.copy_from_slice(&body[MAGIC.len()..MAGIC.len() + 16]);
        let number = |index: usize| u64_at(body, MAGIC.len() + 16 + 8 * index);
        Self {
            boot: BootId(boot),
            resume: Resume {
                next_tick: number(0),
                settled: number(1),
                lost: number(2),
                next_event: number(3),
                events_settled: number(4),
                events_lost: number(5),
            },
            batches: Vec::new(),
            reports: Vec::new(),
        }
    }

    fn read_frames(&mut self, body: &[u8]) -> Result<(), ImageError> {
        let size = body.len();
        let mut at = HEAD;
        while at < size {
            let start = at + 4;
            let end = (start <= size).then(|| start.saturating_add(u32_at(body, at) as usize));
            let Some(bytes) = end.and_then(|end| body.get(start..end)) else {
                return Err(ImageError::Truncated { size });
            };
            self.read_frame(bytes)
                .map_err(|error| ImageError::Frame { at, error })?;
            at = start + bytes.len();
        }
        Ok(())
    }

    fn read_frame(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        match frame::decode::<Packed>(bytes) {
            Ok(batch) => self.batches.push(batch),
            Err(DecodeError::Unexpected { .. }) => match Message::decode(bytes)? {
                Message::Event(report) => self.reports.push(report),
                _ => return Err(DecodeError::Invalid("kind of frame in a spool image")),
            },
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn put_frame(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(bytes.len()).expect("a frame of the spool is smaller than 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// The number at `at`, which lies inside.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4]
        .iter()
        .rev()
        .fold(0, |n, &b| n << 8 | u32::from(b))
}

/// The number at `at`, which lies inside.
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8]
        .iter()
        .rev()
        .fold(0, |n, &b| n << 8 | u64::from(b))
}

#[cfg(test)]
mod tests;
