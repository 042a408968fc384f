//! Reads every file of an image back and holds it against what the archive held: what a server or a disk lost or changed without an
//! error shows here. By many threads, as everything on a file server. It knows nothing of archives.
use std::{
    ffi::OsString,
    io::{self, Read},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use rustix::fs::Advice;

use super::{
    cancel::Cancel,
    fault::{Fault, shown},
    unpack::digests::{Content, Digests},
};
use crate::slots::beneath::{Dir, Kind};

const BUFFER: usize = 64 * 1024;
const STACK: usize = 128 * 1024;
/// Files that one thread takes at a time.
const SHARE: usize = 16;

/// Reads back what is in `root` with so many threads. It must be durable: what isn't written yet would be read from memory.
///
/// # Errors
/// [`Fault::Differs`] with the first file that isn't what it was; what reading failed with.
pub fn read_back(
    root: &Dir,
    digests: &Digests,
    threads: usize,
    cancel: &Cancel,
) -> Result<(), Fault> {
    let reading = Reading {
        root,
        digests,
        cancel,
        agreed: AtomicU64::new(0),
        work: Mutex::new(Work {
            waiting: vec![Share::Folder(PathBuf::new())],
            busy: 0,
            fault: None,
        }),
        changed: Condvar::new(),
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            let thread = thread::Builder::new()
                .name("reader".to_owned())
                .stack_size(STACK);
            thread
                .spawn_scoped(scope, || reading.run())
                .map_err(Fault::disk("can't start a reader"))?;
        }
        Ok::<(), Fault>(())
    })?;
    reading.end()
}

enum Share {
    Folder(PathBuf),
    Files(PathBuf, Vec<OsString>),
}

struct Reading<'a> {
    root: &'a Dir,
    digests: &'a Digests,
    cancel: &'a Cancel,
    agreed: AtomicU64,
    work: Mutex<Work>,
    changed: Condvar,
}

struct Work {
    waiting: Vec<Share>,
    /// Threads that may yet find more.
    busy: usize,
    fault: Option<Fault>,
}

impl Reading<'_> {
    fn run(&self) {
        let mut buffer = vec![0; BUFFER];
        while let Some(share) = self.take() {
            let done = match share {
                Share::Folder(path) => self.folder(&path),
                Share::Files(path, names) => self.files(&path, names, &mut buffer),
            };
            let mut work = self.work.lock().expect("nobody panics with it");
            work.busy -= 1;
            match done {
                Ok(more) => work.waiting.extend(more),
                Err(fault) => {
                    work.fault.get_or_insert(fault);
                }
            }
            self.changed.notify_all();
        }
    }

    /// What is to be done next, as soon as it is known; `None` at the end.
    fn take(&self) -> Option<Share> {
        let mut work = self.work.lock().expect("nobody panics with it");
        loop {
            if work.fault.is_some() {
                return None;
            }
            if let Some(share) = work.waiting.pop() {
                work.busy += 1;
                return Some(share);
            }
            if work.busy == 0 {
                return None;
            }
            work = self.changed.wait(work).expect("nobody panics with it");
        }
    }

    fn folder(&self, path: &Path) -> Result<Vec<Share>, Fault> {
        let failed = || not_read(path);
        let entries = self.open(path)?.entries(usize::MAX).map_err(failed())?;
        let mut shares = Vec::new();
        let mut files = Vec::new();
        for entry in entries {
            match entry.kind {
                Kind::Directory => shares.push(Share::Folder(path.join(&entry.name))),
                Kind::File => files.push(entry.name),
                Kind::Symlink | Kind::Special => {}
            }
        }
        let files = files.chunks(SHARE);
        shares.extend(files.map(|names| Share::Files(path.to_owned(), names.to_vec())));
        Ok(shares)
    }

    fn files(
        &self,
        path: &Path,
        names: Vec<OsString>,
        buffer: &mut [u8],
    ) -> Result<Vec<Share>, Fault> {
        let folder = self.open(path)?;
        for name in names {
            self.cancel.check()?;
            self.file(&folder, &path.join(name), buffer)?;
        }
        Ok(Vec::new())
    }

    fn file(&self, folder: &Dir, path: &Path, buffer: &mut [u8]) -> Result<(), Fault> {
        let bytes = path.as_os_str().as_bytes();
        let name = path.file_name().expect("it has one in its folder");
        let mut file = folder.open_file(name).map_err(not_read(path))?;
        if !self.digests.knows(bytes) {
            // Another name of a file that has its own.
            let names = file.metadata().map_err(not_read(path))?.nlink();
            return match names {
                0 | 1 => Err(differs(bytes, "is not in the archive")),
                _ => Ok(()),
            };
        }
        // From the server, not from memory: clean pages go.
        let dropped = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
        dropped.map_err(not_read(path))?;
        let mut content = Content::default();
        loop {
            match file.read(buffer) {
                Ok(0) => break,
                Ok(count) => content.add(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(not_read(path)(error)),
            }
        }
        if !self.digests.has(bytes, content) {
            return Err(differs(
                bytes,
                "is not what was written when it is read back",
            ));
        }
        self.agreed.fetch_add(1, Relaxed);
        Ok(())
    }

    fn open(&self, path: &Path) -> Result<Dir, Fault> {
        let dir = match path.as_os_str().is_empty() {
            true => self.root.try_clone(),
            false => self.root.dir(path),
        };
        dir.map_err(not_read(path))
    }

    fn end(self) -> Result<(), Fault> {
        let work = self.work.into_inner().expect("nobody panics with it");
        if let Some(fault) = work.fault {
            return Err(fault);
        }
        let (agreed, wanted) = (self.agreed.into_inner(), self.digests.len());
        match agreed == wanted {
            true => Ok(()),
            false => Err(Fault::Differs(format!(
                "{agreed} of the image's {wanted} files are there when they are read back"
            ))),
        }
    }
}

fn differs(path: &[u8], how: &str) -> Fault {
    Fault::Differs(format!(
        "{} {how}: the disk of the file server, or the way to it, changes what it is given",
        shown(path)
    ))
}

fn not_read<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> Fault + use<E> {
    let path = path.to_owned().into_os_string().into_vec();
    Fault::disk(format!("can't read {} back", shown(&path)))
}

#[cfg(test)]
mod tests;
