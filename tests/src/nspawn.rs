//! A small Debian under a real systemd, in a container, with picketd installed as an image installs it.
//!
//! Safety-order: the container has a network, process ids and a root of its own, so nothing in it reaches a process or a port of
//! this machine, and reboot(2) ends the container alone. /proc/sysrq-trigger would reach this machine: nspawn mounts it read-only,
//! and besides picketd is either told that it is a test (`PICKET_RUNNER`), or has another file in its place.
use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    thread,
    time::Duration,
};

use picket_proto::DeviceId;
use rustix::{
    process::{Pid, Signal, kill_process},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use tempfile::TempDir;

use crate::{
    binaries,
    cgroup::Cgroup,
    debian::{self, Architecture},
    eventually,
    mosquitto::Mosquitto,
    process::Process,
    proxy::Proxy,
};

/// Four times what a boot on two busy processors took.
const BOOT: Duration = Duration::from_secs(40);
const PORT: u16 = 1883;
/// How a container is set up.
#[derive(Debug, Clone, Default)]
pub struct Setup<'a> {
    /// Lines of picketd.toml, over the bed's own.
    pub config: &'a str,
    /// The text of `allowed_signers`.
    pub signers: &'a str,
    /// Lines of `[Service]`, over picketd.service.
    pub service: &'a str,
    /// Further units, by name and text.
    pub units: &'a [(&'a str, &'a str)],
    /// What becomes of an order to reboot.
    pub reboots: Reboots,
}

/// What picketd may bring down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reboots {
    /// Nothing.
    #[default]
    Nothing,
    /// The container; and there is a guard with that much patience, in whole seconds.
    Container {
        /// How long it gives systemd.
        patience: Duration,
    },
}

impl Reboots {
    /// Lines of `[Service]` that keep this machine up.
    #[must_use]
    pub fn safety(self) -> &'static str {
        match self {
            Self::Nothing => "Environment=PICKET_RUNNER=nspawn",
            Self::Container { .. } => "InaccessiblePaths=-/proc/sysrq-trigger",
        }
    }
}

/// For a root that gets picketd only later: what keeps this machine up. The guard runs only where it could act, which is the container.
pub fn keep_safe(root: &Path, patience: Duration) {
    for (unit, reboots) in [
        ("picketd.service", Reboots::Nothing),
        ("picketd-guard.service", Reboots::Container { patience }),
    ] {
        debian::amend(root, unit, &format!("[Service]\n{}\n", reboots.safety()));
    }
}

/// A booted container and its broker, which lies outside.
pub struct Container {
    // In this order: the container ends before what it uses.
    nspawn: Process,
    cgroup: Cgroup,
    /// The broker, on this machine.
    pub broker: Mosquitto,
    _line: Proxy,
    root: PathBuf,
    folder: TempDir,
}

impl Container {
    /// Boots one, and waits until picketd has said that it is ready.
    pub fn boot(setup: &Setup<'_>) -> Self {
        let container = Self::boot_root(|root| {
            debian::copy(Architecture::Amd64, root);
            install(root, setup);
        });
        container.wait_for_picketd();
        container
    }

    /// Boots a root that has no picketd yet, or not necessarily: `make` puts it into the folder that it is given. The broker is at
    /// localhost:1883 in there.
    pub fn boot_root(make: impl FnOnce(&Path)) -> Self {
        let folder = workplace();
        let root = folder.path().join("root");
        make(&root);
        let cgroup = Cgroup::new();
        let broker = Mosquitto::start(folder.path());
        let nspawn = Process::start("nspawn", folder.path(), command(&root, &cgroup));
        let line = Proxy::on(listener(&nspawn, PORT), broker.address());
        Self {
            nspawn,
            cgroup,
            broker,
            _line: line,
            root,
            folder,
        }
    }

    /// Leads from a port of all of its addresses to somebody else out here.
    pub fn lead(&self, port: u16, to: SocketAddr) -> Proxy {
        Proxy::on(listener(&self.nspawn, port), to)
    }

