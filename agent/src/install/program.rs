//! picketd's program: which one is installed, and whether the one that a tree has is left.
use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::tree::Tree;

use super::{
    Error,
    architecture::{Architecture, HEAD},
};

const PATH: &str = "usr/bin/picketd";
/// More than any picketd has, also one with everything for a debugger.
const MAX: u64 = 256 << 20;
/// Programs that every root filesystem has one of, to see for which machine it is.
const EXAMPLES: [&str; 6] = [
    "usr/bin/sh",
    "bin/sh",
    "bin/busybox",
    "usr/lib/systemd/systemd",
    "lib/systemd/systemd",
    "sbin/init",
];

/// By this a program of picketd's tells its version to whoever doesn't run it. It lies in every one of them.
#[used]
static MARK: &[u8] = concat!("picketd's version: ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
const BEFORE_VERSION: usize = "picketd's version: ".len();

/// What becomes of a program that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// It stays unless it is older, or no picketd.
    Older,
    /// It stays only if it is newer.
    Other,
}

/// A program that was left in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    version: Version,
}

type Version = [u32; 3];

/// The program to install.
#[derive(Debug)]
pub struct Program {
    bytes: Vec<u8>,
    shown: String,
}

impl Program {
    /// The one that runs.
    ///
    /// # Errors
    /// It can't be read.
    pub fn this() -> Result<Self, Error> {
        Self::read(Path::new("/proc/self/exe"))
    }

    /// The one of that path.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            File::open(path)?.take(MAX + 1).read_to_end(&mut bytes)?;
            match bytes.len() as u64 > MAX {
                true => Err(io::ErrorKind::FileTooLarge.into()),
                false => Ok(bytes),
            }
        };
        match read() {
            Ok(bytes) => Ok(Self { bytes, shown }),
            Err(source) => Err(Error::Program {
                program: shown,
                source,
            }),
        }
    }

    /// Looks whether it is for the machine that the tree's programs are for.
    ///
    /// # Errors
    /// It isn't. A tree in which no program is found has no say.
    pub(super) fn fits(&self, tree: &Tree) -> Result<(), Error> {
        let no_program = || Error::NoProgram(self.shown.clone());
        let is = Architecture::of(&self.bytes).ok_or_else(no_program)?;
        for example in EXAMPLES {
            let Some(file) = tree.file(example).ok().flatten() else {
                continue;
            };
            let mut head = Vec::new();
            if file.take(HEAD).read_to_end(&mut head).is_err() {
                continue;
            }
            match Architecture::of(&head) {
                Some(wanted) if !is.runs_beside(wanted) => {
                    return Err(Error::Architecture {
                        program: self.shown.clone(),
                        is,
                        tree: tree.shown().to_owned(),
                        wanted,
                    });
                }
                Some(_) => return Ok(()),
                None => {}
            }
        }
        Ok(())
    }

    /// Puts it into the tree, or says why not.
    pub(super) fn put(&self, tree: &Tree, replace: Replace) -> Result<Option<Kept>, Error> {
        // Whatever else may lie there is replaced unread.
        if tree.has_file(PATH)? {
            let there = tree.read(PATH, MAX)?.unwrap_or_default();
            if let Some(version) = version(&there).filter(|_| Architecture::of(&there).is_some()) {
                let own = version_of_own();
                if version > own || (version == own && replace == Replace::Older) {
                    // Whatever it was before: a program that can't be executed is of no use.
                    tree.write(PATH, there, 0o755)?;
                    return Ok((version > own).then_some(Kept { version }));
                }
            }
        }
        tree.write(PATH, &self.bytes, 0o755)?;
        Ok(None)
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.version;
        write!(
            f,
            "its picketd is newer ({major}.{minor}.{patch}), and was left"
        )
    }
}

fn version_of_own() -> Version {
    version(MARK).expect("Cargo's versions are three numbers")
}

/// The version that a program of picketd's tells.
fn version(program: &[u8]) -> Option<Version> {
    memchr::memmem::find_iter(program, &MARK[..BEFORE_VERSION])
        .find_map(|at| parse(&program[at + BEFORE_VERSION..]))
}

fn parse(bytes: &[u8]) -> Option<Version> {
    let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(64)])?;
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    let numbers = text.split(['-', '+']).next()?;
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_tells_its_version_among_other_bytes() {
        let told = |text: &str| version(format!("\x7fELF...{text}...").as_bytes());
        // Not as text of its own: beside other text of this test it would be a version in the test's own program.
        let begin = std::str::from_utf8(&MARK[..BEFORE_VERSION]).unwrap();
        for (text, found) in [
            (format!("{begin}1.20.3\n"), Some([1, 20, 3])),
            (format!("{begin}1.20.3-rc.1\n"), Some([1, 20, 3])),
            (format!("{begin}{begin}2.0.0\n"), Some([2, 0, 0])),
            (format!("{begin}1.20\n"), None),
            (format!("{begin}1.2.3.4\n"), None),
            (format!("{begin}1.2.3"), None),
            (String::new(), None),
        ] {
            assert_eq!(told(&text), found, "{text:?}");
        }
    }

    #[test]
    fn this_program_tells_its_own() {
        let this = Program::this().unwrap();
        assert_eq!(version(&this.bytes), Some(version_of_own()));
    }
}
