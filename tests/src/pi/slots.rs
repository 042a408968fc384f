//! A Pi with slots: which root filesystems its export has and what is wrong with them. It boots by the reference initramfs of boot/.
use std::{fs, os::unix::fs::symlink, path::Path};

use picketd::slots::{
    Slot,
    boot_record::{self, BootRecord, Read},
    layout,
};

use super::{Pi, root};

/// What becomes of a slot that is booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It comes up, with its agent.
    Well,
    /// Its init ends, and the kernel panics.
    Dies,
    /// Its init does nothing.
    Hangs,
    /// It comes up without an agent, and nobody commits it.
    Silent,
}

impl Fate {
    /// Makes it so, in a root that is well.
    pub(super) fn befall(self, root: &Path) {
        let init = match self {
            Self::Well => return,
            Self::Dies => "#!/bin/sh\nexit 1\n",
            Self::Hangs => "#!/bin/sh\nwhile :; do sleep 1000; done\n",
            Self::Silent => {
                fs::remove_file(root.join("usr/bin/picketd")).expect("it was well");
                return;
            }
        };
        let path = root.join("sbin/init");
        fs::remove_file(&path).expect("it was well");
        fs::write(&path, init).expect("the export is writable");
        root::make_executable(&path);
        // A shell is what its script wants.
        let _ = symlink("/bin/busybox", root.join("bin/sleep"));
    }
}

/// A Pi's slots, on this machine.
impl Pi {
    /// Its boot record. One that is absent or bad is none.
    pub fn boot_record(&self) -> BootRecord {
        match boot_record::read(&self.slots()) {
            Read::Record(record) => record,
            other => panic!("{other:?}"),
        }
    }

    /// Its export, as the fileserver sees it.
    pub fn slots(&self) -> layout::Export {
        layout::Export::open(self.export.path()).expect("the export is mounted")
    }

    /// A path of a slot's root, on this machine.
    pub fn in_slot(&self, slot: Slot, path: &str) -> std::path::PathBuf {
        let path = path.trim_start_matches('/');
        self.export.join(&format!("slots/{slot}/{path}"))
    }

    /// How often the initramfs has booted that: `a`, `b trial`, as it says on the console.
    pub fn booted(&self, what: &str) -> usize {
        self.console.count(&format!("picket: boots slot {what}\n"))
    }
}
