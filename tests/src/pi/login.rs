//! A login from outside, by the real ssh: it knows only a fingerprint that it was told, a key of its own, and a port.
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use crate::eventually;

/// A person with a key, and with a file of hosts that were made sure of.
pub struct Login {
    folder: PathBuf,
}

impl Login {
    /// With a new key, in `folder`.
    pub fn new(folder: &Path) -> Self {
        let login = Self {
            folder: folder.join("login"),
        };
        fs::create_dir(&login.folder).expect("the folder is writable");
        let key = login.key();
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key)
            .status();
        assert!(made.is_ok_and(|status| status.success()), "no ssh-keygen");
        login
    }

    /// The file of the public key.
    pub fn public_key(&self) -> PathBuf {
        self.key().with_extension("pub")
    }

    /// Waits until an sshd shows its host keys at that port, which must be those of the fingerprints and no others, and trusts them.
    pub fn make_sure_of(&self, port: u16, fingerprints: &[String], patience: Duration) {
        let port = port.to_string();
        let scanned = eventually("an sshd shows its host keys", patience, || {
            let mut scan = Command::new("ssh-keyscan");
            let output = run(scan.args(["-T", "30", "-p", &port, "127.0.0.1"]));
            (!output.stdout.is_empty()).then_some(output.stdout)
        });
        fs::write(self.known(), scanned).expect("the folder is writable");
        let listed = run(Command::new("ssh-keygen")
            .arg("-l")
            .arg("-f")
            .arg(self.known()));
        let listed = String::from_utf8_lossy(&listed.stdout);
        // Bits, fingerprint, whose it is, kind: a host that shows its key doesn't say whose it is.
        let fingerprint = |line: &str| line.split(' ').nth(1).map(str::to_owned);
        let shown: Vec<_> = listed.lines().filter_map(fingerprint).collect();
        let told: Vec<_> = fingerprints
            .iter()
            .map(String::as_str)
            .filter_map(fingerprint)
            .collect();
        assert_eq!(shown, told, "other host keys than were told");
    }

    /// Runs a command there as root. The host must be one that was made sure of.
    pub fn run(&self, port: u16, command: &str) -> Output {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-p", &port.to_string(), "-i"])
            .arg(self.key())
            .args(["-o", "StrictHostKeyChecking=yes"])
            .args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=120"])
            .args([
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "GlobalKnownHostsFile=none",
            ])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.known().display()))
            .args(["root@127.0.0.1", command]);
        run(ssh.env_remove("SSH_AUTH_SOCK"))
    }

    fn key(&self) -> PathBuf {
        self.folder.join("id")
    }

    fn known(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }
}

fn run(command: &mut Command) -> Output {
    command.output().expect("OpenSSH's client is there")
}
