//! Everything that can be seen of a tree, to be compared.
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// One name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) mode: u32,
    pub(super) size: u64,
    owner: (u32, u32),
    mtime: (i64, i64),
    device: u64,
    target: Option<PathBuf>,
    content: Option<Vec<u8>>,
    names: u64,
    /// Another name of the same file, the first in order.
    first: PathBuf,
    /// Of a regular file.
    pub(super) is_first_name: bool,
}

/// Of every name beneath it, and of itself.
pub(super) fn snapshot(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut paths = Vec::new();
    list(root, Path::new(""), &mut paths);
    paths.sort();
    let mut firsts = HashMap::new();
    paths
        .into_iter()
        .map(|path| (path.clone(), seen(root, &path, &mut firsts)))
        .collect()
}

fn list(root: &Path, path: &Path, paths: &mut Vec<PathBuf>) {
    paths.push(path.to_owned());
    if root.join(path).symlink_metadata().unwrap().is_dir() {
        for entry in fs::read_dir(root.join(path)).unwrap() {
            list(root, &path.join(entry.unwrap().file_name()), paths);
        }
    }
}

fn seen(root: &Path, path: &Path, firsts: &mut HashMap<u64, PathBuf>) -> Seen {
    let full = root.join(path);
    let metadata = full.symlink_metadata().unwrap();
    let is_file = metadata.is_file();
    let first = firsts
        .entry(metadata.ino())
        .or_insert_with(|| path.to_owned())
        .clone();
    Seen {
        mode: metadata.mode(),
        size: if is_file { metadata.size() } else { 0 },
        owner: (metadata.uid(), metadata.gid()),
        mtime: (metadata.mtime(), metadata.mtime_nsec()),
        device: metadata.rdev(),
        target: metadata.is_symlink().then(|| fs::read_link(&full).unwrap()),
        content: is_file.then(|| fs::read(&full).unwrap()),
        names: if is_file { metadata.nlink() } else { 0 },
        is_first_name: is_file && first == path,
        first,
    }
}
