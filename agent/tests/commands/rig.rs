//! A machine of files, the daemon on it as a process, and this test as its broker and its operator. Everything that the daemon
//! says is confirmed, unless a test wants otherwise.
use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use picket_proto::{
    Action, Batch, BootId, Channel, Command as Order, DeviceId, OperationId, Ping, Pong, Report,
    State, Status, Target, Topic, frame,
};
use picket_test_keys::TestKey;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::scripted_broker::{Packet, Peer, ScriptedBroker};

pub(crate) const DEVICE: DeviceId = DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]);
pub(crate) const ACTOR: &str = "alice@example.org";
const FIRST_BOOT: &str = "6c45ee9d-3e4a-4a0b-b2c1-0f61de43d3d5";
/// A daemon of these tests says less than this.
const MOST: u32 = 500;
/// Longer than anything takes, also under an emulator.
const PATIENCE: Duration = Duration::from_secs(60);
const ROOT: &str = "picket";

/// Something that the daemon said.
#[derive(Debug)]
pub(crate) enum Said {
    Pong(Pong),
    Report(Report),
    Status,
    Batch(Batch),
    Other,
}

/// A machine and whoever watches it.
pub(crate) struct Rig {
    directory: tempfile::TempDir,
    broker: ScriptedBroker,
    peer: Option<Peer>,
    child: Option<Child>,
    pub(crate) key: TestKey,
    /// The shell script that runs before the daemon, in its process and in a mount namespace of its own.
    pub(crate) before: Option<String>,
    /// The last status.
    pub(crate) status: Status,
    /// Every batch that came.
    pub(crate) batches: Vec<Batch>,
    operations: u8,
    heard: u32,
}

impl Rig {
    /// A machine that is down. Its operator may sign everything.
    pub(crate) async fn new() -> Self {
        let rig = Self {
            directory: tempfile::tempdir().unwrap(),
            broker: ScriptedBroker::start().await,
            peer: None,
            child: None,
            key: TestKey::new(1),
            before: None,
            status: Status::default(),
            batches: Vec::new(),
            operations: 0,
            heard: 0,
        };
        for made in ["state", "root/proc/sys/kernel/random"] {
            fs::create_dir_all(rig.path(made)).unwrap();
        }
        fs::write(rig.path(BOOT_ID), FIRST_BOOT).unwrap();
        fs::write(rig.path("allowed_signers"), rig.key.line(ACTOR)).unwrap();
        let (state, signers) = (rig.path("state"), rig.path("allowed_signers"));
        rig.configure(&format!(
            "broker = \"mqtt://{}\"\nid = \"{DEVICE}\"\nconnect_spread = \"0s\"\nstate_dir = {state:?}\nallowed_signers = {signers:?}\nsample_every = \"200ms\"\nwindow = \"200ms\"\n",
            rig.broker.address()
        ));
        rig
    }

