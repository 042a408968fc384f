//! What a partition holds, by the marks of file systems (libblkid's list of superblocks). It reads no file system.
use std::{fmt, fs::File, os::unix::fs::FileExt};

use anyhow::Result;

use super::Partition;

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// ext4, ext3 or ext2.
    Ext4,
    /// FAT, of any width.
    Fat,
    /// Something else, by its name.
    Other(&'static str),
    /// Nothing that has a mark here.
    Unknown,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ext4 => "ext4",
            Self::Fat => "FAT",
            Self::Other(name) => name,
            Self::Unknown => "something unknown",
        })
    }
}

/// Where each mark is.
const MARKS: [(u64, &[u8], Content); 13] = [
    (0x438, &[0x53, 0xef], Content::Ext4),
    (0x36, b"FAT1", Content::Fat),
    (0x52, b"FAT32", Content::Fat),
    (0x10040, b"_BHRfS_M", Content::Other("btrfs")),
    (0x400, &[0x10, 0x20, 0xf5, 0xf2], Content::Other("f2fs")),
    (0, b"XFSB", Content::Other("XFS")),
    (0, b"hsqs", Content::Other("squashfs")),
    (0x400, &[0xe2, 0xe1, 0xf5, 0xe0], Content::Other("EROFS")),
    (0, b"LUKS\xba\xbe", Content::Other("LUKS (encrypted)")),
    (0x218, b"LVM2 001", Content::Other("LVM")),
    (0xff6, b"SWAPSPACE2", Content::Other("swap space")),
    (3, b"NTFS", Content::Other("NTFS")),
    (3, b"EXFAT", Content::Other("exFAT")),
];

/// What that partition of a disk holds, of which `length` bytes are there.
pub(super) fn of(file: &File, partition: &Partition, length: u64) -> Result<Content> {
    for (offset, mark, content) in MARKS {
        let at = partition.start.saturating_add(offset);
        let end = offset + mark.len() as u64;
        if end > partition.length || at.saturating_add(mark.len() as u64) > length {
            continue;
        }
        let mut found = vec![0; mark.len()];
        file.read_exact_at(&mut found, at)?;
        if found == mark {
            return Ok(content);
        }
    }
    Ok(Content::Unknown)
}
