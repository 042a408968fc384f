//! A machine tree: a private copy of a fixture that a test may change while the agent runs on it.
use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A copy of a fixture, removed with its handle.
pub struct Tree {
    folder: TempDir,
}

impl Tree {
    /// Copies the fixture of that name.
    pub fn of(fixture: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(fixture);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        copy(&from, folder.path())
            .unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
        Self { folder }
    }

    /// The tree's root.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A path beneath the root.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// Replaces a file in one step, as a kernel file changes.
    pub fn write(&self, relative: &str, content: &str) {
        let path = self.path(relative);
        let fresh = path.with_extension("fresh");
        fs::write(&fresh, content).expect("the tree is writable");
        fs::rename(&fresh, &path).expect("the tree is writable");
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
