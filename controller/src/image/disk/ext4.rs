//! The root file system in a partition with ext4. Content, owners, times and their checksums are the crate `ext4-view`'s to read; what
//! it doesn't tell is [`Inodes`]'.
use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::FileExt,
    },
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::{Context, Result, anyhow, ensure};
use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType};

use super::{
    Partition,
    inodes::{Inodes, TOP},
};
use crate::image::root::{Kind, Looked, Root};

/// The file system's own, for e2fsck.
const LOST: &[u8] = b"lost+found";

/// A root file system in a disk's image.
pub struct DiskRoot {
    content: Ext4,
    inodes: Inodes,
    number: u32,
    /// The inodes of the names in each folder that was listed.
    listed: RefCell<HashMap<PathBuf, HashMap<Vec<u8>, u32>>>,
}

impl DiskRoot {
    pub(super) fn open(file: &Rc<File>, partition: &Partition) -> Result<Self> {
        let inodes = Inodes::open(file, partition)?;
        let window = Window {
            file: Rc::clone(file),
            start: partition.start,
            length: partition.length,
        };
        let content = Ext4::load(Box::new(window));
        let content = content.map_err(|error| {
            anyhow!(
                "partition {} can't be read: {error}; mount it, and pack that folder with picket image pack",
                partition.number
            )
        })?;
        Ok(Self {
            content,
            inodes,
            number: partition.number,
            listed: RefCell::default(),
        })
    }

    fn inode(&self, path: &Path) -> Result<u32> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(TOP);
        };
        if !self.listed.borrow().contains_key(above) {
            self.list(above)?;
        }
        let listed = self.listed.borrow();
        let inode = listed
            .get(above)
            .and_then(|names| names.get(name.as_bytes()));
        inode.copied().context("it isn't in its folder")
    }

    fn list(&self, folder: &Path) -> Result<()> {
        let inode = self.inodes.read(self.inode(folder)?)?;
        let names = self.inodes.folder(&inode)?;
        self.listed.borrow_mut().insert(folder.to_owned(), names);
        Ok(())
    }
}

impl Root for DiskRoot {
    fn shown(&self, path: &Path) -> PathBuf {
        Path::new(&format!("partition {}:", self.number)).join(path)
    }

    fn names(&self, folder: &Path) -> Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in self
            .content
            .read_dir(whole(folder).as_path())
            .map_err(told)?
        {
            let entry = entry.map_err(told)?;
            let name = entry.file_name();
            let name: &[u8] = name.as_ref();
            if !matches!(name, b"." | b"..") {
                names.push(OsString::from_vec(name.to_owned()));
            }
        }
        self.list(folder)?;
        let listed = self.listed.borrow();
        let listed = listed.get(folder).context("it was listed")?;
        ensure!(
            listed.len() == names.len()
                && names
                    .iter()
                    .all(|name| listed.contains_key(name.as_bytes())),
            "two ways to read it find other names"
        );
        if folder.as_os_str().is_empty() {
            names.retain(|name| name.as_bytes() != LOST);
        }
        Ok(names)
    }

    fn look(&self, path: &Path) -> Result<Looked> {
        let found = self.content.symlink_metadata(whole(path).as_path());
        let found = found.map_err(told)?;
        let number = self.inode(path)?;
        let inode = self.inodes.read(number)?;
        let (major, minor) = inode.device;
        let kind = match found.file_type() {
            FileType::Directory => Kind::Folder,
            FileType::Regular => Kind::File,
            FileType::Symlink => Kind::Symlink,
            FileType::CharacterDevice => Kind::Character(major, minor),
            FileType::BlockDevice => Kind::Block(major, minor),
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
        };
        ensure!(
            inode.mode & 0o7777 == found.mode(),
            "two ways to read its inode find other modes"
        );
        Ok(Looked {
            kind,
            mode: found.mode().into(),
            uid: found.uid(),
            gid: found.gid(),
            mtime: found.modified().seconds(),
            size: found.len(),
            inode: number.into(),
            names: inode.names.into(),
            is_mount: false,
            extended: inode.extended,
        })
    }

    fn target(&self, link: &Path) -> Result<PathBuf> {
        let target = self.content.read_link(whole(link).as_path());
        let target = target.map_err(told)?;
        let target: &[u8] = target.as_ref();
        Ok(OsStr::from_bytes(target).into())
    }

    fn open(&self, file: &Path) -> Result<Box<dyn Read + '_>> {
        let opened = self.content.open(whole(file).as_path());
        Ok(Box::new(Content(opened.map_err(told)?)))
    }
}

/// It knows absolute paths only.
fn whole(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}

fn told(error: Ext4Error) -> anyhow::Error {
    anyhow!("{error}")
}

struct Content(ext4_view::File);

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read_bytes(into);
        read.map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A partition, as a file system sees it.
struct Window {
    file: Rc<File>,
    start: u64,
    length: u64,
}

impl Ext4Read for Window {
    fn read(
        &mut self,
        start: u64,
        into: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let end = start.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(format!("byte {start} lies outside of the partition").into());
        }
        Ok(self.file.read_exact_at(into, self.start + start)?)
    }
}
