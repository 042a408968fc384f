//! Maps of sparse files: where in a file the data of the archive belong. It reads them and checks that they are possible.
use std::io::Read;

use tar::{GnuExtSparseHeader, Header};

use super::{Archive, BLOCK, malformed, pax};
use crate::reinstall::fault::Fault;

/// Offset and length of each piece.
pub(super) type Map = Vec<(u64, u64)>;

/// The map of GNU's old format, in the header and in further ones behind it, and the file's length.
pub(super) fn gnu(input: &mut impl Read, header: &Header) -> Result<(Map, u64), Fault> {
    let gnu = header
        .as_gnu()
        .ok_or_else(|| malformed("a sparse file's header"))?;
    let wrong = |_| malformed("a sparse file's map");
    let size = gnu.real_size().map_err(wrong)?;
    let mut map = Vec::new();
    for piece in gnu.sparse.iter().filter(|piece| !piece.is_empty()) {
        map.push((
            piece.offset().map_err(wrong)?,
            piece.length().map_err(wrong)?,
        ));
    }
    let mut goes_on = gnu.is_extended();
    while goes_on {
        let mut more = GnuExtSparseHeader::new();
        input.read_exact(more.as_mut_bytes()).map_err(Fault::back)?;
        for piece in more.sparse.iter().filter(|piece| !piece.is_empty()) {
            map.push((
                piece.offset().map_err(wrong)?,
                piece.length().map_err(wrong)?,
            ));
        }
        if map.len() > pax::MAX_MAP {
            return Err(malformed("a sparse file of too many pieces"));
        }
        goes_on = more.is_extended();
    }
    Ok((map, size))
}

/// The map of pax's format 1.0: decimal lines at the beginning of the data, padded to a block.
pub(super) fn map_in_data<R: Read>(archive: &mut Archive<R>) -> Result<Map, Fault> {
    let mut lines = Lines {
        archive,
        block: [0; BLOCK],
        at: BLOCK,
    };
    let count = lines.number()?;
    if count > pax::MAX_MAP as u64 {
        return Err(malformed("a sparse file of too many pieces"));
    }
    (0..count)
        .map(|_| Ok((lines.number()?, lines.number()?)))
        .collect()
}

struct Lines<'a, R> {
    archive: &'a mut Archive<R>,
    block: [u8; BLOCK],
    at: usize,
}

impl<R: Read> Lines<'_, R> {
    fn number(&mut self) -> Result<u64, Fault> {
        const MOST: usize = 20;
        let mut digits = Vec::with_capacity(MOST);
        loop {
            match self.byte()? {
                b'\n' => return pax::number(&digits),
                _ if digits.len() == MOST => return Err(malformed("a sparse file's map")),
                digit => digits.push(digit),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        if self.at == BLOCK {
            let mut filled = 0;
            while filled < BLOCK {
                match self.archive.read(&mut self.block[filled..])? {
                    0 => return Err(malformed("a sparse file's map")),
                    count => filled += count,
                }
            }
            self.at = 0;
        }
        self.at += 1;
        Ok(self.block[self.at - 1])
    }
}

/// Whether the pieces follow one another within the file, and are as long as the data that there are.
pub(super) fn check(map: &[(u64, u64)], size: u64, data: u64) -> Result<(), &'static str> {
    const WRONG: &str = "a sparse file whose map is malformed";
    let (mut end, mut total) = (0_u64, 0_u64);
    for &(offset, length) in map {
        if offset < end {
            return Err(WRONG);
        }
        end = offset
            .checked_add(length)
            .filter(|&end| end <= size)
            .ok_or(WRONG)?;
        total += length;
    }
    match total == data {
        true => Ok(()),
        false => Err(WRONG),
    }
}
