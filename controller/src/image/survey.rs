//! What is in an archive, read as a Pi reads it: digest and length of the file, entries and bytes of what it unpacks to, for which
//! machines its programs are, and what an NFS export can't hold. It makes nothing.
use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use picket_proto::image::{Architecture, Digest, Format};
use picketd::reinstall::{
    archive::{Archive, entry::Kind},
    decompress::Decompressed,
};
use ring::digest::{Context, SHA256};

use super::elf;

/// Decompressors are fed so many bytes at a time.
const BUFFER: usize = 128 * 1024;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Of the file's bytes.
    pub sha256: Digest,
    /// Length of the file, in bytes.
    pub size: u64,
    /// Content of all regular files, in bytes.
    pub installed_size: u64,
    /// Entries, without the root folder.
    pub entries: u64,
    /// Of most of its programs, if it has any.
    pub architecture: Option<Architecture>,
    /// Entries with extended attributes, as file capabilities: an NFS export can't hold them.
    pub extended: Vec<String>,
}

/// Reads an archive of that format to its end.
///
/// # Errors
/// It can't be read, or is one that a Pi would refuse.
pub fn survey(format: Format, packed: impl Read) -> Result<Survey> {
    let seen = Arc::new(Mutex::new((Context::new(&SHA256), 0)));
    let digested = Digested {
        source: packed,
        seen: Arc::clone(&seen),
    };
    let input = BufReader::with_capacity(BUFFER, digested);
    let mut archive = Archive::new(Decompressed::new(format, input)?);
    let (mut entries, mut installed_size) = (0, 0_u64);
    let mut extended = Vec::new();
    let mut machines = BTreeMap::<_, u64>::new();
    while let Some(entry) = archive.next_entry()? {
        entries += u64::from(!entry.path.is_empty());
        if !entry.extended.is_empty() {
            extended.push(entry.path.escape_ascii().to_string());
        }
        if let Kind::File { size, .. } = entry.kind {
            installed_size = installed_size.saturating_add(size);
            if let Some(machine) = elf::architecture(&head(&mut archive)?) {
                *machines.entry(machine).or_default() += 1;
            }
        }
    }
    // What the decompressor didn't want belongs to the file, too.
    let mut below = archive.finish()?.into_below();
    io::copy(&mut below, &mut io::sink())?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let sha256 = seen.0.clone().finish();
    Ok(Survey {
        sha256: Digest(sha256.as_ref().try_into().expect("SHA-256 has 32 bytes")),
        size: seen.1,
        installed_size,
        entries,
        architecture: machines
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(machine, _)| machine),
        extended,
    })
}

/// The first bytes of the current entry.
fn head<R: Read>(archive: &mut Archive<R>) -> Result<Vec<u8>> {
    let mut head = [0; elf::HEAD];
    let mut filled = 0;
    while filled < head.len() {
        match archive.read(&mut head[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(head[..filled].to_vec())
}

/// Digest and length of what passes; shared, since decompressors keep their input.
struct Digested<R> {
    source: R,
    seen: Arc<Mutex<(Context, u64)>>,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(into)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.0.update(&into[..count]);
        seen.1 += count as u64;
        Ok(count)
    }
}
