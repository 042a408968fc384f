//! Unpacks an archive into an empty folder: in the archive's order as far as it matters, and by many threads, since on a file server
//! round trips and not bytes take the time. What the archive says is held against its manifest while it comes.
//!
//! Order: a folder before what is in it; hard links when all files are there; what folders are to have when nothing more comes into
//! them. A name that is there twice is refused, as then the order of all would matter.
mod content;
pub mod digests;
mod folder;
mod make;
mod pieces;
mod writers;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io::Read,
    os::fd::OwnedFd,
    sync::{Arc, mpsc::SyncSender, mpsc::sync_channel},
};

use picket_proto::image::Manifest;

use super::{
    archive::{
        Archive,
        entry::{Attributes, Entry, Kind, split},
    },
    cancel::Cancel,
    fault::{Fault, shown},
    progress::Counters,
};
#[cfg(test)]
use content::PIECE;
use content::{Content, Piece, Rooms};
use digests::Digests;
use folder::Folder;
use make::Special;
use pieces::Pieces;
pub use writers::WRITERS;
use writers::{Job, Writers};

/// Folders whose descriptors are kept.
const KEPT: usize = 128;
/// Pieces of one large file that wait for its writer.
const PIECES: usize = 8;
/// What is remembered of folders and hard links until the end, in bytes: some 60 000 of them. Tests make as many.
const MEMORY: usize = if cfg!(test) { 256 << 10 } else { 8 << 20 };
/// What one of them takes besides its paths.
const EACH: usize = 96;

/// What a folder has that only the paths of the archive name.
const UNNAMED: Attributes = Attributes {
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: (0, 0),
};

/// What goes with the work.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Threads that write.
    pub writers: usize,
    /// Whether to keep the files' digests, for [`super::read_back`].
    pub read_back: bool,
    /// What was done.
    pub counters: Arc<Counters>,
    /// A wish to give up.
    pub cancel: Cancel,
}

/// What an archive had.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Content of regular files, in bytes.
    pub bytes: u64,
    /// Entries without the root folder.
    pub entries: u64,
    /// Entries with extended attributes, which an NFS export doesn't hold: so many, and the first of them by name.
    pub extended: (u64, Vec<String>),
    /// Of every file, if they were to be kept.
    pub digests: Option<Digests>,
}

/// Unpacks what comes into the empty folder `root`. Gives back the reader, of which everything was read.
///
/// # Errors
/// The first fault. What was made by then is there.
pub fn unpack<R: Read>(
    packed: R,
    root: &OwnedFd,
    manifest: &Manifest,
    setting: &Setting,
) -> Result<(Found, R), Fault> {
    let mut archive = Archive::new(packed);
    let mut unpacking = Unpacking::start(root, manifest, setting)?;
    while let Some(entry) = archive.next_entry()? {
        setting.cancel.check()?;
        unpacking.count(&entry)?;
        unpacking.entry(entry, &mut archive)?;
    }
    let below = archive.finish()?;
    Ok((unpacking.finish(setting)?, below))
}

struct Unpacking<'a> {
    manifest: &'a Manifest,
    root_fd: &'a OwnedFd,
    root: Arc<Folder>,
    writers: Writers,
    rooms: Rooms,
    found: Found,
    /// Every folder by its path, with what it is to have.
    folders: BTreeMap<Vec<u8>, Attributes>,
    kept: HashMap<Vec<u8>, Arc<Folder>>,
    /// Their paths, the oldest first.
    ages: VecDeque<Vec<u8>>,
    hard_links: Vec<(Vec<u8>, Vec<u8>)>,
    memory: usize,
}

impl<'a> Unpacking<'a> {
    fn start(root: &'a OwnedFd, manifest: &'a Manifest, setting: &Setting) -> Result<Self, Fault> {
        let another = || {
            root.try_clone()
                .map_err(Fault::disk("can't open the image's folder"))
        };
        Ok(Self {
            manifest,
            root_fd: root,
            root: Folder::root(another()?),
            writers: Writers::start(setting.writers, another()?, setting.counters.clone())?,
            rooms: Rooms::default(),
            found: Found {
                digests: match setting.read_back {
                    true => Some(Digests::room_for(manifest.entries)?),
                    false => None,
                },
                ..Found::default()
            },
            folders: BTreeMap::from([(Vec::new(), UNNAMED)]),
            kept: HashMap::new(),
            ages: VecDeque::new(),
            hard_links: Vec::new(),
            memory: 0,
        })
    }

    /// Holds it against the manifest, before anything of it is made.
    fn count(&mut self, entry: &Entry) -> Result<(), Fault> {
        const NAMED: usize = 3;
        if entry.path.is_empty() {
            return Ok(());
        }
        self.found.entries += 1;
        if self.found.entries > self.manifest.entries {
            let most = self.manifest.entries;
            return Err(Fault::entry(
                &entry.path,
                format!("more entries than the {most} that the catalogue says"),
            ));
        }
        if let Kind::File { size, .. } = entry.kind {
            let most = self.manifest.installed_size;
            let total = self
                .found
                .bytes
                .checked_add(size)
                .filter(|&total| total <= most);
            self.found.bytes = total.ok_or_else(|| {
                Fault::entry(
                    &entry.path,
                    format!("more content than the {most} bytes that the catalogue says"),
                )
            })?;
        }
        if !entry.extended.is_empty() {
            let (count, first) = &mut self.found.extended;
            *count += 1;
            if first.len() < NAMED {
                first.push(format!(
                    "{} ({})",
                    shown(&entry.path),
                    entry.extended.join(", ")
                ));
            }
        }
        Ok(())
    }

