//! `picket image pack`: an archive and its manifest from a root file system.
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use picket_proto::image::Format;
use picketd::reinstall::decompress::Decompressed;

use super::product::Product;
use crate::{
    cmd::Exit,
    image::{Left, pack_folder, pack_tar},
};

/// Pack a root file system into an image, with its manifest
///
/// SOURCE is a folder with a whole root file system, or a tar archive of one
/// (also compressed, by zstd, xz or gzip; `-` is the standard input), as
/// mmdebstrap makes it. Run it as root, so that everything can be read and owners
/// are right. The same folder makes the same bytes each time.
///
///   mmdebstrap trixie - | picket image pack - --name debian-13-arm64 \
///       --image-version 13.2
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Pack {
    /// The folder or the archive
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    #[command(flatten)]
    product: Product,
}

pub(super) fn run(args: &Pack) -> Result<Exit> {
    let format = args.product.format;
    args.product.make(|file| write(&args.source, format, file))
}

/// Writes the archive.
fn write(source: &Path, format: Format, file: &mut File) -> Result<Left> {
    let into = BufWriter::new(file);
    if source.is_dir() {
        return pack_folder(source, format, into);
    }
    let tar: Box<dyn Read> = match source == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(source).with_context(|| format!("{}", source.display()))?),
    };
    pack_tar(plain(tar)?, format, into)?;
    Ok(Left::default())
}

/// The archive without its compression, which its first bytes tell (RFC 8878, RFC 1952, and xz's file format).
fn plain(mut packed: Box<dyn Read>) -> Result<Box<dyn Read>> {
    let mut head = Vec::new();
    packed.by_ref().take(6).read_to_end(&mut head)?;
    let format = match head.as_slice() {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Format::TarZst),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Some(Format::TarXz),
        [0x1f, 0x8b, ..] => Some(Format::TarGz),
        _ => None,
    };
    let packed = io::Cursor::new(head).chain(packed);
    Ok(match format {
        None => Box::new(packed),
        Some(format) => Box::new(Decompressed::new(format, BufReader::new(packed))?),
    })
}
