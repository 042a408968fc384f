//! The lifeboat on this machine, each time in a mount namespace of the test's own, with a tmpfs on /run as a Pi has it: what the
//! running agent still has to do with the disk, what it leaves behind, and what is said where there can be none.
//! That it goes on while the disk hangs is shown on the emulated Pi, in pi_lifeboat.rs. Root is needed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use picket_test_keys::TestKey;
use picket_tests::{
    binaries, eventually, mosquitto::Mosquitto, process::Process, watcher::Watcher,
};
use rustix::process::Signal;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);
/// CAP_DAC_READ_SEARCH and CAP_SYS_BOOT; CAP_IPC_LOCK may be kept where the limit of locked memory can't be lifted.
const NEEDED: u64 = 1 << 2 | 1 << 22;
const IPC_LOCK: u64 = 1 << 14;

#[test]
fn aboard_nothing_of_the_disk_is_held_or_looked_at() {
    let shore = Shore::new();
    let broker = Mosquitto::start(shore.folder());
    let watcher = Watcher::start(&broker.url(), None, shore.folder());
    let agent = shore.agent(&broker.url(), "required", &[]);
    let status = lifeboat(&watcher);
    assert_eq!(status["state"], "aboard", "{status}");
    let proc = PathBuf::from(format!("/proc/{}", agent.id()));
    let mounts = fs::read_to_string(proc.join("mountinfo")).unwrap();
    assert!(
        mounts.contains(" / / rw,nosuid,nodev,relatime - tmpfs picket-lifeboat"),
        "{mounts}"
    );
    assert!(
        !fs::read_to_string("/proc/self/mountinfo")
            .unwrap()
            .contains("picket-lifeboat")
    );
    for line in fs::read_to_string(proc.join("maps")).unwrap().lines() {
        let path = line.split_whitespace().nth(5).unwrap_or_default();
        assert!(!path.starts_with('/') || path == "/picketd", "{line}");
    }
    let status = fs::read_to_string(proc.join("status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().trim_end_matches(" kB").to_owned()
    };
    let capabilities = |name| u64::from_str_radix(&field(name), 16).unwrap();
    assert_eq!(capabilities("CapPrm:") & !IPC_LOCK, NEEDED, "{status}");
    assert_eq!(capabilities("CapEff:") & !IPC_LOCK, NEEDED, "{status}");
    assert_eq!(field("NoNewPrivs:"), "1");
    let locked: u64 = field("VmLck:").parse().unwrap();
    assert!(locked > 1_000, "{locked} KiB are locked");
    held(&proc);
    let calls = calls(&agent, shore.folder());
    for line in calls.lines().filter(|line| !line.contains("pread64(")) {
        let named = line.split('"').nth(1).unwrap_or_default();
        let in_memory = ["/proc/", "/sys/", "/dev/", "/run/"];
        assert!(
            in_memory.iter().any(|place| named.starts_with(place)),
            "{line}"
        );
    }
    // All of it was there to be seen: the tick reads each file that it holds open.
    let reads = calls
        .lines()
        .filter(|line| line.contains("pread64("))
        .count();
    assert!(reads > 50, "{reads} reads in {calls}");
}

#[test]
fn what_the_configuration_names_is_read_and_written_on_the_disk() {
    let shore = Shore::new();
    let broker = Mosquitto::start(shore.folder());
    let watcher = Watcher::start(&broker.url(), None, shore.folder());
    let signers = shore.folder().join("allowed_signers");
    fs::write(&signers, "").unwrap();
    let mut agent = shore.agent(&broker.url(), "required", &[]);
    lifeboat(&watcher);
    fs::write(&signers, TestKey::new(1).line("alice@example.org")).unwrap();
    agent.signal(Signal::HUP);
    eventually("the signers are read again", PATIENCE, || {
        let status = statuses(&watcher).pop()?;
        status["features"]
            .as_array()?
            .contains(&"commands".into())
            .then_some(())
    });
    assert!(agent.terminate().success());
    let state = shore.folder().join("state");
    assert!(state.join("journal").is_file() && state.join("spool").is_file());
    let told = agent.stderr();
    assert!(
        told.contains(&format!("{}: 1 lines say who", signers.display())),
        "{told}"
    );
}

#[test]
fn however_it_ends_nothing_is_left_and_the_next_one_boards_again() {
    let shore = Shore::new();
    let before = shore.mounts();
    for round in 0..3 {
        let mut agent = shore.agent("mqtt://127.0.0.1:1", "required", &[]);
        shore.wait_aboard(&agent);
        match round {
            0 => agent.signal(Signal::KILL),
            1 => agent.signal(Signal::ABORT),
            _ => agent.signal(Signal::TERM),
        }
        agent.wait(PATIENCE);
        assert_eq!(shore.mounts(), before, "in round {round}");
        let place = shore.root().join("run/picket/lifeboat");
        assert_eq!(fs::read_dir(place).unwrap().count(), 0, "in round {round}");
    }
}

#[test]
fn where_it_cant_be_had_it_is_required_in_vain_or_done_without() {
    let shore = Shore::new();
    let broker = Mosquitto::start(shore.folder());
    let watcher = Watcher::start(&broker.url(), None, shore.folder());
    let weak = ["setpriv", "--bounding-set=-sys_admin"];
    let disk = ["env", "RUNTIME_DIRECTORY=/var/tmp/picket-no-such-directory"];
    for (with, words) in [
        (&weak[..], ["(unshare: EPERM)", "CAP_SYS_ADMIN"]),
        (
            &disk,
            ["/var/tmp/picket-no-such-directory", "RUNTIME_DIRECTORY"],
        ),
    ] {
        let mut agent = shore.agent(&broker.url(), "required", with);
        assert_eq!(agent.wait(PATIENCE).code(), Some(1));
        let told = agent.stderr();
        for word in words.into_iter().chain(["set lifeboat = \"off\""]) {
            assert!(told.contains(word), "{word}: {told}");
        }
    }
    let mut agent = shore.agent(&broker.url(), "auto", &weak);
    let status = lifeboat(&watcher);
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&"unavailable".into(), &"unshare: EPERM".into())
    );
    assert!(agent.terminate().success());
    let told = agent.stderr();
    assert_eq!(
        told.matches("(unshare: EPERM)").count(),
        2,
        "once in vain, one warning: {told}"
    );
}

