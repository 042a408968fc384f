//! A disk's image without its compression: into a file without a name, with holes where it is zero, since most of it is.
use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
    rc::Rc,
};

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

/// What is zero for so long becomes a hole: a block of most file systems.
const HOLE: usize = 4096;
const BUFFER: usize = 256 * HOLE;
/// A window of zstd, as a power of two: all that there are. This machine is no Pi.
const WINDOW_LOG: u32 = 31;

/// The file itself if it isn't compressed (by its first bytes: RFC 8878, RFC 1952, xz's file format), else what it decompresses to, in
/// the folder `beside`. `tell` hears how many bytes of how many were read, now and then.
///
/// # Errors
/// It can't be read or written, or ends too early.
pub fn plain(path: &Path, beside: &Path, tell: &mut dyn FnMut(u64, u64)) -> Result<File> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    (&file).take(6).read_to_end(&mut head)?;
    file.rewind()?;
    let of = file.metadata()?.len();
    let read = Rc::new(Cell::new(0));
    let whole = file.try_clone()?;
    let packed = BufReader::with_capacity(
        BUFFER,
        Counted {
            file,
            read: read.clone(),
        },
    );
    let unpacked: Box<dyn Read> = match head.as_slice() {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut decoder = zstd::Decoder::with_buffer(packed)?;
            decoder.window_log_max(WINDOW_LOG)?;
            Box::new(decoder)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(XzReader::new(packed, true)),
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(packed)),
        _ => return Ok(whole),
    };
    let into = tempfile::tempfile_in(beside).with_context(|| format!("{}", beside.display()))?;
    copy(unpacked, into, &mut || tell(read.get(), of)).with_context(|| {
        format!(
            "it is decompressed into the folder {} (--into names another)",
            beside.display()
        )
    })
}

fn copy(mut from: impl Read, mut into: File, tell: &mut dyn FnMut()) -> Result<File> {
    let mut buffer = vec![0; BUFFER];
    let mut length = 0_u64;
    loop {
        let filled = fill(&mut from, &mut buffer)?;
        for block in buffer[..filled].chunks(HOLE) {
            length += block.len() as u64;
            match block.iter().all(|&byte| byte == 0) {
                true => into.seek(SeekFrom::Start(length)).map(drop)?,
                false => into.write_all(block).context("can't write")?,
            }
        }
        tell();
        if filled < buffer.len() {
            break;
        }
    }
    into.set_len(length)?;
    Ok(into)
}

/// As much as there is room for.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(error).context("it ends too early: it is truncated");
            }
            Err(error) => return Err(error).context("it can't be decompressed"),
        }
    }
    Ok(filled)
}

struct Counted {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}
