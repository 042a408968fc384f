//! Partition tables: the MBR with its chain of logical partitions, and the GPT (UEFI specification 2.10, chapter 5). It knows nothing of
//! what is in a partition.
use std::{fs::File, os::unix::fs::FileExt};

use anyhow::{Context, Result, bail, ensure};
use flate2::Crc;

/// Both count in sectors of this size here: images for other disks aren't made for Pis.
const SECTOR: u64 = 512;
const MBR_ENTRIES: usize = 446;
const MBR_ENTRY: usize = 16;
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
const PROTECTIVE: u8 = 0xee;
/// A chain of logical partitions that is longer is a circle.
const MOST_LOGICAL: u32 = 64;
const MOST_GPT: u32 = 1024;

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// As Linux counts, from 1; logical ones from 5.
    pub number: u32,
    /// Its first byte in the image.
    pub start: u64,
    /// In bytes.
    pub length: u64,
}

/// An entry of an MBR.
struct Entry {
    kind: u8,
    /// In sectors.
    start: u64,
    length: u64,
}

/// The partitions of a disk, by their numbers.
pub(super) fn read(file: &File, length: u64) -> Result<Vec<Partition>> {
    ensure!(
        length >= 2 * SECTOR,
        "it has {length} bytes: no disk is that small"
    );
    let Some(entries) = mbr(file, 0)? else {
        bail!(
            "it has no partition table: is it the image of a disk? A file system without one is mounted, and packed with picket image pack"
        );
    };
    if entries.iter().any(|entry| entry.kind == PROTECTIVE) {
        return gpt(file);
    }
    let mut found = Vec::new();
    for (number, entry) in (1..).zip(&entries) {
        match entry.kind {
            0 => {}
            kind if EXTENDED.contains(&kind) => found.extend(logical(file, entry.start)?),
            _ => found.push(partition(number, entry.start, entry.length)),
        }
    }
    found.sort_by_key(|partition| partition.number);
    Ok(found)
}

fn partition(number: u32, start: u64, length: u64) -> Partition {
    Partition {
        number,
        start: start.saturating_mul(SECTOR),
        length: length.saturating_mul(SECTOR),
    }
}

/// The four entries in that sector, if it is a boot record.
fn mbr(file: &File, sector: u64) -> Result<Option<Vec<Entry>>> {
    let mut bytes = [0; SECTOR as usize];
    file.read_exact_at(&mut bytes, sector.saturating_mul(SECTOR))
        .with_context(|| format!("the boot record in sector {sector}"))?;
    if bytes[510..] != [0x55, 0xaa] {
        return Ok(None);
    }
    let entries: Vec<_> = bytes[MBR_ENTRIES..510]
        .chunks_exact(MBR_ENTRY)
        .map(|entry| Entry {
            kind: entry[4],
            start: u32_at(entry, 8).into(),
            length: u32_at(entry, 12).into(),
        })
        .collect();
    // The boot sector of a FAT file system ends the same way, and has a program there.
    let is_table = bytes[MBR_ENTRIES..510]
        .chunks_exact(MBR_ENTRY)
        .all(|entry| matches!(entry[0], 0 | 0x80));
    Ok(is_table.then_some(entries))
}

/// Each logical partition has a boot record of its own, which names it and the next one's.
fn logical(file: &File, first: u64) -> Result<Vec<Partition>> {
    let mut found = Vec::new();
    let mut here = first;
    for number in 5..5 + MOST_LOGICAL {
        let entries = mbr(file, here)?;
        let entries = entries.with_context(|| {
            format!("the chain of logical partitions is broken in sector {here}")
        })?;
        let [one, next, ..] = entries.as_slice() else {
            break;
        };
        if one.kind != 0 {
            found.push(partition(number, here + one.start, one.length));
        }
        if next.kind == 0 {
            return Ok(found);
        }
        here = first + next.start;
    }
    bail!("the chain of logical partitions has no end")
}

fn gpt(file: &File) -> Result<Vec<Partition>> {
    let mut header = [0; 92];
    let read = file.read_exact_at(&mut header, SECTOR);
    read.context("the header of the GPT")?;
    ensure!(
        header.starts_with(b"EFI PART"),
        "its GPT has no header in sector 1: the table is broken, or for a disk whose sectors aren't 512 bytes long"
    );
    let said = u32_at(&header, 16);
    header[16..20].fill(0);
    ensure!(
        u32_at(&header, 12) == 92 && crc(&header) == said,
        "the header of its GPT is broken (checksum)"
    );
    let (count, size) = (u32_at(&header, 80), u32_at(&header, 84));
    ensure!(
        count <= MOST_GPT && (128..=4096).contains(&size),
        "its GPT says {count} entries of {size} bytes, which can't be"
    );
    let mut entries = vec![0; count as usize * size as usize];
    let at = u64_at(&header, 72).saturating_mul(SECTOR);
    let read = file.read_exact_at(&mut entries, at);
    read.context("the entries of the GPT")?;
    ensure!(
        crc(&entries) == u32_at(&header, 88),
        "the entries of its GPT are broken (checksum)"
    );
    let used = (1..)
        .zip(entries.chunks_exact(size as usize))
        .filter(|(_, entry)| entry[..16] != [0; 16]);
    used.map(|(number, entry)| {
        let (first, last) = (u64_at(entry, 32), u64_at(entry, 40));
        ensure!(first <= last, "partition {number} ends before it begins");
        Ok(partition(number, first, (last - first).saturating_add(1)))
    })
    .collect()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes[at..at + 4].first_chunk();
    u32::from_le_bytes(*four.expect("it is four bytes long"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes[at..at + 8].first_chunk();
    u64::from_le_bytes(*eight.expect("it is eight bytes long"))
}
