//! What an ext4 file system's inodes say that the crate which reads it keeps to itself: numbers, so that a file with two names stays
//! one, devices' numbers, and the names of extended attributes (Linux, Documentation/filesystems/ext4). Checksums are that crate's to
//! verify: it reads the same inodes and folders, and what both know is compared.
mod attributes;
mod extents;

use std::{collections::HashMap, fs::File, os::unix::fs::FileExt, rc::Rc};

use anyhow::{Context, Result, ensure};

use super::Partition;

/// The inode of the top folder.
pub(super) const TOP: u32 = 2;
const SUPERBLOCK: u64 = 1024;
/// Flags of `s_feature_incompat`.
const NEEDS_RECOVERY: u32 = 0x4;
const IS_64BIT: u32 = 0x80;
const SMALLEST: usize = 128;
/// Flags of `i_flags`.
const HAS_EXTENTS: u32 = 0x8_0000;
/// A folder is at most this long: some ten million names.
const MAX_FOLDER: u64 = 256 << 20;

/// The tables of inodes.
#[derive(Debug)]
pub(super) struct Inodes {
    file: Rc<File>,
    start: u64,
    length: u64,
    /// In bytes.
    block: u64,
    inode: usize,
    descriptor: u64,
    per_group: u32,
    count: u32,
    is_64bit: bool,
}

/// An inode.
#[derive(Debug)]
pub(super) struct Inode {
    /// Type and permissions.
    pub(super) mode: u16,
    /// So many names it has.
    pub(super) names: u16,
    /// Of a device: its major and its minor number.
    pub(super) device: (u32, u32),
    /// The names of its extended attributes.
    pub(super) extended: Vec<String>,
    size: u64,
    flags: u32,
    /// Where its content is.
    root: [u8; 60],
}

impl Inodes {
    /// Those of the file system in that partition.
    pub(super) fn open(file: &Rc<File>, partition: &Partition) -> Result<Self> {
        let mut bytes = [0; 1024];
        file.read_exact_at(&mut bytes, partition.start + SUPERBLOCK)
            .context("its superblock")?;
        let features = u32_at(&bytes, 0x60);
        ensure!(
            features & NEEDS_RECOVERY == 0,
            "the journal of partition {} holds changes that are not in their places yet, since it was not unmounted: let e2fsck \
             replay it in a copy (losetup --partscan, then e2fsck -f on the partition), or take an image that nobody has booted",
            partition.number
        );
        let shift = u32_at(&bytes, 0x18);
        ensure!(shift <= 6, "its blocks are of a size that can't be");
        let is_64bit = features & IS_64BIT != 0;
        let inodes = Self {
            file: Rc::clone(file),
            start: partition.start,
            length: partition.length,
            block: 1024 << shift,
            inode: u16_at(&bytes, 0x58).into(),
            descriptor: if is_64bit {
                u16_at(&bytes, 0xfe).into()
            } else {
                32
            },
            per_group: u32_at(&bytes, 0x28),
            count: u32_at(&bytes, 0),
            is_64bit,
        };
        ensure!(
            inodes.per_group > 0
                && (SMALLEST as u64..=inodes.block).contains(&(inodes.inode as u64))
                && (32..=inodes.block).contains(&inodes.descriptor),
            "its superblock says sizes that can't be"
        );
        Ok(inodes)
    }

    /// The inode of that number.
    pub(super) fn read(&self, number: u32) -> Result<Inode> {
        self.look(number).with_context(|| format!("inode {number}"))
    }

    fn look(&self, number: u32) -> Result<Inode> {
        ensure!(
            (1..=self.count).contains(&number),
            "there are only {}",
            self.count
        );
        let (group, index) = ((number - 1) / self.per_group, (number - 1) % self.per_group);
        let mut bytes = vec![0; self.inode];
        let at = u64::from(index) * self.inode as u64;
        self.bytes(self.table(group)?, at, &mut bytes)?;
        let block: [u8; 60] = *bytes[0x28..].first_chunk().context("it is cut")?;
        let blocks_of_attributes =
            u64::from(u32_at(&bytes, 0x68)) | u64::from(u16_at(&bytes, 0x76)) << 32;
        let mut extended = attributes::within(&bytes)?;
        if blocks_of_attributes != 0 {
            let mut block = vec![0; self.block_size()?];
            self.bytes(blocks_of_attributes, 0, &mut block)?;
            extended.extend(attributes::of_block(&block)?);
        }
        Ok(Inode {
            mode: u16_at(&bytes, 0),
            names: u16_at(&bytes, 0x1a),
            device: device(u32_at(&block, 0), u32_at(&block, 4)),
            extended,
            size: u64::from(u32_at(&bytes, 4)) | u64::from(u32_at(&bytes, 0x6c)) << 32,
            flags: u32_at(&bytes, 0x20),
            root: block,
        })
    }

