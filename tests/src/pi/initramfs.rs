//! The initramfs of a Pi with slots: one of Debian's initramfs-tools, or that of `scripts/bed`, which has kernel modules and busybox, with the reference `init` of boot/,
//! picketd and the rescue system's configuration put over it. The kernel unpacks one archive after the other
//! (Documentation/driver-api/early-userspace/buffer-format.rst).
use std::{fs, path::Path};

/// What lies over the first archive, and wins.
pub(super) struct Over {
    bytes: Vec<u8>,
    entries: u32,
}

impl Over {
    /// The reference initramfs with that picketd and with that configuration of the rescue system.
    pub(super) fn reference(picketd: &Path, toml: &str, signers: Option<&str>) -> Self {
        let boot = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boot");
        let read = |path: &Path| {
            fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let mut over = Self {
            bytes: Vec::new(),
            entries: 0,
        };
        over.file("init", 0o755, &read(&boot.join("reference/init")));
        over.file("picket-root", 0o644, &read(&boot.join("picket-root")));
        over.file("bin/picketd", 0o755, &read(picketd));
        over.rescue(toml, signers)
    }

    /// That configuration of the rescue system, over an initramfs that has all else.
    pub(super) fn configuration(toml: &str, signers: Option<&str>) -> Self {
        let over = Self {
            bytes: Vec::new(),
            entries: 0,
        };
        over.rescue(toml, signers)
    }

    fn rescue(mut self, toml: &str, signers: Option<&str>) -> Self {
        let over = &mut self;
        over.folder("etc", 0o755);
        over.folder("etc/picket", 0o700);
        over.file("etc/picket/picketd.toml", 0o600, toml.as_bytes());
        if let Some(signers) = signers {
            over.file("etc/picket/allowed_signers", 0o600, signers.as_bytes());
        }
        self
    }

    /// Writes the first archive and this one behind it.
    pub(super) fn write(mut self, first: &Path, to: &Path) {
        self.entry("TRAILER!!!", 0, &[]);
        let mut all = fs::read(first).expect("scripts/bed made the first archive");
        pad(&mut all);
        all.extend(self.bytes);
        fs::write(to, all).expect("the folder is writable");
    }

    fn folder(&mut self, name: &str, mode: u32) {
        self.entry(name, 0o040_000 | mode, &[]);
    }

    fn file(&mut self, name: &str, mode: u32, bytes: &[u8]) {
        self.entry(name, 0o100_000 | mode, bytes);
    }

    /// One entry, as cpio's format `newc` has it.
    fn entry(&mut self, name: &str, mode: u32, bytes: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(bytes.len()).expect("it fits into memory");
        let named = u32::try_from(name.len() + 1).expect("names are short");
        self.bytes.extend_from_slice(b"070701");
        // Inode, mode, owner, group, links, time, size, two devices, length of the name, checksum.
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, named, 0];
        for field in fields {
            self.bytes.extend(format!("{field:08x}").into_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        pad(&mut self.bytes);
        self.bytes.extend_from_slice(bytes);
        pad(&mut self.bytes);
    }
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
