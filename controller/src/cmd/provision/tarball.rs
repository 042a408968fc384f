//! A tarball of a folder's files, in the POSIX ustar format (IEEE Std 1003.1, pax), with `picket/` before their names and root as
//! their owner. It doesn't know what the files are.
use std::{fs, os::unix::fs::MetadataExt, path::Path};

use anyhow::{Context, Result};

use crate::authority::write_private;

const BLOCK: usize = 512;
/// The kinds of entries that are here.
const FILE: u8 = b'0';
const FOLDER: u8 = b'5';

/// Writes a tarball of all files in that folder.
pub(super) fn of(folder: &Path, tarball: &Path) -> Result<()> {
    let mut tar = header("picket/", 0o700, 0, FOLDER).to_vec();
    let mut names = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<std::io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let shown = path.display();
        let bytes = fs::read(&path).with_context(|| format!("{shown} can't be read"))?;
        let mode = fs::metadata(&path)?.mode() & 0o777;
        let name = format!("picket/{}", name.to_string_lossy());
        tar.extend(header(&name, mode, bytes.len(), FILE));
        tar.extend(&bytes);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    write_private(tarball, &tar)
}

/// `name` has less than 100 bytes.
fn header(name: &str, mode: u32, size: usize, kind: u8) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(100, &format!("{mode:07o}"));
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    // The checksum counts itself as blanks.
    put(148, "        ");
    put(257, "ustar");
    put(263, "00");
    header[156] = kind;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let text = format!("{sum:06o}\0 ");
    header[148..156].copy_from_slice(text.as_bytes());
    header
}
