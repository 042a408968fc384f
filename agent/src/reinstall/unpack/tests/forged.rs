//! Archives put together entry by entry, so that they can say what no packer would.
use std::io::{self, Cursor, Read};

use tar::{EntryType, Header};

/// An archive, entry by entry, without the checks of an honest packer.
#[derive(Default)]
pub(super) struct Forged(pub(super) Vec<u8>);

impl Forged {
    pub(super) fn with(mut self, kind: EntryType, name: &str, link: &str, data: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o4755);
        header.set_size(data.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_device_major(8).unwrap();
        header.set_device_minor(0).unwrap();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn file(self, name: &str) -> Self {
        self.with(EntryType::Regular, name, "", b"evil")
    }

    pub(super) fn link(self, name: &str, target: &str) -> Self {
        self.with(EntryType::Symlink, name, target, b"")
    }

    pub(super) fn folder(self, name: &str) -> Self {
        self.with(EntryType::Directory, name, "", b"")
    }

    pub(super) fn hard(self, name: &str, first: &str) -> Self {
        self.with(EntryType::Link, name, first, b"")
    }

    /// Only a header, that promises so much.
    pub(super) fn promising(mut self, name: &str, size: u64) -> Self {
        let mut header = Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_mode(0o644);
        for set in [Header::set_uid, Header::set_gid, Header::set_mtime] {
            set(&mut header, 0);
        }
        header.set_size(size);
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

pub(super) fn pax(record: &str) -> Vec<u8> {
    let length =
        (1..).find(|length: &usize| length.to_string().len() + record.len() + 2 == *length);
    format!("{} {record}\n", length.unwrap()).into_bytes()
}

pub(super) fn forged() -> Forged {
    Forged::default()
}

/// Folders without end, each of a long name.
#[derive(Default)]
pub(super) struct Endless {
    made: u64,
    header: Cursor<Vec<u8>>,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.header.position() as usize == self.header.get_ref().len() {
            self.made += 1;
            // ustar splits a long name in two.
            let name = format!("{}/{:0>95}", "d".repeat(150), self.made);
            let mut header = Header::new_ustar();
            header.set_path(name)?;
            header.set_entry_type(EntryType::Directory);
            for set in [
                Header::set_uid,
                Header::set_gid,
                Header::set_mtime,
                Header::set_size,
            ] {
                set(&mut header, 0);
            }
            header.set_mode(0o755);
            header.set_cksum();
            self.header = Cursor::new(header.as_bytes().to_vec());
        }
        self.header.read(into)
    }
}
