//! A machine tree: a private copy of a fixture that a test may change while the agent runs on it.
use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use picket_proto::DeviceId;
use tempfile::TempDir;

/// A copy of a fixture, removed with its handle.
pub struct Tree {
    folder: TempDir,
}

impl Tree {
    /// Copies the fixture of that name.
    pub fn of(fixture: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(fixture);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        copy(&from, folder.path())
            .unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
        Self { folder }
    }

    /// A machine of a few files, for fleets: an id, a boot id, a load and an LED.
    pub fn small(device: DeviceId) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let tree = Self { folder };
        let boot = format!("{device}").repeat(2);
        for (path, content) in [
            ("proc/cmdline", format!("picket.id={device}\n")),
            ("proc/loadavg", "0.37 0.31 0.26 1/99 77\n".to_owned()),
            ("proc/uptime", "441.25 400.00\n".to_owned()),
            ("proc/sys/kernel/random/boot_id", uuid(&boot) + "\n"),
        ] {
            tree.add(path, &content);
        }
        tree.add_led("ACT", "mmc0");
        tree
    }

    /// Adds an LED as Linux shows it, with that trigger among others.
    pub fn add_led(&self, name: &str, trigger: &str) {
        let folder = format!("sys/class/leds/{name}");
        let chosen = format!("none timer heartbeat [{trigger}] default-on\n");
        self.add(&format!("{folder}/trigger"), &chosen);
        self.add(&format!("{folder}/brightness"), "0\n");
        self.add(&format!("{folder}/max_brightness"), "255\n");
    }

    /// What the LED of a small machine does: its trigger and brightness.
    pub fn led(&self) -> String {
        ["trigger", "brightness"]
            .map(|file| self.read(&format!("sys/class/leds/ACT/{file}")))
            .concat()
    }

    /// Adds a file, with its folders.
    pub fn add(&self, relative: &str, content: &str) {
        let path = self.path(relative);
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("the tree is writable");
        fs::write(path, content).expect("the tree is writable");
    }

    /// What a file holds; nothing if it isn't there.
    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap_or_default()
    }

    /// The tree's root.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A path beneath the root.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// Replaces a file in one step, as a kernel file changes.
    pub fn write(&self, relative: &str, content: &str) {
        let path = self.path(relative);
        let fresh = path.with_extension("fresh");
        fs::write(&fresh, content).expect("the tree is writable");
        fs::rename(&fresh, &path).expect("the tree is writable");
    }
}

/// 32 hex digits as a UUID.
fn uuid(digits: &str) -> String {
    let (a, rest) = digits.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    [a, b, c, d, e].join("-")
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
