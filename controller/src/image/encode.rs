//! Compresses what is written, so that the same bytes always make the same file, and a Pi has the memory to read it.
use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};
use lzma_rust2::{XzOptions, XzWriter};
use picket_proto::image::{Format, ZSTD_WINDOW_LOG};

/// zstd's level: a Debian root takes a minute or two, and gets nearly as small as it can.
const ZSTD_LEVEL: i32 = 15;
/// xz's: a dictionary of 8 MiB.
const XZ_PRESET: u32 = 6;

/// Where an archive's bytes go.
pub(super) enum Encoder<W: Write> {
    Zstd(zstd::Encoder<'static, W>),
    Xz(Box<XzWriter<W>>),
    Gzip(GzEncoder<W>),
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(format: Format, into: W) -> io::Result<Self> {
        Ok(match format {
            Format::TarZst => {
                let mut encoder = zstd::Encoder::new(into, ZSTD_LEVEL)?;
                encoder.window_log(ZSTD_WINDOW_LOG)?;
                encoder.long_distance_matching(true)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
            Format::TarXz => {
                let options = XzOptions::with_preset(XZ_PRESET);
                Self::Xz(Box::new(XzWriter::new(into, options)?))
            }
            // Its header has no time and no name then.
            Format::TarGz => Self::Gzip(GzEncoder::new(into, Compression::best())),
        })
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Zstd(encoder) => encoder.finish(),
            Self::Xz(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::Xz(encoder) => encoder.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.flush(),
            Self::Xz(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}
