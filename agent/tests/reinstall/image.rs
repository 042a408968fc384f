//! Images: a tree that has what a root filesystem needs to be made somebody's, packed by real tools.
use std::{fs, path::Path, process::Command};

/// Length of the largest file of a small one, in bytes.
pub(crate) const LARGE: usize = 200_000;

/// What is in an image.
pub(crate) struct Image {
    files: Vec<(String, usize)>,
}

impl Image {
    /// Packed some 200 kB.
    pub(crate) fn small() -> Self {
        let many = (0..200).map(|at| (format!("usr/share/{}/{at}", at % 20), at));
        Self {
            files: many.chain([("var/large".to_owned(), LARGE)]).collect(),
        }
    }

    /// Many times a window.
    pub(crate) fn large() -> Self {
        let many = (0..2000).map(|at| (format!("usr/share/{}/{at}", at % 40), 30_000));
        Self {
            files: many.chain([("var/large".to_owned(), 40_000_000)]).collect(),
        }
    }

    /// Packs it. Gives entries and content in bytes.
    pub(crate) fn pack(&self, file: &Path, format: &str) -> (u64, u64) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["etc", "usr/lib/systemd/system", "root", "sbin", "usr/sbin"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        for path in ["usr/lib/systemd/systemd", "usr/sbin/sshd"] {
            fs::write(root.join(path), "x").unwrap();
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        let mut state = 7;
        for (path, length) in &self.files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, random(*length, &mut state)).unwrap();
        }
        let packer = match format {
            "tar.zst" => "zstd -q -1 --zstd=wlog=23",
            "tar.xz" => "xz -0",
            _ => "gzip -1",
        };
        let tar = Command::new("tar")
            .arg("-C")
            .arg(root)
            .arg("-I")
            .arg(packer)
            .arg("-cf")
            .arg(file)
            .arg(".")
            .status();
        assert!(tar.unwrap().success());
        count(root, true)
    }
}

/// xorshift: what doesn't compress.
fn random(length: usize, state: &mut u64) -> Vec<u8> {
    *state |= 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn count(path: &Path, is_root: bool) -> (u64, u64) {
    let own = u64::from(!is_root);
    if !path.is_dir() {
        return (own, path.metadata().unwrap().len());
    }
    fs::read_dir(path)
        .unwrap()
        .fold((own, 0), |(entries, bytes), entry| {
            let (more, size) = count(&entry.unwrap().path(), false);
            (entries + more, bytes + size)
        })
}
