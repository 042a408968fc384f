//! One kernel file that is read again and again, into a buffer that all of them share.
//!
//! It knows how much to read and never waits; what the text means is the business of its source.
use std::{fs::File, io, os::unix::fs::FileExt};

use picket_proto::Gap;

use crate::world::{self, World};

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it, in one piece: the kernel shows such a file as one record of at most 4 KiB.
    Record,
    /// Only its first bytes, at most so many.
    Head(usize),
    /// All of it, however many pieces the kernel makes of it, at most so many bytes.
    Whole(usize),
}

/// Kernel files of one record are at most this long.
const RECORD: usize = 4096;
/// A buffer begins with this many bytes and doubles when a file is longer.
const FIRST_PIECE: usize = 16 * 1024;

/// A kernel file. On the machine it stays open and is read anew from its start; in a tree it is opened for every read,
/// because there files are replaced. After an error it is opened anew too.
#[derive(Debug)]
pub struct KernelFile {
    world: World,
    path: String,
    extent: Extent,
    open: Option<File>,
}

impl KernelFile {
    /// The file at `path` (without a leading slash) beneath the world's root. It is opened at the first read.
    #[must_use]
    pub fn new(world: &World, path: impl Into<String>, extent: Extent) -> Self {
        Self {
            world: world.clone(),
            path: path.into(),
            extent,
            open: None,
        }
    }

    /// Reads the file as it is now, into the shared buffer.
    ///
    /// # Errors
    /// Why there is nothing to read, as a [`Gap`]; more than its extent allows is [`Gap::TooLarge`].
    pub fn read<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], Gap> {
        let file = match self.open.take() {
            Some(file) => file,
            None => self.world.open(&self.path)?,
        };
        let length = match self.extent {
            Extent::Record => read_record(&file, buffer),
            Extent::Head(limit) => read_at(&file, room(buffer, limit), 0),
            Extent::Whole(limit) => read_whole(&file, buffer, limit),
        }?;
        self.open = self.world.is_machine().then_some(file);
        Ok(&buffer[..length])
    }
}

fn read_record(file: &File, buffer: &mut Vec<u8>) -> Result<usize, Gap> {
    let length = read_at(file, room(buffer, RECORD + 1), 0)?;
    if length > RECORD {
        return Err(Gap::TooLarge);
    }
    Ok(length)
}

fn read_whole(file: &File, buffer: &mut Vec<u8>, limit: usize) -> Result<usize, Gap> {
    let mut length = 0;
    loop {
        if length > limit {
            return Err(Gap::TooLarge);
        }
        if buffer.len() <= length {
            let more = (buffer.len() * 2).clamp(FIRST_PIECE, limit.max(FIRST_PIECE) + 1);
            buffer.resize(more, 0);
        }
        match read_at(file, &mut buffer[length..], length)? {
            0 => return Ok(length),
            piece => length += piece,
        }
    }
}

fn room(buffer: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    &mut buffer[..length]
}

fn read_at(file: &File, buffer: &mut [u8], offset: usize) -> Result<usize, Gap> {
    loop {
        match file.read_at(buffer, offset as u64) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(|error| world::gap(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_extent_bounds_what_is_read() {
        let tree = tempfile::tempdir().unwrap();
        for (extent, length, read) in [
            (Extent::Record, 0, Ok(0)),
            (Extent::Record, 4096, Ok(4096)),
            (Extent::Record, 4097, Err(Gap::TooLarge)),
            (Extent::Head(100), 99, Ok(99)),
            (Extent::Head(100), 2_000_000, Ok(100)),
            (Extent::Whole(50_000), 0, Ok(0)),
            (Extent::Whole(50_000), 50_000, Ok(50_000)),
            (Extent::Whole(50_000), 50_001, Err(Gap::TooLarge)),
            (Extent::Whole(50_000), 2_000_000, Err(Gap::TooLarge)),
        ] {
            fs::write(tree.path().join("file"), vec![b'x'; length]).unwrap();
            let mut file = KernelFile::new(&World::new(tree.path()), "file", extent);
            let mut buffer = Vec::new();
            let bytes = file.read(&mut buffer).map(<[u8]>::len);
            assert_eq!(bytes, read, "{extent:?} of {length}");
            assert!(buffer.len() <= 60_000, "{} bytes of buffer", buffer.len());
        }
    }

    #[test]
    fn in_a_tree_a_replaced_file_is_seen_at_once() {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join("file");
        let mut file = KernelFile::new(&World::new(tree.path()), "file", Extent::Record);
        let mut buffer = Vec::new();
        assert_eq!(file.read(&mut buffer), Err(Gap::Absent));
        fs::write(&path, "one").unwrap();
        assert_eq!(file.read(&mut buffer), Ok(&b"one"[..]));
        fs::write(tree.path().join("next"), "two").unwrap();
        fs::rename(tree.path().join("next"), &path).unwrap();
        assert_eq!(file.read(&mut buffer), Ok(&b"two"[..]));
        fs::remove_file(&path).unwrap();
        assert_eq!(file.read(&mut buffer), Err(Gap::Absent));
    }

    #[test]
    fn on_the_machine_a_file_stays_open_and_is_read_from_its_start() {
        let mut file = KernelFile::new(&World::new("/"), "proc/loadavg", Extent::Record);
        let mut buffer = Vec::new();
        let first = file.read(&mut buffer).unwrap().to_vec();
        assert!(file.open.is_some());
        let second = file.read(&mut buffer).unwrap();
        assert!(!first.is_empty() && !second.is_empty());
    }
}
