//! The highest version of a catalogue that this Pi has taken, beside its slots. It lies on the tenant's export: who has the root of the Pi
//! can take it away, and what the configuration says holds all the same. It knows no catalogue.
use std::io;

use crate::slots::layout::Export;

const NAME: &str = "catalogue-version";
/// The longest number, and the end of its line.
const MAX: usize = 21;

/// The version; 0 if none was taken yet.
///
/// # Errors
/// It is there and can't be read, or is no number.
pub(super) fn read(export: &Export) -> io::Result<u64> {
    let Some(picket) = export.picket_if_there()? else {
        return Ok(0);
    };
    let bytes = match picket.read_file(NAME, MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        bytes => bytes?,
    };
    let text = std::str::from_utf8(&bytes).ok();
    let version = text.and_then(|text| text.strip_suffix('\n')?.parse().ok());
    version.ok_or_else(|| io::Error::other("it holds no number"))
}

/// Keeps that version, durably.
///
/// # Errors
/// It can't be written; the one before stays.
pub(super) fn keep(export: &Export, version: u64) -> io::Result<()> {
    let line = format!("{version}\n");
    export.picket()?.put_file(NAME, 0o600, line.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_what_is_no_number_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let export = Export::open(folder.path()).unwrap();
        assert_eq!(read(&export).unwrap(), 0);
        for version in [0, 7, u64::MAX] {
            keep(&export, version).unwrap();
            assert_eq!(read(&export).unwrap(), version);
        }
        for bad in ["", "\n", "-1\n", "7", "7\n7\n", "99999999999999999999\n"] {
            fs::write(folder.path().join("picket").join(NAME), bad).unwrap();
            assert!(read(&export).is_err(), "{bad:?}");
        }
        // One that is bad is replaced.
        keep(&export, 8).unwrap();
        assert_eq!(read(&export).unwrap(), 8);
    }
}