    /// Waits until picketd has said that it is ready.
    pub fn wait_for_picketd(&self) {
        eventually("systemd starts picketd", BOOT, || {
            (self.state() == "active").then_some(())
        });
    }

    /// The id of the machine in it.
    pub fn device() -> DeviceId {
        DeviceId([0, 0, 0, 0, 0xc0, 0x17, 0xa1, 0x4e])
    }

    /// A file of its root, from outside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Where further files of the test may lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file as the container sees it, also in its /run and /proc.
    pub fn inside(&self, path: &str) -> PathBuf {
        let leader = self.process_1().as_raw_nonzero();
        Path::new(&format!("/proc/{leader}/root")).join(path)
    }

    /// Calls systemctl in the container. It waits for ever while process 1 is stopped.
    pub fn systemctl(&self, arguments: &[&str]) -> Output {
        self.run("systemctl", arguments)
    }

    /// Calls systemctl, which must succeed.
    pub fn order(&self, arguments: &[&str]) {
        let output = self.systemctl(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// What systemd says of picketd.service's property.
    pub fn property(&self, name: &str) -> String {
        let output = self.systemctl(&["show", "--value", "--property", name, "picketd.service"]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What journald has. It can't say any more which unit a process was of that is gone.
    pub fn log(&self) -> String {
        let output = self.run("journalctl", &["--no-pager"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Process 1.
    pub fn process_1(&self) -> Pid {
        let processes = || self.cgroup.processes("payload/init.scope");
        let pid = eventually("the container has a process 1", BOOT, || {
            processes().first().copied()
        });
        known(pid).expect("0 is no process")
    }

    /// The main process of a service, while it runs.
    pub fn process_of(&self, service: &str) -> Option<Pid> {
        let path = format!("payload/system.slice/{service}");
        known(self.cgroup.processes(&path).first().copied()?)
    }

    /// picketd, which runs.
    pub fn picketd(&self) -> Pid {
        eventually("picketd runs", BOOT, || self.process_of("picketd.service"))
    }

    /// What the kernel says of a process in `/proc/PID/status`, by its key.
    pub fn status_of(&self, pid: Pid, key: &str) -> String {
        let status = format!("/proc/{}/status", pid.as_raw_nonzero());
        let text = fs::read_to_string(status).expect("the process runs");
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let value = line.and_then(|line| line.strip_prefix(':'));
        value.expect("the kernel knows the key").trim().to_owned()
    }

    /// How it ended, if it has. An order to reboot ends it too: whoever manages it would start it again.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.nspawn.ended()
    }

    /// True if it is impossible in there to press the emergency key of this machine. Nothing is pressed.
    pub fn has_no_emergency_key(&self) -> bool {
        let output = self.run("sh", &["-c", "exec 3>/proc/sysrq-trigger"]);
        !output.status.success()
    }

    fn state(&self) -> String {
        match self.cgroup.processes("payload/init.scope").is_empty() {
            true => String::new(),
            false => self.property("ActiveState"),
        }
    }

    /// Runs a program in the container.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let leader = self.process_1().as_raw_nonzero();
        Command::new("nsenter")
            .args(["--all", "--target", &leader.to_string(), program])
            .args(arguments)
            .env("SYSTEMD_PAGER", "")
            .output()
            .expect("nsenter is there, it is part of util-linux")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if thread::panicking() {
            // Killed after 2 s, because process 1 may be stopped.
            let told = self.run("timeout", &["-s", "KILL", "2", "journalctl", "--no-pager"]);
            eprintln!(
                "--- journal of the container\n{}",
                String::from_utf8_lossy(&told.stdout)
            );
        }
        if self.ended().is_none() {
            self.nspawn.kill();
        }
    }
}

fn known(pid: u32) -> Option<Pid> {
    Pid::from_raw(pid.try_into().ok()?)
}

/// Sends a signal to a process of the container.
pub fn signal(pid: Pid, signal: Signal) {
    kill_process(pid, signal).expect("the process is there");
}

/// Beside the programs under test, where there is room, and a disk: on a root in memory the agent needs no lifeboat.
fn workplace() -> TempDir {
    let programs = binaries::picketd();
    let beside = programs.parent().expect("programs lie in a folder");
    let folder = tempfile::Builder::new()
        .prefix("nspawn-")
        .tempdir_in(beside);
    folder.expect("the folder of the programs is writable")
}

/// As `picketd install` does it, and what the test wants besides.
fn install(root: &Path, setup: &Setup<'_>) {
    let etc = root.join("etc/picket");
    fs::create_dir_all(&etc).expect("the root is ours");
    let config = format!(
        "broker = \"mqtt://127.0.0.1:{PORT}\"\nack = \"puback\"\nid = \"{}\"\nconnect_spread = \"0s\"\n\
         allowed_signers = \"/etc/picket/allowed_signers\"\n{}\n",
        Container::device(),
        setup.config
    );
    for (file, text) in [
        ("picketd.toml", config.as_str()),
        ("allowed_signers", setup.signers),
    ] {
        fs::write(etc.join(file), text).expect("the root is ours");
    }
    let installed = Command::new(binaries::picketd())
        .args(["install", "--root"])
        .arg(root)
        .output()
        .expect("picketd can be executed");
    assert!(installed.status.success(), "{installed:?}");
    let safe = setup.reboots.safety();
    let lines = format!("[Service]\n{safe}\n{}\n", setup.service);
    debian::amend(root, "picketd.service", &lines);
    match setup.reboots {
        Reboots::Nothing => debian::disable(root, "picketd-guard.service"),
        Reboots::Container { patience } => {
            let lines = format!(
                "[Service]\n{safe}\nExecStart=\nExecStart=@/usr/bin/picketd @picketd guard --patience {}\n",
                patience.as_secs()
            );
            debian::amend(root, "picketd-guard.service", &lines);
        }
    }
    for (unit, text) in setup.units {
        debian::add(root, unit, text);
    }
}

/// systemd-nspawn in a control group, a network and process ids of its own. If this test dies, so does all of it: the kernel kills
/// `unshare`, and with the first of its process ids every other.
fn command(root: &Path, cgroup: &Cgroup) -> Command {
    let mut script = String::new();
    for door in cgroup.doors() {
        writeln!(script, "echo 0 >{} || exit 1", door.display()).expect("memory can be written");
    }
    script += "exec setpriv --pdeathsig KILL unshare --net --pid --fork --kill-child --mount-proc systemd-nspawn \"$@\"";
    let name = cgroup.doors()[0]
        .parent()
        .and_then(Path::file_name)
        .expect("a group has a name")
        .to_owned();
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "nspawn", "--quiet", "--register=no"])
        .args(["--keep-unit", "--console=pipe", "--boot"])
        // For the loopback interface, which systemd brings up, the network being the container's own; and for the lifeboat.
        .arg("--capability=CAP_NET_ADMIN,CAP_IPC_LOCK")
        .args(["--network-namespace-path=/proc/self/ns/net", "--directory"])
        .arg(root)
        .arg("--machine")
        .arg(name)
        .stdout(Stdio::null());
    command
}

/// A port in the container's network. A socket stays in the network that it was made in, and a thread of its own goes there to make it.
fn listener(nspawn: &Process, port: u16) -> TcpListener {
    let network = format!("/proc/{}/ns/net", nspawn.id());
    let ours = fs::read_link("/proc/self/ns/net").expect("Linux has network namespaces");
    eventually("the container has a network", BOOT, || {
        fs::read_link(&network).ok().filter(|other| *other != ours)
    });
    let network = fs::File::open(network).expect("nspawn runs");
    let made = thread::spawn(move || {
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(network.as_fd(), kind).expect("root may go into any network");
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        TcpListener::bind(any).expect("nobody else is in that network")
    });
    made.join().expect("the thread has said why")
}
