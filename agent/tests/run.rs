//! The daemon as a process, on a tree, with nobody to talk to. The service manager is this test: each tick feeds its
//! watchdog, so ticks are waited for and nothing sleeps.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use picket_test_keys::TestKey;
use rustix::{
    fs::{CWD, Mode, mkfifoat},
    process::{Pid, Signal, kill_process},
};

const BOOT: &str = "6c45ee9d-3e4a-4a0b-b2c1-0f61de43d3d5";

#[test]
fn an_orderly_stop_saves_the_spool_and_a_restart_goes_on_with_the_numbering() {
    let place = Place::new();
    let mut first = place.start();
    place.expect("READY=1");
    (0..3).for_each(|_| place.expect("WATCHDOG=1"));
    let second = place.command().output().unwrap();
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{error}");
    assert!(
        error.contains(&format!("(pid {})", first.0.id())),
        "{error}"
    );
    place.stop(&mut first);
    assert!(
        place.path("state/spool").exists(),
        "ticks that nobody confirmed are saved"
    );
    let ticks = place.next_tick();
    assert!(ticks >= 3, "{ticks}");
    let mut next = place.start();
    place.expect("READY=1");
    assert!(
        place.path("state/spool").exists(),
        "a saved spool is kept until it is confirmed"
    );
    place.expect("WATCHDOG=1");
    place.stop(&mut next);
    assert!(place.next_tick() > ticks);
}

#[test]
fn a_missing_state_directory_is_a_warning_and_not_the_end() {
    let place = Place::new();
    fs::remove_dir(place.path("state")).unwrap();
    let mut child = place.start_with_stderr();
    place.expect("WATCHDOG=1");
    place.stop(&mut child);
    let said = child.stderr();
    assert!(
        said.contains("state directory") && said.contains("set state_dir"),
        "{said}"
    );
}

#[test]
fn a_configuration_that_is_wrong_ends_with_2_and_check_says_the_same() {
    let place = Place::new();
    fs::write(place.path("picketd.toml"), "brocker = \"mqtt://h\"\n").unwrap();
    for command in ["run", "check"] {
        let output = place.command_of(command).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {error}");
        assert!(
            error.contains("picketd.toml:1") && error.contains("did you mean `broker`"),
            "{error}"
        );
    }
}

#[test]
fn a_wrong_word_on_the_kernel_command_line_fails_check_and_not_run() {
    let place = Place::new();
    fs::write(place.path("root/proc/cmdline"), "picket.window=soon\n").unwrap();
    let output = place.command_of("check").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let mut child = place.start();
    place.expect("READY=1");
    place.stop(&mut child);
}

#[test]
fn a_hangup_says_what_a_restart_would_change_and_changes_nothing() {
    let place = Place::new();
    let mut child = place.start_with_stderr();
    let mut log = BufReader::new(child.0.stderr.take().unwrap()).lines();
    place.expect("READY=1");
    let good = fs::read_to_string(place.path("picketd.toml")).unwrap();
    for (text, said) in [
        (good.clone(), "nothing changed"),
        (
            format!("{good}window = \"30s\"\n"),
            "these settings changed and need a restart: window",
        ),
        (
            format!("{good}windo = \"30s\"\n"),
            "the configuration is not valid now, a restart would fail",
        ),
    ] {
        fs::write(place.path("picketd.toml"), text).unwrap();
        kill_process(Pid::from_child(&child.0), Signal::HUP).unwrap();
        assert!(
            log.any(|line| line.unwrap().contains(said)),
            "no line with {said:?}"
        );
    }
    // And it ticks on.
    (0..3).for_each(|_| place.expect("WATCHDOG=1"));
    place.stop(&mut child);
}

/// The disk is a FIFO: whoever opens it waits for its other end.
#[test]
fn a_hangup_on_a_disk_that_hangs_holds_nothing_up_and_counts_when_it_answers() {
    let place = Place::new();
    let mut child = place.start_with_stderr();
    let mut log = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let mut said = |words: &str| log.any(|line| line.unwrap().contains(words));
    place.expect("READY=1");
    let (path, fifo) = (place.path("picketd.toml"), place.path("fifo"));
    let good = fs::read_to_string(&path).unwrap();
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    let hang = || {
        fs::remove_file(&path).unwrap();
        fs::hard_link(&fifo, &path).unwrap();
        kill_process(Pid::from_child(&child.0), Signal::HUP).unwrap();
    };
    let answer = |text: &str| fs::write(&fifo, text).unwrap();
    let changed = |what: &str| format!("these settings changed and need a restart: {what}");
    hang();
    // More than 5 s of ticks.
    (0..60).for_each(|_| place.expect("WATCHDOG=1"));
    assert!(said("the disk has not answered for 5 s"));
    answer(&format!("{good}window = \"30s\"\n"));
    assert!(said(&changed("window")));

    // What a reading brings that hung when the signal came may be older than what it is for.
    hang();
    // There is somebody at the other end as soon as this comes back.
    let mut answer = OpenOptions::new().write(true).open(&fifo).unwrap();
    fs::write(place.path("newer"), format!("{good}log = \"debug\"\n")).unwrap();
    fs::rename(place.path("newer"), &path).unwrap();
    kill_process(Pid::from_child(&child.0), Signal::HUP).unwrap();
    // A signal is taken before a tick is.
    (0..2).for_each(|_| place.expect("WATCHDOG=1"));
    writeln!(answer, "{good}window = \"40s\"").unwrap();
    drop(answer);
    assert!(said(&changed("log")));
    place.stop(&mut child);
}

