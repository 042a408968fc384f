//! What `make pi` runs: it shows the console of an emulated Pi and what to try, and takes everything away with it.
use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use picket_tests::{pi::Machine, process::Process};
use rustix::process::Signal;

#[test]
fn make_pi_shows_a_console_and_what_to_try_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pi"));
    command.env("TMPDIR", folder.path()).stdout(Stdio::piped());
    let mut pi = Process::start("pi", folder.path(), command);
    let said = said_until("connected to the broker", &mut pi);
    for word in ["PICKET_BROKER=", "PICKET_KEY=", "picket reboot ", "rc: up"] {
        assert!(said.contains(word), "no {word:?} in {said}");
    }
    pi.signal(Signal::INT);
    let status = pi.wait(Duration::from_secs(30));
    assert!(status.success(), "{status}");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let here = folder.path().to_str().expect("a name of letters");
    assert!(!mounts.contains(here), "{mounts}");
    let left = fs::read_dir(folder.path()).expect("it is ours").flatten();
    let left: Vec<_> = left.filter(|entry| entry.path().is_dir()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Its output up to a line with that text.
fn said_until(text: &str, pi: &mut Process) -> String {
    let lines = BufReader::new(pi.stdout()).lines().map_while(Result::ok);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
    let mut said = String::new();
    while !said.contains(text) {
        let line = receiver.recv_timeout(Machine::Virt.patience());
        said += &line.unwrap_or_else(|_| panic!("no {text:?} after {said}"));
        said.push('\n');
    }
    said
}
