//! The blocks of a folder: the tree of extents that begins in its inode (Documentation/filesystems/ext4/ifork.rst).
use anyhow::{Result, ensure};

use super::{Inodes, u16_at, u32_at};

const MAGIC: u16 = 0xf30a;
const EACH: usize = 12;
/// No tree is deeper.
const MAX_DEPTH: u16 = 5;
/// An extent of more blocks is one that was never written.
const MAX_LENGTH: u16 = 32_768;

/// The blocks of that tree, in their order; more than `most` are too many.
pub(super) fn blocks(inodes: &Inodes, root: &[u8], most: u64) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    node(inodes, root, (MAX_DEPTH, most), &mut found)?;
    Ok(found)
}

fn node(
    inodes: &Inodes,
    bytes: &[u8],
    (below, most): (u16, u64),
    found: &mut Vec<u64>,
) -> Result<()> {
    let (count, depth) = (usize::from(u16_at(bytes, 2)), u16_at(bytes, 6));
    ensure!(
        u16_at(bytes, 0) == MAGIC && depth <= below && (count + 1) * EACH <= bytes.len(),
        "its list of blocks is broken"
    );
    for entry in bytes[EACH..].chunks_exact(EACH).take(count) {
        if depth > 0 {
            let next = u64::from(u32_at(entry, 4)) | u64::from(u16_at(entry, 8)) << 32;
            let mut block = vec![0; inodes.block_size()?];
            inodes.bytes(next, 0, &mut block)?;
            node(inodes, &block, (depth - 1, most), found)?;
            continue;
        }
        let length = u16_at(entry, 4);
        ensure!(length <= MAX_LENGTH, "a block of it was never written");
        let first = u64::from(u32_at(entry, 8)) | u64::from(u16_at(entry, 6)) << 32;
        found.extend((0..u64::from(length)).map(|step| first.saturating_add(step)));
        ensure!(
            found.len() as u64 <= most,
            "it has more blocks than its size says"
        );
    }
    Ok(())
}
