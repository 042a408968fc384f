//! An operator at the real `picket`: orders with `--json`, their lines, exit codes and the audit log.
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use picket_test_keys::TestKey;
use rustix::process::Signal;
use serde_json::Value;

use crate::{binaries, eventually, process::Process};

/// Longer than any order of the tests takes.
const PATIENCE: Duration = Duration::from_secs(1800);

/// A person with a key, an inventory and an audit log.
pub struct Operator {
    broker: String,
    actor: String,
    folder: PathBuf,
    fleet: Option<PathBuf>,
    silence: Option<Duration>,
    picket: PathBuf,
}

/// An order under way.
pub struct Order {
    process: Process,
    lines: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
}

/// An order that has ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: Option<i32>,
    /// What it printed to stdout, line by line; what is no JSON, as a string.
    pub lines: Vec<Value>,
    /// What it printed to stderr.
    pub stderr: String,
}

impl Operator {
    /// An operator of that name, whose key and audit log lie in `folder`.
    pub fn new(actor: &str, key: &TestKey, broker: &str, folder: &Path) -> Self {
        let operator = Self {
            broker: broker.to_owned(),
            actor: actor.to_owned(),
            folder: folder.join(format!("operator-{actor}")),
            fleet: None,
            silence: None,
            picket: binaries::picket(),
        };
        fs::create_dir_all(&operator.folder).expect("the folder is writable");
        write_key(&operator.key(), &key.private_file());
        operator
    }

    /// The same with the key of a file that `ssh-keygen` made.
    pub fn with_key_file(actor: &str, key: &Path, broker: &str, folder: &Path) -> Self {
        let operator = Self::new(actor, &TestKey::new(0), broker, folder);
        let text = fs::read_to_string(key).expect("ssh-keygen made a key");
        write_key(&operator.key(), &text);
        operator
    }

    /// Gives it another `picket`.
    #[must_use]
    pub fn with_picket(mut self, picket: &Path) -> Self {
        self.picket = picket.to_owned();
        self
    }

    /// Gives it an inventory.
    #[must_use]
    pub fn with_fleet(mut self, fleet: &str) -> Self {
        let path = self.folder.join("fleet.toml");
        fs::write(&path, fleet).expect("the folder is writable");
        self.fleet = Some(path);
        self
    }

    /// Cuts the power of a Pi after that much silence already.
    #[must_use]
    pub fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    /// The same key, broker and inventory under another name, with an audit log of its own.
    #[must_use]
    pub fn renamed(&self, actor: &str) -> Self {
        let folder = self.folder.join(actor);
        fs::create_dir_all(&folder).expect("the folder is writable");
        fs::copy(self.key(), folder.join("id_ed25519")).expect("the key is there");
        Self {
            broker: self.broker.clone(),
            actor: actor.to_owned(),
            folder,
            fleet: self.fleet.clone(),
            silence: self.silence,
            picket: self.picket.clone(),
        }
    }

    /// Gives an order: the arguments after the options of all commands.
    pub fn order(&self, arguments: &[&str]) -> Order {
        let mut command = Command::new(&self.picket);
        command
            .args(["--broker", &self.broker])
            .arg("--key")
            .arg(self.key())
            .arg("--audit")
            .arg(self.audit());
        if let Some(fleet) = &self.fleet {
            command.arg("--fleet").arg(fleet);
        }
        if let Some(silence) = self.silence {
            command.env("PICKET_TEST_SILENCE_MS", silence.as_millis().to_string());
        }
        command
            .args(arguments)
            .env("PICKET_ACTOR", &self.actor)
            .env_remove("SSH_AUTH_SOCK")
            .stdout(Stdio::piped());
        Order::of(Process::start("picket", &self.folder, command))
    }

    /// Gives an order and waits for its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.order(arguments).outcome()
    }

    /// The entries of the audit log.
    pub fn audit_log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.audit()).unwrap_or_default();
        text.lines().map(parse).collect()
    }

    /// The file of the audit log.
    pub fn audit(&self) -> PathBuf {
        self.folder.join("audit.jsonl")
    }

    /// The file of the private key.
    pub fn key(&self) -> PathBuf {
        self.folder.join("id_ed25519")
    }
}

impl Order {
    fn of(mut process: Process) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let out = BufReader::new(process.stdout());
        let reader = std::thread::spawn({
            let lines = lines.clone();
            move || {
                for line in out.lines().map_while(Result::ok) {
                    lines.lock().expect("no holder panics").push(parse(&line));
                }
            }
        });
        Self {
            process,
            lines,
            reader: Some(reader),
        }
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Value> {
        self.lines.lock().expect("no holder panics").clone()
    }

    /// Waits for a line in that state, of any device.
    pub fn wait_for_state(&self, state: &str) -> Value {
        self.wait_for(&format!("a line in state {state}"), |line| {
            line["state"] == state
        })
    }

    /// Waits for a line.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, PATIENCE, || {
            self.lines().into_iter().find(|line| wanted(line))
        })
    }

    /// Kills it at once.
    pub fn kill(self) -> Outcome {
        self.process.signal(Signal::KILL);
        self.outcome()
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        self.process.signal(Signal::INT);
    }

    /// Waits for its end.
    pub fn outcome(mut self) -> Outcome {
        let status = self.process.wait(PATIENCE);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no line stops the reader");
        }
        Outcome {
            code: status.code(),
            lines: self.lines(),
            stderr: self.process.stderr(),
        }
    }
}

impl Outcome {
    /// The last line of a device that is in a final state.
    pub fn end_of(&self, device: &str) -> &Value {
        let last = self.lines.iter().rfind(|line| line["device"] == device);
        last.unwrap_or_else(|| panic!("nothing is said of {device}: {self:#?}"))
    }

    /// The states of a device in their order.
    pub fn states_of(&self, device: &str) -> Vec<&str> {
        let lines = self.lines.iter().filter(|line| line["device"] == device);
        lines.filter_map(|line| line["state"].as_str()).collect()
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| Value::from(line))
}

fn write_key(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).expect("the folder is writable");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
}
