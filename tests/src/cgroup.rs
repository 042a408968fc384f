//! A control group of a test's own, in every hierarchy that systemd manages processes in. It knows no container.
use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// A group beneath the one of this process. It is removed with everything beneath it once nothing runs there.
pub struct Cgroup {
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// A new, empty group.
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("picket-test-{}-{number}", process::id());
        let ours = fs::read_to_string("/proc/self/cgroup").expect("Linux has control groups");
        let folders: Vec<_> = ours
            .lines()
            .filter_map(hierarchy)
            .map(|parent| parent.join(&name))
            .collect();
        for folder in &folders {
            fs::create_dir(folder).unwrap_or_else(|error| {
                panic!("can't make {}: {error}; it takes root", folder.display())
            });
        }
        assert!(
            !folders.is_empty(),
            "no hierarchy for systemd in /proc/self/cgroup: {ours}"
        );
        Self { folders }
    }

    /// The files to which a process writes 0 to move into the group.
    pub fn doors(&self) -> Vec<PathBuf> {
        let folders = self.folders.iter();
        folders.map(|folder| folder.join("cgroup.procs")).collect()
    }

    /// The processes in the group `path` beneath this one, by their ids on this machine.
    pub fn processes(&self, path: &str) -> Vec<u32> {
        // Where there are two hierarchies, both say the same.
        let file = self.folders[0].join(path).join("cgroup.procs");
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|id| id.parse().ok()).collect()
    }
}

impl Default for Cgroup {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            // What was killed a moment ago may still be there.
            for _ in 0..100 {
                remove(folder);
                if !folder.exists() {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Where a line of /proc/self/cgroup lies in the file system, if systemd manages processes there.
fn hierarchy(line: &str) -> Option<PathBuf> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let mounts: &[&str] = match controllers {
        "" => &["/sys/fs/cgroup/unified", "/sys/fs/cgroup"],
        "name=systemd" => &["/sys/fs/cgroup/systemd"],
        _ => return None,
    };
    let below = path.trim_start_matches('/');
    let folders = mounts.iter().map(|mount| Path::new(mount).join(below));
    folders
        .into_iter()
        .find(|folder| folder.join("cgroup.procs").exists())
}

/// Groups are folders whose files go with them.
fn remove(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}
