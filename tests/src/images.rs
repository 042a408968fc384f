//! Images as operators make them: `picket image pack` and `add`, in a catalogue that is signed with a key of `ssh-keygen`'s.
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{binaries, hostile_tree::small_program};

/// A folder of images with its catalogue, and who signs it.
pub struct Images {
    folder: PathBuf,
    key: PathBuf,
}

impl Images {
    /// None yet, in a new folder `images` there.
    pub fn new(folder: &Path) -> Self {
        let images = Self {
            folder: folder.join("images"),
            key: ssh_keygen(folder, "images@example.org"),
        };
        fs::create_dir_all(&images.folder).expect("the folder is writable");
        images
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who signs them, as a line of `allowed_signers`.
    pub fn line(&self) -> String {
        line("images@example.org", "picket-image@1", &self.key)
    }

    /// Packs that root for this machine, and puts it into the catalogue.
    pub fn add(&self, name: &str, root: &Path) {
        self.pack(name, root);
        self.publish(name);
    }

    /// Packs that root for this machine.
    pub fn pack(&self, name: &str, root: &Path) {
        self.pack_for(architecture(), name, root);
    }

    /// Packs that root, or an archive of one, for such machines.
    pub fn pack_for(&self, architecture: &str, name: &str, root: &Path) {
        let mut pack = Command::new(binaries::picket());
        pack.args(["image", "pack"]).arg(root);
        pack.args(["--name", name, "--image-version", "1"]).args([
            "--architecture",
            architecture,
            "--into",
        ]);
        run(pack.arg(&self.folder));
    }

    /// Puts what was packed into the catalogue.
    pub fn publish(&self, name: &str) {
        let mut add = Command::new(binaries::picket());
        add.arg("--key").arg(&self.key).env_remove("SSH_AUTH_SOCK");
        add.args(["image", "add", "--replace", "--catalogue"]);
        add.arg(&self.folder)
            .arg(self.folder.join(format!("{name}.manifest")));
        run(&mut add);
    }

    /// The archive of that image.
    pub fn archive(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.tar.zst"))
    }

    /// The catalogue's two files, to be put back some day.
    pub fn catalogue(&self) -> [(PathBuf, Vec<u8>); 2] {
        ["catalogue.toml", "catalogue.toml.sig"].map(|name| {
            let path = self.folder.join(name);
            let bytes = fs::read(&path).expect("the catalogue is there");
            (path, bytes)
        })
    }

    /// Signs the catalogue as it is, by hand: with that key, for that namespace.
    pub fn sign_by_hand(&self, key: &Path, namespace: &str) {
        let catalogue = self.folder.join("catalogue.toml");
        let signature = self.folder.join("catalogue.toml.sig");
        let _ = fs::remove_file(signature);
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-q", "-Y", "sign", "-n", namespace, "-f"]);
        run(sign.arg(key).arg(catalogue));
    }

    /// The key that signs them.
    pub fn key(&self) -> &Path {
        &self.key
    }
}

/// A new key, in a file of that folder.
pub fn ssh_keygen(folder: &Path, whose: &str) -> PathBuf {
    let key = folder.join(format!("key-of-{whose}"));
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-N", "", "-C", whose, "-f"]);
    run(make.arg(&key));
    key
}

/// A line of `allowed_signers` for the key of that file.
pub fn line(whose: &str, namespaces: &str, key: &Path) -> String {
    let public = fs::read_to_string(format!("{}.pub", key.display())).expect("ssh-keygen made it");
    let public: Vec<_> = public.split(' ').take(2).collect();
    format!(
        "{whose} namespaces=\"{namespaces}\" {}\n",
        public.join(" ").trim_end()
    )
}

/// The smallest root file system that can be made a Pi's, with so many files of 10 kB that don't compress.
pub fn small_root(root: &Path, files: usize) {
    for folder in ["etc", "usr/lib/systemd/system", "root", "sbin", "usr/sbin"] {
        fs::create_dir_all(root.join(folder)).expect("the folder is writable");
    }
    let write = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        let folder = path.parent().expect("it lies in a folder");
        fs::create_dir_all(folder).expect("the folder is writable");
        fs::write(path, bytes).expect("the folder is writable");
    };
    write("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n");
    write("usr/lib/systemd/systemd", b"x");
    write("usr/sbin/sshd", b"x");
    write("sbin/init", b"#!/bin/sh\n");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(root.join("sbin/init"), executable).expect("the file is ours");
    // It has an agent, so none is put into it: one with everything for a debugger is larger than all the rest.
    fs::create_dir_all(root.join("usr/bin")).expect("the folder is writable");
    small_program(&root.join("usr/bin/picketd"));
    let mut agent = fs::read(root.join("usr/bin/picketd")).expect("it was just written");
    agent.extend_from_slice(b"picketd's version: 999.0.0\n");
    write("usr/bin/picketd", &agent);
    let mut state = 7;
    for file in 0..files {
        write(
            &format!("usr/share/{}/{file}", file % 20),
            &random(10_000, &mut state),
        );
    }
}

/// What images are made for here.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        _ => "armhf",
    }
}

/// xorshift: what doesn't compress.
fn random(length: usize, state: &mut u64) -> Vec<u8> {
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

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
