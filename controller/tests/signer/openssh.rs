//! OpenSSH's tools as children: ssh-keygen, ssh-add and ssh-agent. It knows nothing of ours.
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A folder with keys.
pub(crate) struct Keys {
    folder: TempDir,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a key with `ssh-keygen`, and gives its file.
    pub(crate) fn make(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.path(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-C", &format!("{name}@test"), "-f"])
            .arg(&path)
            .args(arguments)
            .output();
        let made = made.expect("ssh-keygen runs");
        assert!(made.status.success(), "{made:?}");
        path
    }

    pub(crate) fn ed25519(&self, name: &str) -> PathBuf {
        self.make(name, &["-t", "ed25519", "-N", ""])
    }

    /// Whether `ssh-keygen -Y verify` takes the signature, whose signer is the key of that public line, as `anna`'s.
    pub(crate) fn verifies(
        &self,
        line: &str,
        namespace: &str,
        payload: &[u8],
        blob: &[u8],
    ) -> bool {
        let signers = self.path("allowed_signers");
        let principal = format!("anna namespaces=\"{namespace}\" {line}\n");
        fs::write(&signers, principal).unwrap();
        let signature = self.path("signature");
        fs::write(&signature, picket::audit::armour(blob)).unwrap();
        let mut child = Command::new("ssh-keygen")
            .args(["-Y", "verify", "-I", "anna", "-n", namespace, "-f"])
            .args([signers.as_path(), Path::new("-s"), &signature])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(payload).unwrap();
        child.wait().unwrap().success()
    }
}

/// A real ssh-agent, which ends with this value.
pub(crate) struct SshAgent {
    child: Child,
    folder: TempDir,
}

impl SshAgent {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent runs");
        let agent = Self { child, folder };
        let start = Instant::now();
        while !socket.exists() {
            assert!(start.elapsed() < Duration::from_secs(10), "no socket");
            sleep(Duration::from_millis(5));
        }
        agent
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    /// `ssh-add` with these arguments; what it asks for is answered with `word`.
    pub(crate) fn add(&self, arguments: &[&str]) {
        let answer = self.folder.path().join("answer");
        fs::write(&answer, "#!/bin/sh\necho word\n").unwrap();
        fs::set_permissions(&answer, fs::Permissions::from_mode(0o700)).unwrap();
        let done = Command::new("ssh-add")
            .args(arguments)
            .env("SSH_AUTH_SOCK", self.socket())
            .env("SSH_ASKPASS", &answer)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
