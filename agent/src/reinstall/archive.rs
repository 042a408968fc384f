//! Reads a tar archive as a stream: ustar, pax and GNU's, with long names and sparse files of both. It makes nothing; what it gives
//! is checked to stay inside by its text. All that it keeps of the archive at a time is one entry's header.
//!
//! Formats: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format" and "Storing Sparse Files".
pub mod entry;
mod pax;
mod sparse;

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::fault::Fault;
use entry::{Attributes, Entry, Kind};
use pax::Pax;

/// tar's unit.
const BLOCK: usize = 512;
/// An extended header or a long name is at most this long, in bytes.
const MAX_EXTENSION: u64 = 1024 * 1024;
/// What follows the archive's end is at most this long, in bytes: padding to a full record.
const MAX_PADDING: u64 = 16 * 1024 * 1024;

/// An archive that is being read.
pub struct Archive<R> {
    input: R,
    /// Bytes of the current entry's data that were not read yet, and the padding after them.
    data: u64,
    padding: u64,
    global: Pax,
}

impl<R: Read> Archive<R> {
    /// The archive of a stream.
    pub fn new(input: R) -> Self {
        Self {
            input,
            data: 0,
            padding: 0,
            global: Pax::default(),
        }
    }

    /// The next entry; `None` at the end. What was not read of the data of the one before is skipped.
    ///
    /// # Errors
    /// [`Fault::Archive`] with the entry's name, or what the reader below failed with.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Fault> {
        let mut said = self.global.clone();
        let (mut long_name, mut long_link) = (None, None);
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = header.entry_size().map_err(|_| malformed("a size"))?;
            self.promise(size)?;
            match header.entry_type() {
                EntryType::XHeader => said.take(&self.extension(size)?)?,
                EntryType::XGlobalHeader => {
                    let records = self.extension(size)?;
                    self.global.take(&records)?;
                    said.take(&records)?;
                }
                EntryType::GNULongName => long_name = Some(text(self.extension(size)?)),
                EntryType::GNULongLink => long_link = Some(text(self.extension(size)?)),
                _ => {
                    said.path = said.path.or(long_name);
                    said.link = said.link.or(long_link);
                    return self.entry(&header, said).map(Some);
                }
            }
        }
    }

    /// Reads data of the current entry: what is in the archive, without holes. 0 at its end.
    ///
    /// # Errors
    /// [`Fault::Archive`] when the archive ends within, or what the reader below failed with.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let most = into
            .len()
            .min(usize::try_from(self.data).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        match read_some(&mut self.input, &mut into[..most])? {
            0 => Err(Fault::Archive("it ends too early".to_owned())),
            count => {
                self.data -= count as u64;
                Ok(count)
            }
        }
    }

    /// Reads what follows the archive's end, so that whoever is below has seen everything.
    ///
    /// # Errors
    /// [`Fault::Archive`]: more follows than padding; or what the reader below failed with.
    pub fn finish(mut self) -> Result<R, Fault> {
        let mut rest = [0; 4096];
        let mut seen = 0;
        loop {
            match read_some(&mut self.input, &mut rest)? {
                0 => return Ok(self.input),
                count if rest[..count].iter().any(|&byte| byte != 0) => {
                    return Err(malformed("something follows its end"));
                }
                count => seen += count as u64,
            }
            if seen > MAX_PADDING {
                return Err(malformed("padding without end"));
            }
        }
    }

    fn header(&mut self) -> Result<Option<Header>, Fault> {
        let mut header = Header::new_old();
        self.input
            .read_exact(header.as_mut_bytes())
            .map_err(Fault::back)?;
        if header.as_bytes().iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let bytes = header.as_bytes();
        let sum: u32 = bytes[..148]
            .iter()
            .chain(&bytes[156..])
            .map(|&byte| u32::from(byte))
            .sum();
        match header.cksum() {
            Ok(right) if right == sum + 8 * u32::from(b' ') => Ok(Some(header)),
            _ => Err(malformed("a header's checksum is wrong")),
        }
    }

    fn entry(&mut self, header: &Header, said: Pax) -> Result<Entry, Fault> {
        let raw = match (&said.sparse.name, &said.path) {
            (Some(name), _) | (None, Some(name)) => name.clone(),
            (None, None) => header.path_bytes().into_owned(),
        };
        let path = entry::path(&raw)?;
        match (header.entry_type(), said.size) {
            (kind, Some(stored)) if has_data(kind) => self.promise(stored)?,
            (kind, None) if has_data(kind) => {}
            // GNU tar and POSIX disagree on whether something follows.
            (EntryType::Link, _) if self.data > 0 => {
                return Err(Fault::entry(&path, "a hard link with data of its own"));
            }
            _ => self.promise(0)?,
        }
        let attributes = attributes(header, &said, &path)?;
        let kind = self.kind(header, &said, &path, &raw)?;
        if path.is_empty() && kind != Kind::Folder {
            return Err(Fault::entry(&raw, "the root folder is no folder"));
        }
        Ok(Entry {
            path,
            kind,
            attributes,
            extended: said.extended,
        })
    }

    fn kind(
        &mut self,
        header: &Header,
        said: &Pax,
        path: &[u8],
        raw: &[u8],
    ) -> Result<Kind, Fault> {
        let link = || match &said.link {
            Some(link) => link.clone(),
            None => header.link_name_bytes().unwrap_or_default().into_owned(),
        };
        let refused = |why: &str| Err(Fault::entry(path, why));
        let kind = match header.entry_type() {
            // Before POSIX a folder was a file whose name ends with a slash.
            EntryType::Regular if raw.ends_with(b"/") => Kind::Folder,
            EntryType::Regular | EntryType::Continuous => return self.file(said, path),
            EntryType::GNUSparse => return self.gnu_sparse(header, path),
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink => entry::target(path, link())?,
            EntryType::Link => entry::first_name(path, &link())?,
            EntryType::Fifo => Kind::Fifo,
            kind @ (EntryType::Char | EntryType::Block) => {
                let (Ok(Some(major)), Ok(Some(minor))) =
                    (header.device_major(), header.device_minor())
                else {
                    return refused("a device without a number");
                };
                match kind {
                    EntryType::Char => Kind::Character(major, minor),
                    _ => Kind::Block(major, minor),
                }
            }
            other => {
                return refused(&format!(
                    "an entry of the unknown type {:#04x}",
                    other.as_byte()
                ));
            }
        };
        Ok(kind)
    }

    fn file(&mut self, said: &Pax, path: &[u8]) -> Result<Kind, Fault> {
        let sparse = &said.sparse;
        let Some(size) = sparse.size.filter(|_| sparse.is_any()) else {
            return Ok(Kind::File {
                size: self.data,
                map: None,
            });
        };
        let map = match sparse.has_map_in_data() {
            true => sparse::map_in_data(self)?,
            false => sparse.map.clone(),
        };
        sparse::check(&map, size, self.data).map_err(|why| Fault::entry(path, why))?;
        Ok(Kind::File {
            size,
            map: Some(map),
        })
    }

    fn gnu_sparse(&mut self, header: &Header, path: &[u8]) -> Result<Kind, Fault> {
        let (map, size) = sparse::gnu(&mut self.input, header)?;
        sparse::check(&map, size, self.data).map_err(|why| Fault::entry(path, why))?;
        Ok(Kind::File {
            size,
            map: Some(map),
        })
    }

    /// So much data follows.
    fn promise(&mut self, size: u64) -> Result<(), Fault> {
        let padded = size.checked_next_multiple_of(BLOCK as u64);
        self.padding = padded.ok_or_else(|| malformed("a size"))? - size;
        self.data = size;
        Ok(())
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, Fault> {
        if size > MAX_EXTENSION {
            return Err(malformed(
                "an extended header or a long name of more than 1 MiB",
            ));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        let mut filled = 0;
        while filled < bytes.len() {
            filled += self.read(&mut bytes[filled..])?;
        }
        Ok(bytes)
    }

    fn skip(&mut self) -> Result<(), Fault> {
        let mut unwanted = [0; 4096];
        while self.read(&mut unwanted)? > 0 {}
        let padding = usize::try_from(self.padding).unwrap_or_default();
        self.padding = 0;
        self.input
            .read_exact(&mut unwanted[..padding])
            .map_err(Fault::back)
    }
}

fn attributes(header: &Header, said: &Pax, path: &[u8]) -> Result<Attributes, Fault> {
    let wrong = |what: &str| Fault::entry(path, format!("{what} is malformed"));
    let id = |said: Option<u64>, in_header: io::Result<u64>, what| {
        let id = said.map_or(in_header, Ok).map_err(|_| wrong(what))?;
        // The last number means "leave it" to chown(2).
        u32::try_from(id)
            .ok()
            .filter(|&id| id != u32::MAX)
            .ok_or_else(|| wrong(what))
    };
    let seconds = || {
        let seconds = header.mtime().map_err(|_| wrong("its time"))?;
        i64::try_from(seconds).map_err(|_| wrong("its time"))
    };
    Ok(Attributes {
        mode: header.mode().map_err(|_| wrong("its mode"))? & 0o7777,
        uid: id(said.uid, header.uid(), "its owner")?,
        gid: id(said.gid, header.gid(), "its group")?,
        mtime: match said.mtime {
            Some(time) => time,
            None => (seconds()?, 0),
        },
    })
}

/// Of other types a size means nothing, and nothing follows.
fn has_data(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse
    )
}

/// A long name ends with a NUL.
fn text(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

fn read_some(input: &mut impl Read, into: &mut [u8]) -> Result<usize, Fault> {
    loop {
        match input.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map_err(Fault::back),
        }
    }
}

fn malformed(what: &str) -> Fault {
    Fault::Archive(format!("{what} is malformed"))
}

#[cfg(test)]
mod tests;
