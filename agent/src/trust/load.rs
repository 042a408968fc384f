//! Reads the `allowed_signers` file: a regular one, of bounded size, without waiting for the other end of a pipe. What is in
//! it, it doesn't know.
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::{problem::LineProblem, signers::AllowedSigners};
use crate::world::OnDisk;

/// A file is at most this long, in bytes: room for a thousand signers.
const MAX_BYTES: u64 = 256 * 1024;
/// Bits of a file's mode by which others than its owner may write it.
const OTHERS_WRITE: u32 = 0o022;

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Who may sign.
    pub signers: AllowedSigners,
    /// Lines that don't count.
    pub problems: Vec<LineProblem>,
    /// What else a person should know about the file, with the way out.
    pub warnings: Vec<String>,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It can't be opened or read.
    #[error("cannot read {}; see that it is there and that picketd may read it", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a directory, a pipe or a device.
    #[error("{} is no regular file; name one with lines like: alice@example.org ssh-ed25519 AAAA...", .path.display())]
    NoFile {
        /// Which file.
        path: PathBuf,
    },
    /// It is longer than anyone needs.
    #[error("{} is longer than {} KiB; keep only the lines of those who command Pis", .path.display(), MAX_BYTES / 1024)]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
}

/// Reads the file at `path`. It may take as long as its file system takes.
///
/// # Errors
/// It can't be read, is no regular file, or is longer than 256 KiB. A wrong line is no error.
pub fn load(path: impl Into<OnDisk>) -> Result<Loaded, LoadError> {
    let path = &path.into();
    let failed = |source| LoadError::Read {
        path: path.named().into(),
        source,
    };
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let opened = File::options().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(LoadError::NoFile {
            path: path.named().into(),
        });
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    if read.map_err(failed)? as u64 > MAX_BYTES {
        return Err(LoadError::TooLarge {
            path: path.named().into(),
        });
    }
    // A line with bytes that are no text is told as such by its replacement characters.
    let (signers, problems) = AllowedSigners::parse(&String::from_utf8_lossy(&bytes));
    Ok(Loaded {
        warnings: warnings(path.named(), metadata.permissions().mode(), &signers),
        signers,
        problems,
    })
}

fn warnings(path: &Path, mode: u32, signers: &AllowedSigners) -> Vec<String> {
    let path = path.display();
    let mut warnings = Vec::new();
    if mode & OTHERS_WRITE != 0 {
        warnings.push(format!(
            "others than its owner may write {path}, and so let themselves command this Pi; run `chmod go-w {path}`"
        ));
    }
    if signers.is_empty() {
        warnings.push(format!(
            "{path} names nobody who may sign, so every command is refused; add a line like: alice@example.org ssh-ed25519 AAAA..."
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use picket_test_keys::TestKey;

    use super::*;
    use crate::trust::LineFlaw;

    #[test]
    fn a_file_is_read_with_its_wrong_lines_told() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("allowed_signers");
        let good = TestKey::new(1).line("alice");
        let text = [
            good.as_bytes(),
            b"caf\xe9 nonsense\n\n",
            good.as_bytes(),
            b"bob\n",
        ]
        .concat();
        let loaded = write(&path, &text, 0o644);
        let lines: Vec<_> = loaded.signers.iter().map(|signer| signer.line()).collect();
        assert_eq!(lines, [1, 4]);
        let problems: Vec<_> = loaded
            .problems
            .iter()
            .map(|problem| (problem.line, &problem.flaw))
            .collect();
        assert_eq!(problems, [(2, &LineFlaw::Unseen), (5, &LineFlaw::NoKey)]);
        assert_eq!(loaded.warnings, [""; 0]);
        let told = loaded.problems[1].to_string();
        assert!(
            told.starts_with("line 5: there is no key; write "),
            "{told}"
        );
    }

    #[test]
    fn a_file_that_others_write_or_that_names_nobody_is_warned_of() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("allowed_signers");
        let line = TestKey::new(1).line("alice");
        for (text, mode, warnings) in [
            (line.as_str(), 0o600, &[][..]),
            (&line, 0o644, &[]),
            (&line, 0o664, &["chmod go-w"]),
            (&line, 0o646, &["chmod go-w"]),
            ("", 0o644, &["names nobody"]),
            ("# later\n", 0o666, &["chmod go-w", "names nobody"]),
        ] {
            let found = write(&path, text.as_bytes(), mode).warnings;
            assert_eq!(found.len(), warnings.len(), "{mode:o}: {found:?}");
            for (found, word) in found.iter().zip(warnings) {
                assert!(found.contains(word), "{mode:o}: {found}");
            }
        }
    }

    #[test]
    fn what_is_no_file_of_bounded_size_is_refused_at_once() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RUSR).unwrap();
        let most = usize::try_from(MAX_BYTES).unwrap();
        fs::write(path("most"), vec![b'\n'; most]).unwrap();
        fs::write(path("more"), vec![b'\n'; most + 1]).unwrap();
        assert!(load(&path("most")).is_ok());
        for (name, word) in [
            ("missing", "see that it is there"),
            (".", "no regular file"),
            ("pipe", "no regular file"),
            ("more", "longer than 256 KiB"),
        ] {
            let told = load(&path(name)).unwrap_err().to_string();
            assert!(told.contains(word), "{name}: {told}");
        }
    }

    fn write(path: &Path, text: &[u8], mode: u32) -> Loaded {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        load(path).unwrap()
    }
}
