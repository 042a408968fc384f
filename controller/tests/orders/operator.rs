//! The real `picket` with a key, an inventory and an audit log of its own, as child processes that end with the test.
use std::{net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use ssh_key::{LineEnding, PrivateKey, PublicKey, private::Ed25519Keypair};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// An operator: his key and his log.
pub(crate) struct Operator {
    folder: TempDir,
    pub(crate) key: PublicKey,
    /// What PICKET_ACTOR says.
    pub(crate) actor: Option<&'static str>,
}

/// What an order came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) lines: Vec<Value>,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The states that were told of that Pi.
    pub(crate) fn states(&self, device: impl ToString) -> Vec<&str> {
        let device = device.to_string();
        let lines = self
            .lines
            .iter()
            .filter(|line| line["device"] == device.as_str());
        lines.filter_map(|line| line["state"].as_str()).collect()
    }

    /// The last line that tells of that Pi.
    pub(crate) fn last(&self, device: impl ToString) -> &Value {
        let device = device.to_string();
        let mut lines = self.lines.iter().rev();
        lines
            .find(|line| line["device"] == device.as_str())
            .unwrap()
    }
}

impl Operator {
    pub(crate) fn new(number: u8) -> Self {
        let folder = TempDir::new().unwrap();
        let pair = Ed25519Keypair::from_seed(&[number; 32]);
        let private = PrivateKey::new(pair.into(), "anna@example").unwrap();
        let path = folder.path().join("key");
        private.write_openssh_file(&path, LineEnding::LF).unwrap();
        Self {
            folder,
            key: private.public_key().clone(),
            actor: None,
        }
    }

    /// An inventory, in its file.
    pub(crate) fn fleet(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("fleet.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Entries of the audit log.
    pub(crate) fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("audit")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Starts an order; words are separated by spaces.
    pub(crate) fn start(&self, broker: SocketAddr, words: &str) -> Running {
        self.launch(Command::new(env!("CARGO_BIN_EXE_picket")), broker, words)
    }

    /// The same on a disk on which a file may have so many bytes.
    pub(crate) fn start_on_a_small_disk(
        &self,
        broker: SocketAddr,
        words: &str,
        bytes: u64,
    ) -> Running {
        let mut command = Command::new("sh");
        // The signal would end picket; without it, the write fails as on a full disk.
        command
            .arg("-c")
            .arg(r#"trap "" XFSZ; exec prlimit --fsize="$0" "$@""#)
            .arg(bytes.to_string())
            .arg(env!("CARGO_BIN_EXE_picket"));
        self.launch(command, broker, words)
    }

    fn launch(&self, mut command: Command, broker: SocketAddr, words: &str) -> Running {
        let mut child = command
            .args(words.split_ascii_whitespace())
            .args(["--broker", &format!("mqtt://{broker}"), "--json"])
            .arg("--key")
            .arg(self.path("key"))
            .arg("--audit")
            .arg(self.path("audit"))
            .env("PICKET_TEST_SILENCE_MS", "1500")
            .env_remove("PICKET_FLEET")
            .env_remove("PICKET_ACTOR")
            .envs(self.actor.map(|actor| ("PICKET_ACTOR", actor)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        Running {
            child,
            out: Some(out),
            lines: Vec::new(),
        }
    }

    /// Gives an order and waits for its end.
    pub(crate) async fn order(&self, broker: SocketAddr, words: &str) -> Outcome {
        self.start(broker, words).end().await
    }
}

/// An order on its way.
pub(crate) struct Running {
    child: Child,
    out: Option<Lines<BufReader<ChildStdout>>>,
    lines: Vec<Value>,
}

impl Running {
    /// Waits for so many lines with that state.
    pub(crate) async fn told(&mut self, state: &str, times: usize) {
        while self
            .lines
            .iter()
            .filter(|line| line["state"] == state)
            .count()
            < times
        {
            let line = self.line().await.expect("it goes on");
            self.lines.push(line);
        }
    }

    /// The next line, unless it says no more or nobody listens.
    async fn line(&mut self) -> Option<Value> {
        let next = timeout(PATIENCE, self.out.as_mut()?.next_line()).await;
        let line = next.unwrap().unwrap()?;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// Nobody reads its output any more.
    pub(crate) fn hang_up(&mut self) {
        self.out = None;
    }

    /// Waits for these words on stderr.
    pub(crate) async fn noted(&mut self, words: &str) {
        let stderr = self.child.stderr.as_mut().unwrap();
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains(words) {
            let byte = timeout(PATIENCE, stderr.read_u8()).await.unwrap();
            text.push(byte.expect("it goes on"));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    pub(crate) async fn end(mut self) -> Outcome {
        while let Some(line) = self.line().await {
            self.lines.push(line);
        }
        let output = timeout(PATIENCE, self.child.wait_with_output())
            .await
            .unwrap()
            .unwrap();
        Outcome {
            code: output.status.code(),
            lines: self.lines,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
