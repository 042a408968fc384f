//! A file server with one Pi's export, an image and its signed catalogue; and what a hostile tenant leaves on the export. It judges
//! nothing but that a slot is clean.
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    binaries,
    debian::{self, Architecture},
    hostile_tree::Outside,
};

/// A line for `authorized_keys`.
pub const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPOBLIS0Jb9OAX4VmkZqOZXf3uQ8Y2FhC2RD0WqKVqXH anna@example.org\n";

/// What is in each program that a tenant left.
const BACKDOOR: &str = "the last tenant's backdoor";

/// A file server with one export, one image and its signed catalogue.
pub struct Server {
    folder: TempDir,
    export: PathBuf,
    /// Of the image's archive.
    pub digest: String,
    /// In the image.
    pub entries: u64,
}

impl Server {
    /// With an empty export, and a small Debian.
    #[expect(clippy::new_without_default, reason = "it makes folders")]
    pub fn new() -> Self {
        Self::of(Architecture::Amd64)
    }

    /// With an empty export, and an image of that Debian.
    pub fn of(debian: Architecture) -> Self {
        let root = tempfile::tempdir().expect("the folder is ours");
        debian::copy(debian, root.path());
        Self::with(root.path(), "amd64", None)
    }

    /// With that export, or an empty one of its own, and an image of that root.
    pub fn with(root: &Path, architecture: &str, export: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().expect("the folder is ours");
        let at = folder.path();
        let export = export.map_or_else(|| at.join("export"), Path::to_owned);
        fs::create_dir_all(&export).expect("the folder is ours");
        fs::create_dir_all(at.join("images")).expect("the folder is ours");
        let script = "set -e\ntar --numeric-owner -I 'gzip -1' -cf images/debian.tar.gz -C \"$ROOT\" .\n\
                      find \"$ROOT\" -mindepth 1 | wc -l\nfind \"$ROOT\" -type f -printf '%i %s\\n' | sort -u | awk '{s += $2} END {print s}'\n\
                      sha256sum images/debian.tar.gz | cut -d' ' -f1\nstat -c %s images/debian.tar.gz\n\
                      ssh-keygen -q -t ed25519 -N '' -f key";
        let made = Command::new("sh")
            .args(["-ec", script])
            .env("ROOT", root)
            .current_dir(at)
            .output()
            .expect("the folder is ours");
        assert!(made.status.success(), "{made:?}");
        let made = String::from_utf8(made.stdout).expect("the folder is ours");
        let [entries, installed, digest, size] = made.lines().collect::<Vec<_>>()[..] else {
            panic!("{made}");
        };
        let catalogue = format!(
            "version = 1\n\n[[image]]\nname = \"debian\"\nversion = \"12\"\narchitecture = \"{architecture}\"\nfile = \"debian.tar.gz\"\n\
             format = \"tar.gz\"\nsha256 = \"{digest}\"\nsize = {size}\ninstalled_size = {installed}\nentries = {entries}\n"
        );
        fs::write(at.join("images/catalogue.toml"), catalogue).expect("the folder is ours");
        let script = "ssh-keygen -q -Y sign -n picket-image@1 -f key images/catalogue.toml\n\
                      echo \"op namespaces=\\\"picket-image@1\\\" $(cat key.pub)\" >allowed_signers";
        let signed = Command::new("sh")
            .args(["-ec", script])
            .current_dir(at)
            .output()
            .expect("the folder is ours");
        assert!(signed.status.success(), "{signed:?}");
        fs::write(at.join("customer.pub"), KEY).expect("the folder is ours");
        Self {
            digest: digest.to_owned(),
            entries: entries.parse().expect("the folder is ours"),
            folder,
            export,
        }
    }

    /// A path beside the export.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The export.
    pub fn export(&self) -> PathBuf {
        self.export.clone()
    }

    /// What a hostile tenant might leave: all of it at once.
    pub fn tenant(&self, outside: &Outside) {
        let export = self.export();
        for slot in ["slots/a", "slots/b", "slots/a.old"] {
            system(&export, slot, outside);
        }
        fs::create_dir_all(export.join("slots/b").join("d/".repeat(300)))
            .expect("the folder is ours");
        outside.lead(&export, "slots/b.new", &outside.ways()[0]);
        outside.lead(&export, "picket", &outside.ways()[0]);
        outside.lead(&export, "slots/a/etc", &outside.ways()[1]);
        write(&export, "lost+found/more", BACKDOOR);
    }

    /// Nothing that [`system`] had is in that slot, and the image's picketd is this one.
    pub fn is_clean(&self, slot: &str) {
        let root = self.export().join("slots").join(slot);
        let backdoor = Command::new("grep")
            .args(["-rls", BACKDOOR])
            .arg(&root)
            .output();
        assert_eq!(backdoor.expect("the folder is ours").stdout, b"");
        for name in ["fifo", "null", "usr/bin/way0"] {
            assert!(fs::symlink_metadata(root.join(name)).is_err(), "{name}");
        }
        let ours = fs::read(binaries::picketd()).expect("the folder is ours");
        assert!(fs::read(root.join("usr/bin/picketd")).expect("the folder is ours") == ours);
    }

