//! A tmpfs of its own that holds a guest's root: it can be made full, read-only, and well again. It knows no NFS.
use std::{
    fs,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::eventually;

/// Enough for a Debian with systemd; memory is taken only for what is in it.
const SIZE: &str = "2g";
/// Names the tmpfs in the list of mounts, followed by the id of the process that made it.
const NAME: &str = "picket-bed-";

/// A mounted tmpfs, unmounted with its handle.
pub struct Export {
    path: PathBuf,
}

impl Export {
    /// Mounts one on a new folder `path`.
    pub fn mount(path: &Path) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "an emulated Pi needs root on this machine: its export is a tmpfs, and Ganesha opens files by handle"
        );
        sweep();
        fs::create_dir_all(path).expect("the folder is writable");
        let name = format!("{NAME}{}", std::process::id());
        let options = format!("size={SIZE},mode=755");
        mount(&["-t", "tmpfs", "-o", &options, &name], path).expect("a tmpfs can be mounted");
        Self {
            path: path.to_owned(),
        }
    }

    /// Where it is on this machine.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path of the guest, on this machine.
    pub fn join(&self, guest: &str) -> PathBuf {
        self.path.join(guest.trim_start_matches('/'))
    }

    /// Makes it exactly as big as what is in it: from now on writes of new data end in ENOSPC.
    pub fn make_full(&self) {
        let room = rustix::fs::statvfs(&self.path).expect("a mounted tmpfs has statistics");
        let used = (room.f_blocks - room.f_bfree) * room.f_frsize;
        self.remount(&format!("size={used}"));
    }

    /// Makes it read-only: writes end in EROFS.
    pub fn read_only(&self) {
        self.remount("ro");
    }

    /// Makes it writable again, and as big as in the beginning.
    pub fn heal(&self) {
        self.remount(&format!("rw,size={SIZE}"));
    }

    /// Puts another file system with the same content in its place, as a server does whose disk was restored: what clients hold
    /// of the old one is stale. The server must not run meanwhile.
    pub fn recreate(&self) {
        // The old one lives on as long as it is open, so the new one has another device number.
        let old = fs::File::open(&self.path).expect("the export can be read");
        unmount(&self.path);
        let name = format!("{NAME}{}", std::process::id());
        let options = format!("size={SIZE},mode=755");
        mount(&["-t", "tmpfs", "-o", &options, &name], &self.path).expect("a tmpfs can be mounted");
        let old = format!("/proc/{}/fd/{}/.", std::process::id(), old.as_raw_fd());
        let mut command = Command::new("cp");
        command.args(["--archive", &old]).arg(&self.path);
        let status = command.status().expect("cp is on every Linux");
        assert!(status.success(), "the export can't be copied");
    }

    /// A file that is being written keeps a tmpfs from becoming read-only for a moment.
    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        eventually(&options, Duration::from_secs(20), || {
            mount(&["-o", &options], &self.path).ok()
        });
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        unmount(&self.path);
    }
}

/// Unmounts what tests left behind that were killed.
fn sweep() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let owner = words.next().and_then(|name| name.strip_prefix(NAME));
        if let (Some(owner), Some(path)) = (owner, words.next()) {
            if !Path::new("/proc").join(owner).exists() {
                unmount(Path::new(path));
            }
        }
    }
}

fn mount(arguments: &[&str], path: &Path) -> Result<(), String> {
    let mut command = Command::new("mount");
    command.args(arguments).arg(path);
    let output = command.output().expect("mount is on every Linux");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Lazily: Ganesha may still be at its end. Another test may be quicker with what was left behind.
fn unmount(path: &Path) {
    let _ = Command::new("umount").arg("--lazy").arg(path).output();
}
