//! What the first life leaves in the environment of the second, and how the second sees whether it is true. It changes nothing.
use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use rustix::fs::statfs;

use super::step::is_memory;
use crate::world::HOST;

/// The name of the variable.
const NAME: &str = "PICKET_LIFEBOAT";

/// What the first life knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The number of the mount namespace that it made.
    pub(super) namespace: u64,
    /// The directory that it was started in.
    pub(super) started_in: PathBuf,
}

/// The environment says that this process is aboard, and it isn't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{NAME} is in the environment, and this process is not aboard a lifeboat: {why}; start picketd without that variable"
)]
pub struct WrongMark {
    why: String,
}

impl Mark {
    /// The mark in this process's environment, if there is one.
    ///
    /// # Errors
    /// It is none that a first life writes.
    pub fn from_environment() -> Result<Option<Self>, WrongMark> {
        env::var_os(NAME).map(|text| Self::parse(&text)).transpose()
    }

    fn parse(text: &OsStr) -> Result<Self, WrongMark> {
        let bytes = text.as_bytes();
        let colon = bytes.iter().position(|&byte| byte == b':');
        let parts = colon.map(|at| (&bytes[..at], &bytes[at + 1..]));
        parts
            .and_then(|(number, directory)| {
                Some(Self {
                    namespace: std::str::from_utf8(number).ok()?.parse().ok()?,
                    started_in: OsString::from_vec(directory.to_vec()).into(),
                })
            })
            .filter(|mark| mark.started_in.is_absolute())
            .ok_or_else(|| wrong(format!("it is {text:?}")))
    }

    /// Name and value, for the second life.
    pub(super) fn variable(&self) -> (&'static str, OsString) {
        let mut value = OsString::from(format!("{}:", self.namespace));
        value.push(&self.started_in);
        (NAME, value)
    }

    /// Looks whether it is true: this is that namespace, the root and the binary are in the same memory, the disk is another.
    ///
    /// # Errors
    /// What is otherwise.
    pub(super) fn check(&self) -> Result<(), WrongMark> {
        let looked = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| wrong(format!("{what} can't be looked at: {error}"))
        };
        let namespace = namespace().map_err(looked("/proc/self/ns/mnt"))?;
        if namespace != self.namespace {
            return Err(wrong("its mounts are not its own".to_owned()));
        }
        let memory = statfs("/").map_err(|error| looked("/")(error.into()))?;
        let device = |path: &str| {
            let metadata = fs::metadata(path).map_err(looked(path))?;
            Ok(metadata.dev())
        };
        let root = device("/")?;
        if !is_memory(memory.f_type as u64) || device("/proc/self/exe")? != root {
            return Err(wrong("its root is not in memory with it".to_owned()));
        }
        match device(HOST)? == root {
            true => Err(wrong(format!("nothing is mounted on {HOST}"))),
            false => Ok(()),
        }
    }
}

/// The number of this process's mount namespace.
pub(super) fn namespace() -> io::Result<u64> {
    fs::metadata(Path::new("/proc/self/ns/mnt")).map(|metadata| metadata.ino())
}

fn wrong(why: String) -> WrongMark {
    WrongMark { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_from_the_environment_and_nothing_else_is_one() {
        let mark = Mark {
            namespace: 4_026_532_000,
            started_in: OsStr::from_bytes(b"/a:b/\xff").into(),
        };
        let (name, value) = mark.variable();
        assert_eq!((name, Mark::parse(&value)), (NAME, Ok(mark)));
        for text in [
            "",
            "1",
            ":",
            "1:",
            "1:relative",
            ":/",
            "x:/",
            "-1:/",
            "99999999999999999999:/",
        ] {
            let error = Mark::parse(text.as_ref()).unwrap_err().to_string();
            assert!(error.contains(&format!("it is {text:?}")), "{error}");
        }
    }

    #[test]
    fn a_mark_is_not_believed_where_it_is_not_true() {
        let mark = |namespace| Mark {
            namespace,
            started_in: "/".into(),
        };
        let here = namespace().unwrap();
        for (namespace, why) in [(here + 1, "not its own"), (here, "not in memory with it")] {
            let error = mark(namespace).check().unwrap_err().to_string();
            assert!(
                error.contains(why) && error.ends_with("without that variable"),
                "{error}"
            );
        }
    }
}
