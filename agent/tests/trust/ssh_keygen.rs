//! The real ssh-keygen, as an oracle. Under QEMU too it is this host's own program.
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use picket_test_keys::armoured;
use tempfile::TempDir;

pub(crate) struct SshKeygen {
    folder: TempDir,
}

impl SshKeygen {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Writes a file that only its owner may read, as private keys must be.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// A new key without passphrase: its private file; the public one lies beside it.
    pub(crate) fn generate(&self, name: &str, kind: &[&str]) -> PathBuf {
        let path = self.folder.path().join(name);
        let mut command = command(&["-q", "-N", "", "-C", "a comment"]);
        command.arg("-f").arg(&path).arg("-t").args(kind);
        said(run(command, b""));
        path
    }

    /// What `-Y sign` writes for those bytes.
    pub(crate) fn sign(key: &Path, namespace: &str, options: &[&str], message: &[u8]) -> String {
        let mut command = command(&["-Y", "sign", "-n", namespace]);
        command.args(options).arg("-f").arg(key);
        said(run(command, message))
    }

    /// Lets the authority certify a key for some years, and returns what is in the certificate's file.
    pub(crate) fn certify(authority: &Path, key: &Path, principal: &str) -> String {
        let mut command = command(&["-q", "-I", "test", "-V", "20250101:20270101"]);
        command.args(["-n", principal, "-s"]);
        command.arg(authority).arg(key.with_extension("pub"));
        said(run(command, b""));
        let name = key.file_name().unwrap().to_str().unwrap();
        fs::read_to_string(key.with_file_name(format!("{name}-cert.pub"))).unwrap()
    }

    /// Whether `-Y verify` accepts that blob, at that time.
    pub(crate) fn verifies(&self, allowed: &str, query: &Query<'_>) -> bool {
        let mut command = command(&["-Y", "verify", "-I", query.actor, "-n", query.namespace]);
        command
            .arg("-f")
            .arg(self.write("allowed_signers", allowed))
            .arg("-s")
            .arg(self.write("signature", &armoured(query.blob)))
            .arg(format!("-Overify-time={}", query.time));
        run(command, query.message).status.success()
    }
}

/// What `-Y verify` is asked.
pub(crate) struct Query<'a> {
    pub(crate) actor: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) time: &'a str,
    pub(crate) blob: &'a [u8],
    pub(crate) message: &'a [u8],
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("ssh-keygen");
    command.args(arguments).env("TZ", "UTC");
    command
}

fn run(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ssh-keygen is installed: scripts/setup test");
    // It may end before it has read everything, when it refuses.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn said(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
