//! Packs a root file system or an archive. A root's entries go in by their names' bytes, each folder before what is in it, with owners by
//! number and whole seconds: the same tree makes the same archive. An archive's entries stay as they are.
use std::{
    collections::HashMap,
    ffi::OsStr,
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use picket_proto::image::Format;
use tar::{Builder, EntryType, Header};

use super::{
    disk::DiskRoot,
    encode::Encoder,
    folder::Folder,
    root::{Kind, Looked, Root},
};

/// The name of a header that brings a longer one (GNU tar's manual, "Basic Tar Format").
const LONG: &[u8] = b"././@LongLink";

/// What a root file system has and its archive doesn't.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// Sockets: programs make theirs.
    pub sockets: Vec<PathBuf>,
    /// Folders whose content is another file system's: they are packed empty.
    pub mounts: Vec<PathBuf>,
    /// Entries with extended attributes, as file capabilities, which an NFS export can't hold: they are packed without.
    pub extended: Vec<String>,
}

/// Packs what is below `root`.
///
/// # Errors
/// Something can't be read or written, or changes meanwhile; the message names it.
pub fn pack_folder(root: &Path, format: Format, into: impl Write) -> Result<Left> {
    pack(&Folder::open(root)?, format, into)
}

/// Packs the root file system in a disk's image.
///
/// # Errors
/// Something can't be read or written; the message names it.
pub fn pack_disk(root: &DiskRoot, format: Format, into: impl Write) -> Result<Left> {
    pack(root, format, into)
}

fn pack(root: &dyn Root, format: Format, into: impl Write) -> Result<Left> {
    let mut packing = Packing {
        tar: Builder::new(Encoder::new(format, into)?),
        root,
        names: HashMap::new(),
        left: Left::default(),
    };
    packing.folder(Path::new(""))?;
    let encoder = packing.tar.into_inner()?;
    encoder.finish()?.flush()?;
    Ok(packing.left)
}

/// Packs the tar archive in `tar`, byte by byte.
///
/// # Errors
/// It can't be read or written.
pub fn pack_tar(mut tar: impl Read, format: Format, into: impl Write) -> Result<()> {
    let mut encoder = Encoder::new(format, into)?;
    io::copy(&mut tar, &mut encoder)?;
    Ok(encoder.finish()?.flush()?)
}

struct Packing<'a, W: Write> {
    tar: Builder<Encoder<W>>,
    root: &'a dyn Root,
    /// First names of files that have several, by inode.
    names: HashMap<u64, PathBuf>,
    left: Left,
}

impl<W: Write> Packing<'_, W> {
    fn folder(&mut self, folder: &Path) -> Result<()> {
        let whole = self.root.shown(folder);
        let names = self.root.names(folder);
        let mut names = names.with_context(|| format!("the folder {}", whole.display()))?;
        names.sort();
        for name in names {
            let path = folder.join(name);
            let shown = self.root.shown(&path);
            self.entry(&path)
                .with_context(|| format!("{}", shown.display()))?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path) -> Result<()> {
        let looked = self.root.look(path)?;
        if !looked.extended.is_empty() {
            let names = looked.extended.join(", ");
            self.left
                .extended
                .push(format!("{} ({names})", path.display()));
        }
        if looked.kind == Kind::Folder {
            self.bare(path, &looked, EntryType::Directory)?;
            if !looked.is_mount {
                return self.folder(path);
            }
            self.left.mounts.push(path.to_owned());
            return Ok(());
        }
        if looked.kind == Kind::Socket {
            self.left.sockets.push(path.to_owned());
            return Ok(());
        }
        if looked.names > 1 {
            if let Some(first) = self.names.get(&looked.inode).cloned() {
                return self.link(path, &looked, (EntryType::Link, first.as_os_str()));
            }
            self.names.insert(looked.inode, path.to_owned());
        }
        match looked.kind {
            Kind::Symlink => {
                let target = self.root.target(path)?;
                self.link(path, &looked, (EntryType::Symlink, target.as_os_str()))
            }
            Kind::Character(..) => self.bare(path, &looked, EntryType::Char),
            Kind::Block(..) => self.bare(path, &looked, EntryType::Block),
            Kind::Fifo => self.bare(path, &looked, EntryType::Fifo),
            Kind::File | Kind::Folder | Kind::Socket => self.file(path, &looked),
        }
    }

    fn file(&mut self, path: &Path, looked: &Looked) -> Result<()> {
        let mut header = header(looked, EntryType::Regular);
        header.set_size(looked.size);
        self.name(&mut header, path.as_os_str())?;
        header.set_cksum();
        let mut content = Counted {
            file: self.root.open(path)?.take(looked.size),
            read: 0,
        };
        self.tar.append(&header, &mut content)?;
        ensure!(
            content.read == looked.size,
            "it became shorter while it was read"
        );
        Ok(())
    }

    fn link(&mut self, path: &Path, looked: &Looked, to: (EntryType, &OsStr)) -> Result<()> {
        let (kind, target) = to;
        let mut header = header(looked, kind);
        let target = target.as_bytes();
        self.name(&mut header, path.as_os_str())?;
        self.field(target, EntryType::GNULongLink)?;
        let link = &mut header.as_old_mut().linkname;
        let length = target.len().min(link.len());
        link[..length].copy_from_slice(&target[..length]);
        header.set_cksum();
        Ok(self.tar.append(&header, io::empty())?)
    }

    fn bare(&mut self, path: &Path, looked: &Looked, kind: EntryType) -> Result<()> {
        let mut header = header(looked, kind);
        if let Kind::Character(major, minor) | Kind::Block(major, minor) = looked.kind {
            header.set_device_major(major)?;
            header.set_device_minor(minor)?;
        }
        self.name(&mut header, path.as_os_str())?;
        header.set_cksum();
        Ok(self.tar.append(&header, io::empty())?)
    }

    fn name(&mut self, header: &mut Header, path: &OsStr) -> Result<()> {
        let path = path.as_bytes();
        self.field(path, EntryType::GNULongName)?;
        let name = &mut header.as_old_mut().name;
        let length = path.len().min(name.len());
        name[..length].copy_from_slice(&path[..length]);
        Ok(())
    }

    /// A header of its own for a text that has no room in a header's 100 bytes.
    fn field(&mut self, text: &[u8], kind: EntryType) -> Result<()> {
        if text.len() <= 100 {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..LONG.len()].copy_from_slice(LONG);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(kind);
        let text = [text, b"\0"].concat();
        header.set_size(text.len() as u64);
        header.set_cksum();
        Ok(self.tar.append(&header, text.as_slice())?)
    }
}

fn header(looked: &Looked, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(looked.mode);
    header.set_uid(looked.uid.into());
    header.set_gid(looked.gid.into());
    header.set_mtime(u64::try_from(looked.mtime).unwrap_or(0));
    header.set_size(0);
    header
}

struct Counted<R> {
    file: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.read += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