    /// Such a machine, and it is up.
    pub(crate) async fn up() -> Self {
        let mut rig = Self::new().await;
        rig.start().await;
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the daemon's configuration.
    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.path("picketd.toml"), text).unwrap();
    }

    /// The tree's boot.
    pub(crate) fn boot(&self) -> BootId {
        let text = fs::read_to_string(self.path(BOOT_ID)).unwrap();
        text.trim().parse().unwrap()
    }

    /// What the daemon has logged since the machine was made.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Starts the daemon, and waits for its first status.
    pub(crate) async fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"));
        self.child = Some(self.command().stderr(log.unwrap()).spawn().unwrap());
        let (peer, ..) = timeout(PATIENCE, self.broker.welcome()).await.unwrap();
        self.peer = Some(peer);
        self.status = Status::default();
        while self.status == Status::default() {
            self.next().await.expect("the daemon stays");
        }
    }

    fn command(&self) -> Command {
        let mut words: Vec<PathBuf> = Vec::new();
        if let Some(script) = &self.before {
            let script = format!("{script} && exec \"$@\"");
            words.extend(["unshare", "-rm", "sh", "-c", &script, "sh"].map(PathBuf::from));
        }
        // Cross-built tests run under an emulator, and the kernel beneath cannot execute the agent without it.
        words.extend(std::env::var_os("PICKET_RUNNER").map(PathBuf::from));
        words.push(env!("CARGO_BIN_EXE_picketd").into());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args(["run", "--config"])
            .arg(self.path("picketd.toml"))
            .arg("--root")
            .arg(self.path("root"))
            .env_remove("NOTIFY_SOCKET");
        command
    }

    /// The next thing that the daemon says, confirmed; `None` when it has hung up.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        let peer = self.peer.as_mut().expect("the daemon is connected");
        loop {
            let packet = timeout(PATIENCE, peer.read()).await;
            match packet.unwrap_or_else(|_| panic!("the daemon is silent")) {
                Packet::Publish(publish) => {
                    peer.puback(publish.id).await;
                    let channel = Topic::parse(&publish.topic, ROOT).unwrap().channel;
                    return Some(self.keep(channel, &publish.payload));
                }
                Packet::PingReq => peer.pingresp().await,
                Packet::Closed | Packet::Disconnect => return None,
                other => panic!("nobody expects {other:?}"),
            }
        }
    }

    fn keep(&mut self, channel: Channel, payload: &[u8]) -> Said {
        self.heard += 1;
        assert!(self.heard < MOST, "the test waits for what never comes");
        match channel {
            Channel::Pong => Said::Pong(frame::decode(payload).unwrap()),
            Channel::Report => Said::Report(frame::decode(payload).unwrap()),
            Channel::Status => {
                self.status = frame::decode(payload).unwrap();
                Said::Status
            }
            Channel::Telemetry | Channel::Backlog => {
                let batch: Batch = frame::decode(payload).unwrap();
                self.batches.push(batch.clone());
                Said::Batch(batch)
            }
            _ => Said::Other,
        }
    }

    /// Sends a message to the daemon.
    pub(crate) async fn send(&mut self, channel: Channel, payload: &[u8]) {
        let device = DEVICE;
        let topic = Topic { channel, device }.name(ROOT);
        let peer = self.peer.as_mut().expect("the daemon is connected");
        peer.fleeting(&topic, payload).await;
    }

    pub(crate) async fn pong(&mut self) -> Pong {
        let ping = Ping { token: 77 };
        self.send(Channel::Ping, &frame::encode(&ping)).await;
        loop {
            if let Said::Pong(pong) = self.next().await.expect("the daemon stays") {
                assert_eq!(pong.token, ping.token);
                return pong;
            }
        }
    }

    /// A command that is good now.
    pub(crate) async fn order(&mut self, action: Action) -> Order {
        let pong = self.pong().await;
        self.operations += 1;
        Order {
            operation: OperationId([self.operations; 16]),
            targets: vec![Target {
                device: DEVICE,
                boot: pong.boot,
                nonce: pong.nonce,
                not_after_ms: pong.boottime_ms + 600_000,
            }],
            actor: ACTOR.to_owned(),
            on_behalf_of: String::new(),
            reason: String::new(),
            action,
        }
    }

    /// Signs it, sends it, and returns its reports up to the final one.
    pub(crate) async fn give(&mut self, order: &Order) -> Vec<Report> {
        self.send(Channel::Command, &self.key.frame(order)).await;
        self.reports(order.operation).await
    }

    /// The reports of that operation up to the final one, or up to the daemon's end.
    pub(crate) async fn reports(&mut self, operation: OperationId) -> Vec<Report> {
        let mut reports = Vec::new();
        while let Some(said) = self.next().await {
            let Said::Report(report) = said else { continue };
            if report.operation != Some(operation) {
                continue;
            }
            let over = report.state.is_some_and(State::is_final);
            reports.push(report);
            if over {
                break;
            }
        }
        reports
    }

    /// Orders it and returns the reports up to the final one, or up to the daemon's end.
    pub(crate) async fn operate(&mut self, action: Action) -> Vec<Report> {
        let order = self.order(action).await;
        self.give(&order).await
    }

    /// Waits for the first report and confirms nothing.
    pub(crate) async fn unconfirmed_report(&mut self) -> Report {
        let peer = self.peer.as_mut().expect("the daemon is connected");
        loop {
            let packet = timeout(PATIENCE, peer.read()).await;
            let Packet::Publish(publish) = packet.expect("the daemon speaks") else {
                continue;
            };
            let topic = Topic::parse(&publish.topic, ROOT).unwrap();
            if topic.channel == Channel::Report {
                return frame::decode(&publish.payload).unwrap();
            }
        }
    }

    /// Takes all that the daemon says until it hangs up, and confirms nothing.
    pub(crate) async fn ignore(&mut self) {
        let mut peer = self.peer.take().expect("the daemon is connected");
        while timeout(PATIENCE, peer.read())
            .await
            .expect("the daemon ends")
            != Packet::Closed
        {}
    }

    /// The line to the daemon breaks.
    pub(crate) fn hang_up(&mut self) {
        self.peer = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the daemon runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// How the daemon ends, which it does by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        while self.peer.is_some() && self.next().await.is_some() {}
        self.peer = None;
        let mut child = self.child.take().expect("the daemon runs");
        let pid = Pid::from_child(&child);
        let waiting = tokio::task::spawn_blocking(move || child.wait().unwrap());
        let Ok(ended) = timeout(PATIENCE, waiting).await else {
            kill_process(pid, Signal::KILL).unwrap();
            panic!("the daemon doesn't end");
        };
        ended.unwrap()
    }

    /// The service manager stops the daemon. Only then all of its log is there.
    pub(crate) async fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert!(self.ended().await.success());
    }

    /// The service manager stops the daemon and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A test that failed leaves its daemon behind.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the daemon said:\n{}", self.log());
        }
    }
}

pub(crate) const BOOT_ID: &str = "root/proc/sys/kernel/random/boot_id";
