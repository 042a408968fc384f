//! `picket watch --json` as a child: the collector of the tests, read line by line.
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::{binaries, process::Process};

/// A running `picket watch --json` and the lines that it printed.
pub struct Watcher {
    process: Process,
    lines: Arc<Mutex<Vec<Value>>>,
}

/// A tick as a collector names it: boot id and tick number.
pub type TickName = (String, u64);

impl Watcher {
    /// Starts it; with a collector's name it acks.
    pub fn start(broker: &str, collector: Option<&str>, folder: &Path) -> Self {
        let options = ["--broker", broker].map(str::to_owned);
        Self::start_with(&options, collector, folder)
    }

    /// The same with these options of `picket`.
    pub fn start_with(options: &[String], collector: Option<&str>, folder: &Path) -> Self {
        Self::start_program(&binaries::picket(), options, collector, folder)
    }

    /// The same with another `picket`.
    pub fn start_program(
        picket: &Path,
        options: &[String],
        collector: Option<&str>,
        folder: &Path,
    ) -> Self {
        let mut command = Command::new(picket);
        command
            .args(options)
            .args(["watch", "--json"])
            .stdout(Stdio::piped());
        if let Some(name) = collector {
            command.args(["--collector", name]);
        }
        let mut process = Process::start("picket-watch", folder, command);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let out = BufReader::new(process.stdout());
        std::thread::spawn({
            let lines = lines.clone();
            move || {
                for line in out.lines().map_while(Result::ok) {
                    let value = serde_json::from_str(&line)
                        .unwrap_or_else(|error| panic!("{error} in line {line}"));
                    lines.lock().expect("no holder panics").push(value);
                }
            }
        });
        Self { process, lines }
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Value> {
        self.lines.lock().expect("no holder panics").clone()
    }

    /// The lines that are ticks.
    pub fn ticks(&self) -> Vec<Value> {
        self.lines()
            .into_iter()
            .filter(|line| line.get("tick").is_some() && line.get("readings").is_some())
            .collect()
    }

    /// How often each tick was shown.
    pub fn tick_counts(&self) -> BTreeMap<TickName, usize> {
        let mut counts = BTreeMap::new();
        for line in self.ticks() {
            let boot = line["boot_id"]
                .as_str()
                .expect("a tick has a boot id")
                .to_owned();
            *counts
                .entry((boot, line["tick"].as_u64().expect("a tick has a number")))
                .or_default() += 1;
        }
        counts
    }

    /// The highest count of lost ticks that the agent has said.
    pub fn lost(&self) -> u64 {
        self.ticks()
            .iter()
            .filter_map(|line| line["lost"].as_u64())
            .max()
            .unwrap_or(0)
    }
}