/// Any other typo there only warns: but under a wrong id, an agent would speak for another Pi.
#[test]
fn a_wrong_id_on_the_kernel_command_line_ends_run_and_fails_check() {
    let place = Place::new();
    fs::write(place.path("root/proc/cmdline"), "quiet picket.id=xyz\n").unwrap();
    for (command, code, words) in [
        ("run", 1, "picket.id=\"xyz\" on the kernel command line"),
        ("check", 2, "16 hex digits"),
    ] {
        let output = place.command_of(command).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{command}: {error}");
        assert!(error.contains(words), "{command}: {error}");
    }
}

#[test]
fn check_prints_who_may_command_this_pi_and_names_each_line_that_does_not_count() {
    let place = Place::new();
    let signers = place.path("allowed_signers");
    let mut text = fs::read_to_string(place.path("picketd.toml")).unwrap();
    text += &format!("allowed_signers = {signers:?}\n");
    fs::write(place.path("picketd.toml"), text).unwrap();
    let key = TestKey::new(1).public();
    let good = format!(
        "# who is on duty\nalice@example.org namespaces=\"picket-operate@1\",valid-before=\"20270131Z\" {key}\n"
    );
    let check = |text: &str, words: &[&str]| {
        fs::write(&signers, text).unwrap();
        let output = place.command_of("check").args(words).output().unwrap();
        let [out, error] =
            [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        (output.status.code(), out, error)
    };
    let (code, out, error) = check(&good, &[]);
    assert_eq!(code, Some(0), "{error}");
    for words in [
        "line 2: alice@example.org, picket-operate@1, SHA256:",
        ", until 2027-01-31 00:00:00 UTC",
    ] {
        assert!(out.contains(words), "no {words:?} in {out}");
    }
    let (code, out, error) = check(&(good + "bob ssh-rsa AAAA\n"), &["--json"]);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("allowed_signers, line 3: a key of kind ssh-rsa"),
        "{error}"
    );
    let said: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(said["signers"].as_array().unwrap().len(), 1);
    assert_eq!(said["signers"][0]["principals"], "alice@example.org");
    assert_eq!(
        said["signers"][0]["namespaces"],
        serde_json::json!(["picket-operate@1"])
    );
    let (code, _, error) = check("", &[]);
    assert_eq!(code, Some(2));
    assert!(error.contains("names nobody who may sign"), "{error}");
    fs::remove_file(&signers).unwrap();
    let output = place.command_of("check").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("allowed_signers; see that it is there")
    );
}

struct Place {
    directory: tempfile::TempDir,
    manager: UnixDatagram,
}

/// An agent that ends with its test, also when that fails: one that stayed would keep the test's own output open.
struct Running(Child);

impl Running {
    /// What it said until its end.
    fn stderr(&mut self) -> String {
        let mut said = String::new();
        let stderr = self.0.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already unless its test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        for made in ["state", "root/proc/sys/kernel/random"] {
            fs::create_dir_all(at.join(made)).unwrap();
        }
        fs::write(at.join("root/proc/sys/kernel/random/boot_id"), BOOT).unwrap();
        let state = at.join("state");
        let text = format!(
            "broker = \"mqtt://127.0.0.1:1\"\nid = \"00000000a1b2c3d4\"\nstate_dir = {state:?}\nsample_every = \"100ms\"\n"
        );
        fs::write(at.join("picketd.toml"), text).unwrap();
        let manager = UnixDatagram::bind(at.join("notify")).unwrap();
        manager
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self { directory, manager }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self) -> Command {
        self.command_of("run")
    }

    fn command_of(&self, command: &str) -> Command {
        let program = env!("CARGO_BIN_EXE_picketd");
        // Cross-built tests run under an emulator, and the kernel beneath cannot execute the agent without it.
        let mut picketd = match std::env::var_os("PICKET_RUNNER") {
            Some(runner) => {
                let mut picketd = Command::new(runner);
                picketd.arg(program);
                picketd
            }
            None => Command::new(program),
        };
        picketd
            .args([
                Path::new(command),
                Path::new("--config"),
                &self.path("picketd.toml"),
            ])
            .args([Path::new("--root"), &self.path("root")])
            .env("NOTIFY_SOCKET", self.path("notify"))
            .env("WATCHDOG_USEC", "1000000")
            .env_remove("WATCHDOG_PID");
        picketd
    }

    fn start(&self) -> Running {
        Running(self.command().spawn().unwrap())
    }

    fn start_with_stderr(&self) -> Running {
        Running(self.command().stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Waits for that word and drops others.
    fn expect(&self, word: &str) {
        let mut buffer = [0; 256];
        loop {
            let length = match self.manager.recv(&mut buffer) {
                Ok(length) => length,
                // A receive with a timeout isn't taken up again after a stop and a continue (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => panic!("no {word}: {error}"),
            };
            if &buffer[..length] == word.as_bytes() {
                return;
            }
        }
    }

    fn stop(&self, child: &mut Running) {
        kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
        self.expect("STOPPING=1");
        assert!(child.0.wait().unwrap().success());
    }

    /// The record of the run directory: the first counter after magic and boot id.
    fn next_tick(&self) -> u64 {
        let record = fs::read(self.path("root/run/picket/state")).unwrap();
        u64::from_le_bytes(record[24..32].try_into().unwrap())
    }
}
