//! The names of extended attributes, in an inode and in a block of their own (Documentation/filesystems/ext4/attributes.rst).
use anyhow::{Result, ensure};

use super::{SMALLEST, u16_at, u32_at};

const MAGIC: u32 = 0xea02_0000;
/// Of a block's own head.
const HEAD: usize = 32;
/// Of an entry, before its name.
const ENTRY: usize = 16;

/// Those behind an inode's fields.
pub(super) fn within(inode: &[u8]) -> Result<Vec<String>> {
    if inode.len() < SMALLEST + 4 {
        return Ok(Vec::new());
    }
    let at = SMALLEST + usize::from(u16_at(inode, SMALLEST));
    match inode.get(at..) {
        Some(rest) if rest.len() >= 4 && u32_at(rest, 0) == MAGIC => entries(&rest[4..]),
        _ => Ok(Vec::new()),
    }
}

/// Those in a block.
pub(super) fn of_block(block: &[u8]) -> Result<Vec<String>> {
    ensure!(
        u32_at(block, 0) == MAGIC,
        "its block of extended attributes is broken"
    );
    entries(&block[HEAD..])
}

fn entries(mut rest: &[u8]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    while rest.len() >= 4 && u32_at(rest, 0) != 0 {
        let length = usize::from(rest[0]);
        ensure!(
            rest.len() >= ENTRY + length,
            "its extended attributes are broken"
        );
        let name = rest[ENTRY..ENTRY + length].escape_ascii();
        found.push(format!("{}{name}", prefix(rest[1])));
        let next = (ENTRY + length).next_multiple_of(4);
        rest = rest.get(next..).unwrap_or_default();
    }
    Ok(found)
}

fn prefix(index: u8) -> &'static str {
    match index {
        1 => "user.",
        2 => "system.posix_acl_access",
        3 => "system.posix_acl_default",
        4 => "trusted.",
        6 => "security.",
        7 => "system.",
        8 => "system.richacl",
        _ => "",
    }
}
