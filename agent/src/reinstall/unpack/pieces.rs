//! A file's data as it comes from the archive, piece by piece, each where it belongs. It knows nothing of who writes them.
use std::io::Read;

use super::{
    super::{archive::Archive, fault::Fault},
    content::{PIECE, Piece, Rooms},
    digests::FileDigest,
};

/// The pieces of the file that comes next.
pub(super) struct Pieces<'a, R> {
    archive: &'a mut Archive<R>,
    map: std::vec::IntoIter<(u64, u64)>,
    /// What is left of the part of the map that is being read.
    current: (u64, u64),
    rooms: Rooms,
    digest: Option<FileDigest<'a>>,
}

impl<'a, R: Read> Pieces<'a, R> {
    /// Where data is, by offset and length; the rest is holes.
    pub(super) fn new(archive: &'a mut Archive<R>, map: Vec<(u64, u64)>, rooms: Rooms) -> Self {
        Self {
            archive,
            map: map.into_iter(),
            current: (0, 0),
            rooms,
            digest: None,
        }
    }

    /// They are digested on their way.
    pub(super) fn digested(mut self, digest: FileDigest<'a>) -> Self {
        self.digest = Some(digest);
        self
    }

    pub(super) fn next(&mut self) -> Result<Option<Piece>, Fault> {
        while self.current.1 == 0 {
            match self.map.next() {
                Some(part) => self.current = part,
                None => {
                    if let Some(digest) = self.digest.take() {
                        digest.finish();
                    }
                    return Ok(None);
                }
            }
        }
        let (offset, left) = self.current;
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        let room = self.rooms.take(length);
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.archive.read(&mut bytes[filled..])? {
                0 => return Err(Fault::Archive("it ends too early".to_owned())),
                count => filled += count,
            }
        }
        if let Some(digest) = &mut self.digest {
            digest.add(offset, &bytes);
        }
        self.current = (offset + length as u64, left - length as u64);
        Ok(Some(Piece {
            offset,
            bytes,
            _room: room,
        }))
    }
}
