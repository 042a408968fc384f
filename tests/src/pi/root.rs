//! The root filesystems that a guest can have, and what each is made of in its export.
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use super::files::Files;
use crate::debian::{self, Architecture};

/// A guest's root filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// A static busybox, whose init has picketd as a service and a shell on the console.
    Busybox,
    /// A small Debian whose systemd has picketd.service and picketd-guard.service, and a shell on the console.
    Systemd,
    /// A Debian in which packages can be installed, with a shell on the console and no agent.
    Debian,
}

/// A shell on the console, as the small root has one. It takes no gentler signal.
const SHELL: &str = "[Service]\nExecStart=/bin/sh -i\nStandardInput=tty-force\nTTYPath=/dev/console\nRestart=always\nRestartSec=0\nKillSignal=SIGKILL\n";

/// What tests and start-up use of it; its shell finds the others by itself.
const APPLETS: [&str; 11] = [
    "sh", "init", "reboot", "poweroff", "mount", "umount", "cat", "cp", "mv", "ls", "mkdir",
];
const FOLDERS: [&str; 12] = [
    "bin",
    "boot",
    "dev",
    "etc",
    "proc",
    "root",
    "run",
    "sbin",
    "sys",
    "tmp",
    "usr/bin",
    "var/lib/picket",
];

impl Root {
    /// How much longer a boot takes than one of the small root.
    pub(super) fn weight(self) -> u32 {
        match self {
            Self::Busybox => 1,
            Self::Systemd => 3,
            Self::Debian => 6,
        }
    }

    /// Writes it into an empty folder.
    pub(super) fn install(self, files: &Files, root: &Path) {
        match self {
            Self::Busybox => {
                for folder in FOLDERS {
                    fs::create_dir_all(root.join(folder)).expect("the export is writable");
                }
                busybox(files, root);
            }
            Self::Systemd => {
                debian::copy(Architecture::Arm64, root);
                debian::install(root, "picketd.service");
                debian::install(root, "picketd-guard.service");
                debian::add(root, "shell.service", SHELL);
            }
            Self::Debian => {
                debian::copy(Architecture::InstalledArm64, root);
                debian::add(root, "shell.service", SHELL);
            }
        }
    }
}

fn busybox(files: &Files, root: &Path) {
    let program = root.join("bin/busybox");
    copy(&files.busybox(), &program);
    for applet in APPLETS {
        symlink("/bin/busybox", root.join("bin").join(applet)).expect("the export is writable");
    }
    for applet in ["init", "reboot", "poweroff"] {
        symlink("/bin/busybox", root.join("sbin").join(applet)).expect("the export is writable");
    }
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/busybox/etc");
    for file in ["inittab", "rc"] {
        copy(&ours.join(file), &root.join("etc").join(file));
    }
}

/// Copies a program, or a file of which it doesn't matter that it can be run.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|error| {
        panic!(
            "cannot copy {} to {}: {error}",
            from.display(),
            to.display()
        )
    });
    make_executable(to);
}

pub(super) fn make_executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
}