    /// The first block of a group's table of inodes.
    fn table(&self, group: u32) -> Result<u64> {
        let first = if self.block == 1024 { 2 } else { 1 };
        let mut bytes = vec![0; usize::try_from(self.descriptor)?];
        let at = u64::from(group) * self.descriptor;
        self.bytes(first, at, &mut bytes)?;
        let high = match self.is_64bit && bytes.len() >= 0x2c {
            true => u32_at(&bytes, 0x28),
            false => 0,
        };
        Ok(u64::from(u32_at(&bytes, 8)) | u64::from(high) << 32)
    }

    /// The names in a folder, with their inodes, without `.` and `..`.
    pub(super) fn folder(&self, folder: &Inode) -> Result<HashMap<Vec<u8>, u32>> {
        ensure!(
            folder.flags & HAS_EXTENTS != 0,
            "it lists its blocks in the way of ext2 and ext3, which isn't read here: mount it and pack that folder"
        );
        ensure!(
            folder.size <= MAX_FOLDER,
            "it is {} MiB long",
            folder.size >> 20
        );
        let mut found = HashMap::new();
        let mut block = vec![0; self.block_size()?];
        for number in extents::blocks(self, &folder.root, folder.size.div_ceil(self.block))? {
            self.bytes(number, 0, &mut block)?;
            names(&block, &mut found)?;
        }
        Ok(found)
    }

    fn block_size(&self) -> Result<usize> {
        Ok(usize::try_from(self.block)?)
    }

    /// What is so far behind the beginning of that block.
    fn bytes(&self, block: u64, offset: u64, into: &mut [u8]) -> Result<()> {
        let at = block
            .checked_mul(self.block)
            .and_then(|at| at.checked_add(offset));
        let end = at.and_then(|at| at.checked_add(into.len() as u64));
        let at = at.filter(|_| end.is_some_and(|end| end <= self.length));
        let at = at.with_context(|| format!("block {block} lies outside of the partition"))?;
        let read = self.file.read_exact_at(into, self.start + at);
        read.with_context(|| format!("block {block}"))
    }
}

/// The entries of a block of a folder. Those of its index look like removed ones, as does the checksum at the end.
fn names(block: &[u8], found: &mut HashMap<Vec<u8>, u32>) -> Result<()> {
    let mut rest = block;
    while rest.len() >= 8 {
        let length: usize = match u16_at(rest, 4) {
            // A block of 64 KiB has no other way to say so.
            0 | u16::MAX if rest.len() == 1 << 16 => 1 << 16,
            length => length.into(),
        };
        let (inode, name) = (u32_at(rest, 0), usize::from(rest[6]));
        ensure!(
            length >= 8 + name && length <= rest.len(),
            "an entry of the folder is {length} bytes long, which can't be"
        );
        let name = &rest[8..8 + name];
        if inode != 0 && !matches!(name, b"." | b"..") {
            found.insert(name.to_owned(), inode);
        }
        rest = &rest[length..];
    }
    Ok(())
}

/// The kernel's old and new way to write one down (include/linux/kdev_t.h).
fn device(old: u32, new: u32) -> (u32, u32) {
    match old {
        0 => (
            (new & 0xf_ff00) >> 8,
            (new & 0xff) | ((new >> 12) & 0xf_ff00),
        ),
        old => ((old >> 8) & 0xff, old & 0xff),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let two = bytes[at..at + 2].first_chunk();
    u16::from_le_bytes(*two.expect("it is two bytes long"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes[at..at + 4].first_chunk();
    u32::from_le_bytes(*four.expect("it is four bytes long"))
}
