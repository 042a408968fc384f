//! A root file system in a folder of this machine.
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use rustix::{
    fs::{llistxattr, major, minor},
    io::Errno,
};

use super::root::{Kind, Looked, Root};

/// Names of extended attributes of one file take at most this much (xattr(7)).
const MAX_NAMES: usize = 64 * 1024;

/// A folder.
pub(super) struct Folder {
    root: PathBuf,
    device: u64,
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<Self> {
        let metadata = fs::metadata(root).with_context(|| format!("{}", root.display()))?;
        ensure!(metadata.is_dir(), "{} is no folder", root.display());
        Ok(Self {
            root: root.to_owned(),
            device: metadata.dev(),
        })
    }
}

impl Root for Folder {
    fn shown(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    fn names(&self, folder: &Path) -> Result<Vec<OsString>> {
        let names: io::Result<Vec<_>> = fs::read_dir(self.root.join(folder))?
            .map(|entry| Ok(entry?.file_name()))
            .collect();
        Ok(names?)
    }

    fn look(&self, path: &Path) -> Result<Looked> {
        let whole = self.root.join(path);
        let metadata = fs::symlink_metadata(&whole)?;
        let kind = metadata.file_type();
        let device = (major(metadata.rdev()), minor(metadata.rdev()));
        let kind = match () {
            () if kind.is_dir() => Kind::Folder,
            () if kind.is_symlink() => Kind::Symlink,
            () if kind.is_socket() => Kind::Socket,
            () if kind.is_char_device() => Kind::Character(device.0, device.1),
            () if kind.is_block_device() => Kind::Block(device.0, device.1),
            () if kind.is_fifo() => Kind::Fifo,
            () => Kind::File,
        };
        Ok(Looked {
            kind,
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            mtime: metadata.mtime(),
            size: metadata.len(),
            inode: metadata.ino(),
            names: metadata.nlink(),
            is_mount: metadata.dev() != self.device,
            extended: extended(&whole)?,
        })
    }

    fn target(&self, link: &Path) -> Result<PathBuf> {
        Ok(fs::read_link(self.root.join(link))?)
    }

    fn open(&self, file: &Path) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(File::open(self.root.join(file))?))
    }
}

fn extended(path: &Path) -> io::Result<Vec<String>> {
    let mut names = vec![0; MAX_NAMES];
    let length = match llistxattr(path, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        Err(errno) => return Err(errno.into()),
    };
    Ok(names[..length]
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| name.escape_ascii().to_string())
        .collect())
}
