//! A root filesystem made by somebody who wants files outside of it to be written, and the outside that must stay as it is.
use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

/// What lies outside of a tree: a folder that nobody may write into, and a file in it that nobody may change.
pub struct Outside {
    folder: TempDir,
    before: [Looks; 2],
}

/// Device and inode, mode and owners, and when any of it was changed last.
type Looks = ([u64; 2], [u32; 3], [i64; 2]);

const SECRET: &str = "nobody may change this";
const FILE: &str = "file";

impl Outside {
    /// Makes it, away from every tree.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join(FILE);
        fs::write(&file, SECRET).expect("the folder is ours");
        let before = [looks(folder.path()), looks(&file)];
        Self { folder, before }
    }

    /// Where a symlink may lead to get a folder outside: absolute, and by more steps upwards than there are.
    pub fn ways(&self) -> Vec<PathBuf> {
        let path = self.folder.path();
        let relative = path.strip_prefix("/").expect("it is absolute");
        vec![path.to_owned(), Path::new(&"../".repeat(20)).join(relative)]
    }

    /// The same for a file, one that is there and one that isn't.
    pub fn files(&self) -> Vec<PathBuf> {
        let there = self.ways().into_iter().map(|way| way.join(FILE));
        let new = self.ways().into_iter().map(|way| way.join("new"));
        there.chain(new).collect()
    }

    /// Puts a symlink to `target` in the place of a tree's file or folder.
    pub fn lead(&self, root: &Path, path: &str, target: &Path) {
        symlink(target, clear(root, path)).expect("the tree is ours");
    }

    /// Puts a FIFO there, at which who opens it waits for ever, and removes it when it was replaced.
    pub fn block(&self, root: &Path, path: &str) {
        let at = clear(root, path);
        mknodat(CWD, &at, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("the tree is ours");
        assert!(fs::symlink_metadata(&at).is_ok_and(|at| at.file_type().is_fifo()));
    }

    /// Looks whether all of it is as it was.
    ///
    /// # Panics
    /// It isn't.
    pub fn check(&self, path: &str, target: &Path) {
        let names: Vec<_> = fs::read_dir(self.folder.path())
            .expect("the folder is ours")
            .map(|entry| entry.expect("it can be read").file_name())
            .collect();
        let text = fs::read_to_string(self.file()).unwrap_or_default();
        let after = [looks(self.folder.path()), looks(&self.file())];
        assert!(
            names == [FILE] && text == SECRET && after == self.before,
            "{path} -> {} led outside: {names:?}",
            target.display()
        );
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }
}

/// Writes the smallest file that passes for a program of this machine's: trees that are made by the hundred need no more.
pub fn small_program(path: &Path) {
    let mut head = [0; 64];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    head[18] = 62;
    fs::write(path, head).expect("the folder is ours");
}

fn looks(path: &Path) -> Looks {
    let found = fs::symlink_metadata(path).expect("it is there");
    (
        [found.dev(), found.ino()],
        [found.mode(), found.uid(), found.gid()],
        [found.ctime(), found.ctime_nsec()],
    )
}

fn clear(root: &Path, path: &str) -> PathBuf {
    let at = root.join(path);
    let above = at.parent().expect("it lies in the tree");
    fs::create_dir_all(above).expect("the tree is ours");
    if at.is_dir() {
        fs::remove_dir_all(&at).expect("the tree is ours");
    } else {
        let _ = fs::remove_file(&at);
    }
    at
}
