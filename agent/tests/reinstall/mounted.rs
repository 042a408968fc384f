//! A file system in memory: what is written to it costs no time, nothing else is waited for, and it has its own size.
use std::{path::PathBuf, process::Command};

/// A tmpfs in place of a folder, as long as it lives.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    pub(crate) fn over(path: PathBuf, options: &str) -> Self {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&path)
            .status();
        assert!(mount.unwrap().success());
        Self(path)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
