//! What each file of the archive held, in 24 bytes a file, so that it can be held against what is read back. It knows no disk.
//!
//! Names and contents are parts of their SHA-256: whoever could make two that are alike has signed the image. 64 bits of the name tell
//! half a million files apart; where they don't, either content counts.
use std::mem;

use ring::digest::{Context, SHA256};

use super::super::fault::Fault;

/// More files than that are not kept in memory: 12 MB.
const MOST: u64 = 500_000;
const ZEROS: [u8; 4096] = [0; 4096];

/// Of the name, and of the content.
type Line = ([u8; 8], [u8; 16]);

/// What each file held.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Digests(Vec<Line>);

/// A file as it comes.
pub(super) struct FileDigest<'a> {
    digests: &'a mut Digests,
    name: [u8; 8],
    content: Context,
    at: u64,
    size: u64,
}

/// A file's content as it is read back.
pub(crate) struct Content(Context);

impl Digests {
    /// None yet, of at most so many.
    pub(crate) fn room_for(files: u64) -> Result<Self, Fault> {
        let room = usize::try_from(files).ok().filter(|_| files <= MOST);
        let room = room.ok_or_else(|| {
            Fault::NoRoom(format!(
                "{files} entries are more than the {MOST} that can be read back: set read_back = \"off\", or fill without --read-back"
            ))
        })?;
        Ok(Self(Vec::with_capacity(room)))
    }

    /// The file that comes next.
    pub(super) fn file(&mut self, path: &[u8], size: u64) -> FileDigest<'_> {
        FileDigest {
            digests: self,
            name: name(path),
            content: Context::new(&SHA256),
            at: 0,
            size,
        }
    }

    /// No more come.
    pub(super) fn settle(&mut self) {
        self.0.sort_unstable();
    }

    /// How many files there are.
    #[must_use]
    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether a file of that path is among them.
    pub(crate) fn knows(&self, path: &[u8]) -> bool {
        let name = name(path);
        let at = self.0.partition_point(|line| line.0 < name);
        self.0.get(at).is_some_and(|line| line.0 == name)
    }

    /// Whether it held that.
    pub(crate) fn has(&self, path: &[u8], content: Content) -> bool {
        self.0
            .binary_search(&(name(path), digest(content.0)))
            .is_ok()
    }
}

impl FileDigest<'_> {
    /// Bytes of it, in their order. What lies between is zeros.
    pub(super) fn add(&mut self, offset: u64, bytes: &[u8]) {
        self.zeros_to(offset);
        self.content.update(bytes);
        self.at = offset + bytes.len() as u64;
    }

    /// No more of it come.
    pub(super) fn finish(mut self) {
        self.zeros_to(self.size);
        let content = mem::replace(&mut self.content, Context::new(&SHA256));
        self.digests.0.push((self.name, digest(content)));
    }

    fn zeros_to(&mut self, offset: u64) {
        while self.at < offset {
            let length = (offset - self.at).min(ZEROS.len() as u64);
            self.content
                .update(&ZEROS[..usize::try_from(length).unwrap_or(ZEROS.len())]);
            self.at += length;
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Content {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn name(path: &[u8]) -> [u8; 8] {
    let mut context = Context::new(&SHA256);
    context.update(path);
    digest(context)
}

fn digest<const N: usize>(context: Context) -> [u8; N] {
    let whole = context.finish();
    whole.as_ref()[..N]
        .try_into()
        .expect("SHA-256 is longer than any part of it")
}
