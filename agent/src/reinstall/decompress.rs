//! Decompresses what comes, within a bound of memory that is looked at before any is taken. It knows neither archives nor sources.
use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use picket_proto::image::{Format, ZSTD_WINDOW_LOG};

use super::fault::Fault;

/// What a dictionary of xz may need, in KiB: that of `xz -9` is 64 MiB. The order's preflight asks for that much memory.
pub(crate) const XZ_LIMIT_KIB: u32 = 66 * 1024;

/// The bytes of an archive.
pub enum Decompressed<R: BufRead> {
    /// By zstd.
    Zstd(zstd::Decoder<'static, R>),
    /// By xz.
    Xz(Box<XzReader<R>>),
    /// By gzip.
    Gzip(Box<MultiGzDecoder<R>>),
}

impl<R: BufRead> Decompressed<R> {
    /// Of what is packed like that.
    ///
    /// # Errors
    /// No memory for the decompressor.
    pub fn new(format: Format, packed: R) -> Result<Self, Fault> {
        Ok(match format {
            Format::TarZst => {
                let decoder = zstd::Decoder::with_buffer(packed).and_then(|mut decoder| {
                    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                    Ok(decoder)
                });
                Self::Zstd(
                    decoder.map_err(|error| {
                        Fault::NoRoom(format!("no memory to decompress: {error}"))
                    })?,
                )
            }
            Format::TarXz => Self::Xz(Box::new(XzReader::new_mem_limit(
                packed,
                true,
                XZ_LIMIT_KIB,
            ))),
            Format::TarGz => Self::Gzip(Box::new(MultiGzDecoder::new(packed))),
        })
    }

    /// What is below.
    #[must_use]
    pub fn into_below(self) -> R {
        match self {
            Self::Zstd(decoder) => decoder.finish(),
            Self::Xz(decoder) => decoder.into_inner(),
            Self::Gzip(decoder) => decoder.into_inner(),
        }
    }
}

impl<R: BufRead> Read for Decompressed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(decoder) => decoder.read(into).map_err(too_large_a_window),
            Self::Xz(decoder) => decoder.read(into).map_err(too_large_a_dictionary),
            Self::Gzip(decoder) => decoder.read(into),
        }
    }
}

/// zstd's own words would send the operator to a switch of its command line.
fn too_large_a_window(error: io::Error) -> io::Error {
    match error.to_string().contains("too much memory") {
        true => refused(
            "its window is larger than 8 MiB: pack it with `picket image pack`, or zstd without --long",
        ),
        false => error,
    }
}

fn too_large_a_dictionary(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::OutOfMemory => {
            refused("its dictionary is larger than 64 MiB: pack it with xz -6")
        }
        _ => error,
    }
}

fn refused(why: &str) -> io::Error {
    Fault::Archive(why.to_owned()).carried()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    use super::*;

    /// What a tool makes of it.
    fn packed(bytes: &[u8], command: &[&str]) -> Vec<u8> {
        let mut tool = Command::new(command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = tool.stdin.take().unwrap();
        let bytes = bytes.to_vec();
        let writer = std::thread::spawn(move || input.write_all(&bytes));
        let out = tool.wait_with_output().unwrap();
        // A tool may end before it has read everything only when it fails.
        writer.join().unwrap().unwrap();
        out.stdout
    }

    fn unpacked(format: Format, packed: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        let mut decompressed = Decompressed::new(format, packed)?;
        decompressed.read_to_end(&mut bytes).map_err(Fault::back)?;
        Ok(bytes)
    }

    /// Text that doesn't fit into one block of any of them.
    fn sample(length: usize) -> Vec<u8> {
        (0..length as u64)
            .map(|at| (at * at / 7 % 251) as u8)
            .collect()
    }

    #[test]
    fn what_the_tools_pack_comes_out_as_it_was_and_a_part_of_it_is_an_error() {
        let bytes = sample(1_000_000);
        for (format, command) in [
            (Format::TarZst, &["zstd", "-q"][..]),
            (Format::TarZst, &["zstd", "-q", "--long=23", "-19"]),
            (Format::TarXz, &["xz", "-6"]),
            (Format::TarXz, &["xz", "-0", "--block-size=100000"]),
            (Format::TarGz, &["gzip"]),
        ] {
            let packed = packed(&bytes, command);
            assert!(unpacked(format, &packed).unwrap() == bytes, "{command:?}");
            let twice = [&packed[..], &packed].concat();
            assert_eq!(
                unpacked(format, &twice).unwrap().len(),
                2 * bytes.len(),
                "{command:?} twice"
            );
            for end in [0, 1, 10, packed.len() / 2, packed.len() - 1] {
                let cut = unpacked(format, &packed[..end]);
                // Nothing at all is an empty frame to zstd; the archive above misses its end then.
                let is_empty = matches!(&cut, Ok(bytes) if bytes.is_empty() && end == 0);
                assert!(
                    is_empty || matches!(cut, Err(Fault::Archive(_))),
                    "{command:?} cut at {end}: {cut:?}"
                );
            }
            let mut wrong = packed.clone();
            wrong[packed.len() / 2] ^= 0x55;
            assert!(
                unpacked(format, &wrong).is_err() || unpacked(format, &wrong).unwrap() != bytes
            );
        }
    }

    #[test]
    fn what_needs_more_memory_than_it_may_is_refused_with_the_way_out() {
        let bytes = sample(20_000_000);
        for (format, command, way_out) in [
            (Format::TarZst, &["zstd", "-q", "--long=24"][..], "8 MiB"),
            (
                Format::TarXz,
                &["xz", "--lzma2=preset=0,dict=128MiB"],
                "64 MiB",
            ),
        ] {
            let fault = unpacked(format, &packed(&bytes, command)).unwrap_err();
            assert!(
                matches!(&fault, Fault::Archive(why) if why.contains(way_out)),
                "{fault}"
            );
        }
    }
}
