//! Images in a folder of this machine, perhaps on a file server. It knows nothing of what is in them.
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat};

use crate::reinstall::fault::Fault;

/// A folder.
pub(crate) struct Folder {
    directory: File,
    shown: PathBuf,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty());
        let directory = opened.map_err(|errno| {
            Fault::Fetch(format!(
                "the folder of images {} can't be opened: {errno}",
                path.display()
            ))
        })?;
        Ok(Self {
            directory: directory.into(),
            shown: path.to_owned(),
        })
    }

    pub(super) fn stream(&self, name: &str, size: Option<u64>) -> Result<Opened, Fault> {
        let shown = self.shown.join(name);
        // NONBLOCK: a FIFO would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = openat(&self.directory, name, flags, Mode::empty());
        let file: File = opened
            .map_err(|errno| unreadable(&shown, errno.into()))?
            .into();
        let stat = fstat(&file).map_err(|errno| unreadable(&shown, errno.into()))?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(Fault::Fetch(format!(
                "{} is no regular file",
                shown.display()
            )));
        }
        match size {
            Some(size) if size != u64::try_from(stat.st_size).unwrap_or_default() => {
                Err(Fault::Digest(format!(
                    "{} has {} bytes, and {size} by the catalogue",
                    shown.display(),
                    stat.st_size
                )))
            }
            _ => Ok(Opened { file, shown }),
        }
    }
}

/// A file of it.
pub(super) struct Opened {
    file: File,
    shown: PathBuf,
}

impl Read for Opened {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into);
        read.map_err(|error| unreadable(&self.shown, error).carried())
    }
}

fn unreadable(path: &Path, error: io::Error) -> Fault {
    Fault::Fetch(format!("{} can't be read: {error}", path.display()))
}
