//! `picket demo` as a newcomer runs it: the real agent and the simulated Pis appear, and nothing is left behind.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use picket::demo::{agent::THIS_MACHINE, neighbour};
use picket_tests::{binaries, eventually, process::Process};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A demonstration whose temporary files lie in a folder of the test.
struct Demo {
    process: Process,
    temporary: TempDir,
    _logs: TempDir,
}

#[test]
fn the_real_agent_and_the_simulated_pis_speak_and_nothing_is_left_behind() {
    let mut demo = Demo::start(&["--seconds", "8", "--json"]);
    let agent = demo.agent();
    let out = demo.output();
    assert_eq!(demo.process.wait(PATIENCE).code(), Some(0));
    let ticks: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line.get("tick").is_some())
        .collect();
    let heard: BTreeSet<&str> = ticks
        .iter()
        .map(|t| t["device"].as_str().unwrap())
        .collect();
    let ids: Vec<String> = neighbour::neighbours()
        .iter()
        .map(|pi| pi.id.to_string())
        .collect();
    let expect: BTreeSet<&str> = ids
        .iter()
        .map(String::as_str)
        .chain([THIS_MACHINE])
        .collect();
    assert_eq!(heard, expect);
    let real = ticks.iter().filter(|tick| tick["device"] == THIS_MACHINE);
    let uptimes: BTreeSet<u64> = real
        .map(|tick| tick["readings"]["uptime"].as_u64().unwrap())
        .collect();
    assert!(
        uptimes.len() >= 2,
        "the machine's own clock goes on: {uptimes:?}"
    );
    demo.left_nothing(agent);
}

#[test]
fn the_table_calls_the_simulated_pis_simulated() {
    let mut demo = Demo::start(&["--seconds", "5"]);
    let agent = demo.agent();
    let out = demo.output();
    assert_eq!(demo.process.wait(PATIENCE).code(), Some(0));
    let names = neighbour::neighbours().into_iter().map(|pi| pi.name);
    for name in names.chain(["this machine".to_owned()]) {
        let row = out.lines().find(|line| line.starts_with(&name));
        let row = row.unwrap_or_else(|| panic!("no {name} in\n{out}"));
        assert!(!row.contains("missing"), "{row}");
        assert_eq!(row.contains("simulated"), name != "this machine", "{row}");
    }
    assert!(!out.contains('\x1b'), "no terminal, no control sequences");
    demo.left_nothing(agent);
}

#[test]
fn an_interrupted_demonstration_leaves_nothing_behind() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut demo = Demo::start(&["--json"]);
        let agent = demo.agent();
        let mut first = String::new();
        BufReader::new(demo.process.stdout())
            .read_line(&mut first)
            .unwrap();
        demo.process.signal(signal);
        assert_eq!(demo.process.wait(PATIENCE).code(), Some(0));
        demo.left_nothing(agent);
    }
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let (temporary, logs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut command = Command::new(binaries::picket());
        command
            .arg("demo")
            .arg("--picketd")
            .arg(binaries::picketd())
            .args(arguments)
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::piped());
        Self {
            process: Process::start("picket-demo", logs.path(), command),
            temporary,
            _logs: logs,
        }
    }

    /// Everything that it prints until it ends.
    fn output(&mut self) -> String {
        let mut out = String::new();
        self.process.stdout().read_to_string(&mut out).unwrap();
        out
    }

    /// The process id of its picketd, once that runs.
    fn agent(&self) -> u32 {
        eventually("picketd runs", PATIENCE, || {
            agents(self.temporary.path()).first().copied()
        })
    }

    fn left_nothing(self, agent: u32) {
        let files: Vec<_> = fs::read_dir(self.temporary.path()).unwrap().collect();
        assert!(files.is_empty(), "{files:?}");
        let running = agents(self.temporary.path());
        assert!(running.is_empty(), "picketd {agent} runs on: {running:?}");
    }
}

/// Processes whose command line names a file in that folder.
fn agents(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    let ids = fs::read_dir("/proc").unwrap();
    ids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id: &u32| {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(folder)
        })
        .collect()
}