#[test]
fn a_mark_that_is_not_true_ends_the_agent_and_off_means_ashore() {
    let shore = Shore::new();
    let marked = ["env", "PICKET_LIFEBOAT=4026531840:/"];
    let mut agent = shore.agent("mqtt://127.0.0.1:1", "auto", &marked);
    assert_eq!(agent.wait(PATIENCE).code(), Some(2));
    assert!(
        agent.stderr().contains("without that variable"),
        "{}",
        agent.stderr()
    );
    let broker = Mosquitto::start(shore.folder());
    let watcher = Watcher::start(&broker.url(), None, shore.folder());
    let agent = shore.agent(&broker.url(), "off", &[]);
    assert_eq!(lifeboat(&watcher)["state"], "off");
    let exe = fs::read_link(format!("/proc/{}/exe", agent.id())).unwrap();
    assert_eq!(exe, binaries::picketd());
}

/// A mount namespace with a tmpfs on /run, and a folder for what the agents have on the disk.
struct Shore {
    holder: Process,
    folder: tempfile::TempDir,
}

impl Shore {
    fn new() -> Self {
        // /tmp may be a tmpfs, and this is the disk.
        let folder = tempfile::tempdir_in("/var/tmp").expect("a temporary folder can be made");
        let mut holder = Command::new("unshare");
        let script = "mount -t tmpfs run /run && echo ready && exec sleep infinity";
        holder
            .args(["--mount", "--propagation", "slave", "sh", "-c", script])
            .stdout(Stdio::piped());
        let mut holder = Process::start("holder", folder.path(), holder);
        let mut ready = [0; 6];
        std::io::Read::read_exact(&mut holder.stdout(), &mut ready)
            .expect("root may unshare and mount");
        Self { holder, folder }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The root as a process of this namespace sees it.
    fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.holder.id()).into()
    }

    fn mounts(&self) -> String {
        fs::read_to_string(format!("/proc/{}/mountinfo", self.holder.id()))
            .expect("the holder is there")
    }

    /// Starts an agent there, through that command. Its configuration is given by a path that isn't absolute.
    fn agent(&self, broker: &str, lifeboat: &str, with: &[&str]) -> Process {
        let folder = self.folder();
        let state = folder.join("state");
        fs::create_dir_all(&state).expect("the folder is writable");
        let signers = folder.join("allowed_signers");
        let toml = format!(
            "broker = {broker:?}\nid = \"00000000a1b2c3d4\"\nack = \"nobody\"\nconnect_spread = \"0s\"\nnfs_probe = \"off\"\n\
             sample_every = \"100ms\"\nwindow = \"1s\"\nstate_dir = {state:?}\nallowed_signers = {signers:?}\nlifeboat = {lifeboat:?}\n"
        );
        fs::write(folder.join("picketd.toml"), toml).expect("the folder is writable");
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()))
            .arg(format!("--wd={}", folder.display()))
            .args(with)
            .arg(binaries::picketd())
            .args(["run", "--config", "picketd.toml"])
            .env_remove("RUNTIME_DIRECTORY");
        Process::start("picketd", folder, command)
    }

    fn wait_aboard(&self, agent: &Process) {
        let mounts = format!("/proc/{}/mountinfo", agent.id());
        eventually("the agent is aboard and samples", PATIENCE, || {
            let aboard = fs::read_to_string(&mounts).ok()?.contains(" /host ");
            (aboard && self.root().join("run/picket/state").exists()).then_some(())
        });
    }
}