    fn entry<R: Read>(&mut self, entry: Entry, archive: &mut Archive<R>) -> Result<(), Fault> {
        let Entry {
            path,
            kind,
            attributes,
            ..
        } = entry;
        let special = match kind {
            Kind::Folder => return self.named_folder(path, attributes),
            Kind::File { size, map } => return self.file(path, attributes, (size, map), archive),
            Kind::HardLink(first) => {
                self.remember(path.len() + first.len())?;
                self.hard_links.push((path, first));
                return Ok(());
            }
            Kind::Symlink(target) => Special::Symlink(target.into_boxed_c_str()),
            Kind::Character(major, minor) => Special::Character(major, minor),
            Kind::Block(major, minor) => Special::Block(major, minor),
            Kind::Fifo => Special::Fifo,
        };
        let folder = self.folder(split(&path).0)?;
        self.writers.give(Job::Special {
            folder,
            path,
            attributes,
            special,
        })
    }

    fn named_folder(&mut self, path: Vec<u8>, attributes: Attributes) -> Result<(), Fault> {
        self.folder(&path)?;
        if !path.is_empty() {
            self.writers.counted();
        }
        self.folders.insert(path, attributes);
        Ok(())
    }

    /// A folder that is there or will be, with those on the way to it.
    fn folder(&mut self, path: &[u8]) -> Result<Arc<Folder>, Fault> {
        if path.is_empty() {
            return Ok(self.root.clone());
        }
        if let Some(kept) = self.kept.get(path) {
            return Ok(kept.clone());
        }
        let folder = match self.folders.contains_key(path) {
            true => Folder::beneath(path, self.root.clone()),
            false => {
                let parent = self.folder(split(path).0)?;
                self.remember(path.len())?;
                self.folders.insert(path.to_owned(), UNNAMED);
                Folder::in_parent(path, parent)
            }
        };
        self.keep(&folder);
        self.writers.give(Job::Folder(folder.clone()))?;
        Ok(folder)
    }

    fn keep(&mut self, folder: &Arc<Folder>) {
        self.kept.insert(folder.path.clone(), folder.clone());
        self.ages.push_back(folder.path.clone());
        while self.ages.len() > KEPT {
            // One that isn't made yet can't be found again by its path.
            let is_pending = |path: &Vec<u8>| {
                self.kept
                    .get(path)
                    .is_some_and(|folder| folder.is_pending())
            };
            let Some(at) = self.ages.iter().position(|path| !is_pending(path)) else {
                return;
            };
            if let Some(path) = self.ages.remove(at) {
                self.kept.remove(&path);
            }
        }
    }

    fn file<R: Read>(
        &mut self,
        path: Vec<u8>,
        attributes: Attributes,
        (size, map): (u64, Option<Vec<(u64, u64)>>),
        archive: &mut Archive<R>,
    ) -> Result<(), Fault> {
        let folder = self.folder(split(&path).0)?;
        let map = map.unwrap_or_else(|| vec![(0, size)]);
        let digest = self.found.digests.as_mut();
        let mut pieces = Pieces::new(archive, map, self.rooms.clone());
        if let Some(digests) = digest {
            pieces = pieces.digested(digests.file(&path, size));
        }
        let first = pieces.next()?;
        let second = match &first {
            Some(_) => pieces.next()?,
            None => None,
        };
        let Some(second) = second else {
            let content = Content::Whole(first);
            return self.writers.give(Job::File {
                folder,
                path,
                attributes,
                size,
                content,
            });
        };
        let (sender, receiver) = sync_channel(PIECES);
        self.writers.give(Job::File {
            folder,
            path,
            attributes,
            size,
            content: Content::Stream(receiver),
        })?;
        let send = |piece, writers: &Writers, sender: &SyncSender<Piece>| {
            sender.send(piece).map_err(|_| writers.fault())
        };
        for piece in first.into_iter().chain([second]) {
            send(piece, &self.writers, &sender)?;
        }
        while let Some(piece) = pieces.next()? {
            send(piece, &self.writers, &sender)?;
        }
        Ok(())
    }

    fn remember(&mut self, bytes: usize) -> Result<(), Fault> {
        self.memory += bytes + EACH;
        match self.memory > MEMORY {
            true => Err(Fault::Archive(
                "more folders and hard links than are kept in memory (8 MiB)".to_owned(),
            )),
            false => Ok(()),
        }
    }

    fn finish(self, setting: &Setting) -> Result<Found, Fault> {
        let Self {
            manifest,
            root_fd,
            writers,
            mut found,
            folders,
            hard_links,
            ..
        } = self;
        // Every file is there before it gets a second name.
        writers.finish()?;
        let another = || {
            root_fd
                .try_clone()
                .map_err(Fault::disk("can't open the image's folder"))
        };
        let second = Writers::start(setting.writers, another()?, setting.counters.clone())?;
        for (path, first) in hard_links {
            setting.cancel.check()?;
            second.give(Job::HardLink { path, first })?;
        }
        second.finish()?;
        let third = Writers::start(setting.writers, another()?, setting.counters.clone())?;
        for (path, attributes) in folders.into_iter().rev() {
            setting.cancel.check()?;
            third.give(Job::Settle { path, attributes })?;
        }
        third.finish()?;
        agree("entries", found.entries, manifest.entries)?;
        agree("bytes of content", found.bytes, manifest.installed_size)?;
        if let Some(digests) = &mut found.digests {
            digests.settle();
        }
        Ok(found)
    }
}

fn agree(what: &str, found: u64, said: u64) -> Result<(), Fault> {
    match found == said {
        true => Ok(()),
        false => Err(Fault::Archive(format!(
            "it has {found} {what}, and {said} by the catalogue"
        ))),
    }
}

#[cfg(test)]
mod tests;