    /// `picketd slot` with that action, on the export.
    pub fn working(&self, action: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries::picketd());
        command.args(["slot", action]).arg(self.export());
        command.arg("--record").arg(self.path("record"));
        command.args(arguments);
        command
    }

    /// Does it.
    pub fn slot(&self, action: &str, arguments: &[&str]) -> Output {
        self.working(action, arguments)
            .output()
            .expect("the folder is ours")
    }

    /// Fills a slot.
    pub fn fill(&self, arguments: &[&str]) -> Output {
        self.filling(arguments)
            .output()
            .expect("the folder is ours")
    }

    /// The command that fills a slot. Options may be given anew, but a key comes in addition.
    pub fn filling(&self, arguments: &[&str]) -> Command {
        let (images, key) = (self.path("images"), self.path("customer.pub"));
        let signers = self.path("allowed_signers");
        let mut all = vec![
            "--image",
            "debian",
            "--images",
            images.to_str().expect("the folder is ours"),
        ];
        all.extend(["--ssh-key", key.to_str().expect("the folder is ours")]);
        if !arguments.contains(&"--signers") {
            all.extend(["--signers", signers.to_str().expect("the folder is ours")]);
        }
        if !arguments.contains(&"--hostname") {
            all.extend(["--hostname", "shelf-3-pi-7"]);
        }
        all.extend(arguments);
        self.working("fill", &all)
    }

    /// Gives it an empty export again.
    pub fn renew(&self) {
        fs::remove_dir_all(self.export()).expect("the folder is ours");
        fs::create_dir(self.export()).expect("the folder is ours");
    }

    /// What `picketd slot show` says.
    pub fn slot_show(&self) -> Value {
        let mut command = Command::new(binaries::picketd());
        command.args(["slot", "show", "--json", "--export"]);
        let output = command
            .arg(self.export())
            .output()
            .expect("the folder is ours");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// The lines of the record.
    pub fn record(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("record")).expect("the folder is ours");
        let line = |line| serde_json::from_str(line).expect("the folder is ours");
        text.lines().map(line).collect()
    }
}

/// A root filesystem with a backdoor in it, a picketd that lies, ways out and devices.
pub fn system(export: &Path, at: &str, outside: &Outside) {
    let root = export.join(at);
    let bin = root.join("usr/bin");
    fs::create_dir_all(&bin).expect("the folder is ours");
    fs::create_dir_all(root.join("sbin")).expect("the folder is ours");
    for program in ["usr/bin/sshd", "usr/bin/picketd", "sbin/init"] {
        write(&root, program, &format!("#!/bin/sh\n# {BACKDOOR}\n"));
        fs::set_permissions(root.join(program), fs::Permissions::from_mode(0o4755))
            .expect("the folder is ours");
    }
    for (number, way) in outside.ways().iter().enumerate() {
        symlink(way, bin.join(format!("way{number}"))).expect("the folder is ours");
    }
    let node = |name: &str, kind, device| {
        mknodat(CWD, root.join(name), kind, Mode::from(0o666), device).expect("the folder is ours");
    };
    node("fifo", FileType::Fifo, 0);
    node("null", FileType::CharacterDevice, makedev(1, 3));
    node("disk", FileType::BlockDevice, makedev(7, 0));
}

/// Writes a file, and folders on the way.
pub fn write(below: &Path, path: &str, text: &str) {
    let at = below.join(path);
    fs::create_dir_all(at.parent().expect("the folder is ours")).expect("the folder is ours");
    fs::write(at, text).expect("the folder is ours");
}

/// Puts ways out in the place of what lies there and one step below, and says of how many.
pub fn exchange(top: &Path, outside: &Outside) -> usize {
    let listed = |at: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(at).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    // A way out that is there already is no folder of ours.
    let is_folder = |at: &Path| fs::symlink_metadata(at).is_ok_and(|metadata| metadata.is_dir());
    let mut found = Vec::new();
    if is_folder(top) {
        for path in listed(top) {
            if is_folder(&path) {
                found.extend(listed(&path));
            }
            found.push(path);
        }
    }
    let mut exchanged = 0;
    for path in found {
        let is_link = fs::symlink_metadata(&path).map(|metadata| metadata.is_symlink());
        if is_link.unwrap_or(true) {
            continue;
        }
        let way = match is_folder(&path) {
            true => &outside.ways()[0],
            false => &outside.files()[0],
        };
        let aside = top.join(format!(".aside-{exchanged}"));
        if fs::rename(&path, &aside).is_ok() && symlink(way, &path).is_ok() {
            exchanged += 1;
        }
    }
    exchanged
}
