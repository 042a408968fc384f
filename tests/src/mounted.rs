//! A file system over a folder, as long as its handle lives: in memory, with a size and a count of entries of its own. These need root.
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A mount.
pub struct Mounted(PathBuf);

impl Mounted {
    /// A tmpfs with those options, as `size=64m,nr_inodes=1000`.
    pub fn in_memory(over: &Path, options: &str) -> Self {
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], over);
        Self(over.to_owned())
    }

    /// Gives it other options.
    pub fn change(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], &self.0);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a process that a failed test left may still be in it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], over: &Path) {
    let status = Command::new("mount").args(arguments).arg(over).status();
    let status = status.expect("mount is there");
    assert!(
        status.success(),
        "can't mount over {}, which needs root",
        over.display()
    );
}
