//! One entry of an archive, as what is to be made: a path that stays inside, what it is, and what it is to have. What leads outside is
//! refused here, by its text alone; symlinks are the business of whoever makes the entry.
use std::ffi::CString;

use crate::reinstall::fault::{Fault, shown};

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where: plain names, `/` between them, none at the ends; empty for the root folder itself.
    pub path: Vec<u8>,
    /// What.
    pub kind: Kind,
    /// What it is to have.
    pub attributes: Attributes,
    /// Names of extended attributes that the archive has for it.
    pub extended: Vec<String>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A regular file.
    File {
        /// Its length, in bytes, holes included.
        size: u64,
        /// Where it has data, in the order in which they follow: offset and length; `None`: everywhere.
        map: Option<Vec<(u64, u64)>>,
    },
    /// A symlink with that target.
    Symlink(CString),
    /// Another name of the entry with that path.
    HardLink(Vec<u8>),
    /// A character device: major, minor.
    Character(u32, u32),
    /// A block device: major, minor.
    Block(u32, u32),
    /// A FIFO.
    Fifo,
}

/// What every entry is to have but a hard link, which has those of its first name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Permissions, with set-user-id, set-group-id and sticky: at most `0o7777`.
    pub mode: u32,
    /// Owner, by number.
    pub uid: u32,
    /// Group, by number.
    pub gid: u32,
    /// Time of its last change: seconds since 1970 and nanoseconds.
    pub mtime: (i64, u32),
}

/// More than Linux's PATH_MAX: such a path could be made, and hardly removed again.
const MAX_PATH: usize = 4096;
/// Folders within folders; Linux's own tools give up at PATH_MAX / 2.
const MAX_DEPTH: usize = 256;
const MAX_NAME: usize = 255;

/// A path of an archive as plain names: `./` and double and trailing slashes are taken off.
///
/// # Errors
/// [`Fault::Archive`]: it is absolute, has `..`, or is longer than paths may be.
pub fn path(raw: &[u8]) -> Result<Vec<u8>, Fault> {
    let refused = |why: &str| Err(Fault::entry(raw, why));
    if raw.is_empty() {
        return refused("an entry without a name");
    }
    if raw.contains(&0) {
        return refused("a name with a NUL");
    }
    if raw[0] == b'/' {
        return refused("an absolute path; names must be relative to the root folder");
    }
    if raw.len() > MAX_PATH {
        return refused("a path longer than 4096 bytes");
    }
    let mut names = Vec::new();
    for name in raw.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => return refused("a path with .. in it"),
            name if name.len() > MAX_NAME => return refused("a name longer than 255 bytes"),
            name => names.push(name),
        }
    }
    match names.len() > MAX_DEPTH {
        true => refused("folders deeper than 256"),
        false => Ok(names.join(&b'/')),
    }
}

/// The folder of a path, and its last name.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// The target of a symlink.
pub(super) fn target(entry: &[u8], raw: Vec<u8>) -> Result<Kind, Fault> {
    if raw.is_empty() || raw.len() >= MAX_PATH {
        return Err(Fault::entry(
            entry,
            "a symlink that leads nowhere or too far",
        ));
    }
    let target = CString::new(raw);
    target
        .map(Kind::Symlink)
        .map_err(|_| Fault::entry(entry, "a symlink whose target has a NUL"))
}

/// The first name of a hard link.
pub(super) fn first_name(entry: &[u8], raw: &[u8]) -> Result<Kind, Fault> {
    let first = path(raw).map_err(|_| {
        let why = format!("a hard link to {}, outside of the image", shown(raw));
        Fault::entry(entry, why)
    })?;
    match first.is_empty() || first == entry {
        true => Err(Fault::entry(
            entry,
            "a hard link to itself or to the root folder",
        )),
        false => Ok(Kind::HardLink(first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_plain_names_or_is_refused() {
        for (raw, plain) in [
            ("./", Some("")),
            (".", Some("")),
            ("./etc//ssh/", Some("etc/ssh")),
            ("etc/.ssh/..x", Some("etc/.ssh/..x")),
            ("", None),
            ("/etc", None),
            ("//etc", None),
            ("..", None),
            ("a/../b", None),
            ("a/..", None),
            ("./../a", None),
            ("a\0b", None),
            (&"x".repeat(256), None),
            (&"x/".repeat(257), None),
            (&"xxxxxxxxx/".repeat(410), None),
        ] {
            let found = path(raw.as_bytes()).ok();
            assert_eq!(found.as_deref(), plain.map(str::as_bytes), "{raw:?}");
        }
    }

    #[test]
    fn a_link_to_outside_is_refused_by_the_name_of_its_entry() {
        for raw in ["/etc/shadow", "../x", "", ".", "a/b"] {
            let fault = first_name(b"a/b", raw.as_bytes()).unwrap_err();
            assert!(fault.to_string().contains("a/b: a hard link to"), "{fault}");
        }
        let kind = first_name(b"a/b", b"./a/c").unwrap();
        assert_eq!(kind, Kind::HardLink(b"a/c".to_vec()));
        assert!(target(b"l", vec![]).is_err() && target(b"l", vec![b'x'; 4096]).is_err());
    }
}
