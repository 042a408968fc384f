//! A file of the machine's disk: where it is now, and how people call it. Aboard the lifeboat the two differ. It opens nothing.
use std::{
    fmt,
    ops::Deref,
    path::{self, Path, PathBuf},
};

/// A path on the disk. As a [`Path`] it is where the file is; shown, it is what its owner wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct OnDisk {
    at: PathBuf,
    named: PathBuf,
}

impl OnDisk {
    /// The file that people call `named` and that is at `at`.
    pub(super) fn new(at: PathBuf, named: &Path) -> Self {
        Self {
            at,
            named: named.to_owned(),
        }
    }

    /// The file of that name in this directory.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self {
            at: self.at.join(name),
            named: self.named.join(name),
        }
    }

    /// How people call it.
    #[must_use]
    pub fn named(&self) -> &Path {
        &self.named
    }

    /// The same, to be shown.
    #[must_use]
    pub fn display(&self) -> path::Display<'_> {
        self.named.display()
    }
}

/// A path that is called what it is. Not for all that has a path in it: an [`OnDisk`] would lose its name.
impl From<&Path> for OnDisk {
    fn from(path: &Path) -> Self {
        Self::new(path.to_owned(), path)
    }
}

/// The same.
impl From<&PathBuf> for OnDisk {
    fn from(path: &PathBuf) -> Self {
        path.as_path().into()
    }
}

impl Deref for OnDisk {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.at
    }
}

impl AsRef<Path> for OnDisk {
    fn as_ref(&self) -> &Path {
        &self.at
    }
}

impl fmt::Debug for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.named.display(), self.at.display())
    }
}
