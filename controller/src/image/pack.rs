//! Packs a folder or an archive. A folder's entries go in by their names' bytes, each folder before what is in it, with owners by
//! number and whole seconds: the same tree makes the same archive. An archive's entries stay as they are.
use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use picket_proto::image::Format;
use rustix::fs::{major, minor};
use tar::{Builder, EntryType, Header};

use super::encode::Encoder;

/// The name of a header that brings a longer one (GNU tar's manual, "Basic Tar Format").
const LONG: &[u8] = b"././@LongLink";

/// What a folder has and its archive doesn't.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// Sockets: programs make theirs.
    pub sockets: Vec<PathBuf>,
    /// Folders whose content is another file system's: they are packed empty.
    pub mounts: Vec<PathBuf>,
}

/// Packs what is below `root`.
///
/// # Errors
/// Something can't be read or written, or changes meanwhile; the message names it.
pub fn pack_folder(root: &Path, format: Format, into: impl Write) -> Result<Left> {
    let metadata = fs::metadata(root).with_context(|| format!("{}", root.display()))?;
    ensure!(metadata.is_dir(), "{} is no folder", root.display());
    let mut packing = Packing {
        tar: Builder::new(Encoder::new(format, into)?),
        root: root.to_owned(),
        device: metadata.dev(),
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

struct Packing<W: Write> {
    tar: Builder<Encoder<W>>,
    root: PathBuf,
    device: u64,
    /// First names of files that have several, by inode.
    names: HashMap<u64, PathBuf>,
    left: Left,
}

impl<W: Write> Packing<W> {
    fn folder(&mut self, folder: &Path) -> Result<()> {
        let whole = self.root.join(folder);
        let shown = || format!("the folder {}", whole.display());
        let names: io::Result<Vec<OsString>> = fs::read_dir(&whole)
            .with_context(shown)?
            .map(|entry| Ok(entry?.file_name()))
            .collect();
        let mut names = names.with_context(shown)?;
        names.sort();
        for name in names {
            let path = folder.join(name);
            let shown = self.root.join(&path);
            self.entry(&path)
                .with_context(|| format!("{}", shown.display()))?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path) -> Result<()> {
        let whole = self.root.join(path);
        let metadata = fs::symlink_metadata(&whole)?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            self.bare(path, &metadata, EntryType::Directory)?;
            if metadata.dev() == self.device {
                return self.folder(path);
            }
            self.left.mounts.push(path.to_owned());
            return Ok(());
        }
        if kind.is_socket() {
            self.left.sockets.push(path.to_owned());
            return Ok(());
        }
        if metadata.nlink() > 1 {
            if let Some(first) = self.names.get(&metadata.ino()).cloned() {
                return self.link(path, &metadata, (EntryType::Link, first.as_os_str()));
            }
            self.names.insert(metadata.ino(), path.to_owned());
        }
        if kind.is_symlink() {
            let target = fs::read_link(&whole)?;
            return self.link(path, &metadata, (EntryType::Symlink, target.as_os_str()));
        }
        if kind.is_file() {
            return self.file(path, &metadata, File::open(&whole)?);
        }
        let special = match (kind.is_char_device(), kind.is_block_device()) {
            (true, _) => EntryType::Char,
            (_, true) => EntryType::Block,
            _ => EntryType::Fifo,
        };
        self.bare(path, &metadata, special)
    }

    fn file(&mut self, path: &Path, metadata: &Metadata, file: File) -> Result<()> {
        let mut header = header(metadata, EntryType::Regular);
        header.set_size(metadata.len());
        self.name(&mut header, path.as_os_str())?;
        header.set_cksum();
        let mut content = Counted {
            file: file.take(metadata.len()),
            read: 0,
        };
        self.tar.append(&header, &mut content)?;
        ensure!(
            content.read == metadata.len(),
            "it became shorter while it was read"
        );
        Ok(())
    }

    fn link(&mut self, path: &Path, metadata: &Metadata, to: (EntryType, &OsStr)) -> Result<()> {
        let (kind, target) = to;
        let mut header = header(metadata, kind);
        let target = target.as_bytes();
        self.name(&mut header, path.as_os_str())?;
        self.field(target, EntryType::GNULongLink)?;
        let link = &mut header.as_old_mut().linkname;
        let length = target.len().min(link.len());
        link[..length].copy_from_slice(&target[..length]);
        header.set_cksum();
        Ok(self.tar.append(&header, io::empty())?)
    }

    fn bare(&mut self, path: &Path, metadata: &Metadata, kind: EntryType) -> Result<()> {
        let mut header = header(metadata, kind);
        if matches!(kind, EntryType::Char | EntryType::Block) {
            header.set_device_major(major(metadata.rdev()))?;
            header.set_device_minor(minor(metadata.rdev()))?;
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

fn header(metadata: &Metadata, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(metadata.uid().into());
    header.set_gid(metadata.gid().into());
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header.set_size(0);
    header
}

struct Counted {
    file: io::Take<File>,
    read: u64,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.read += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