/// Of what lies on the disk nothing is open but by descriptors that are places only (O_PATH): the journal's. What the process was
/// started with, as stderr, is not its own.
fn held(proc: &Path) {
    const O_PATH: u32 = 0o10_000_000;
    let mut places = 0;
    for entry in fs::read_dir(proc.join("fd")).expect("the agent is there") {
        let number = entry.expect("the agent is there").file_name();
        let target = fs::read_link(proc.join("fd").join(&number)).expect("it stays open");
        if !target.starts_with("/host") {
            continue;
        }
        let about = fs::read_to_string(proc.join("fdinfo").join(&number)).expect("it stays open");
        let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        let flags = flags.expect("the kernel says them, octal");
        assert_ne!(flags & O_PATH, 0, "{} is open: {about}", target.display());
        places += 1;
    }
    assert_eq!(places, 1, "the journal");
}

/// What the last status says of the lifeboat.
fn lifeboat(watcher: &Watcher) -> Value {
    eventually("a status tells of the lifeboat", PATIENCE, || {
        let status = statuses(watcher).pop()?;
        status["lifeboat"]
            .is_object()
            .then(|| status["lifeboat"].clone())
    })
}

fn statuses(watcher: &Watcher) -> Vec<Value> {
    let lines = watcher.lines().into_iter();
    lines
        .filter_map(|line| line.get("status").cloned())
        .collect()
}

/// Every system call of two seconds that names a file, or reads one.
fn calls(agent: &Process, folder: &Path) -> String {
    let out = folder.join("calls");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-e", "trace=%file,pread64", "-o"])
        .arg(&out)
        .args(["-p", &agent.id().to_string()]);
    let mut strace = Process::start("strace", folder, strace);
    thread::sleep(Duration::from_secs(2));
    strace.signal(Signal::INT);
    strace.wait(PATIENCE);
    fs::read_to_string(out).expect("strace has written it")
}
