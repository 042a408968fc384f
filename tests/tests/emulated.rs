//! End to end under QEMU user-mode: cross-built agents on a fixture tree, a real Mosquitto, `picket watch --json`.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use picket_tests::{
    agent::{Agent, Setup},
    binaries, eventually,
    mosquitto::Mosquitto,
    tree::Tree,
    watcher::Watcher,
};
use serde_json::Value;

#[test]
fn an_armv7_agent_says_exactly_what_its_machine_says() {
    fixture_arrives_unchanged("qemu-arm-static", "PICKETD_ARMV7");
}

#[test]
fn an_aarch64_agent_says_exactly_what_its_machine_says() {
    fixture_arrives_unchanged("qemu-aarch64-static", "PICKETD_AARCH64");
}

fn fixture_arrives_unchanged(emulator: &str, variable: &str) {
    let picketd = binaries::from_environment(variable);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let broker = Mosquitto::start(folder.path());
    let watcher = Watcher::start(&broker.url(), None, folder.path());
    for fixture in ["pi3-nfs3", "pi4-nfs41"] {
        let tree = Tree::of(fixture);
        let expected = golden(fixture);
        let setup = Setup {
            broker: &broker.url(),
            ack: "puback",
            extra: "sample_every = \"1s\"\nwindow = \"2s\"",
        };
        let command = vec![PathBuf::from(emulator), picketd.clone()];
        let _agent = Agent::start_with(command, &tree, &setup);
        let device = expected["device"]
            .as_str()
            .expect("a sample names its device")
            .to_owned();
        let tick = eventually("a tick arrives", Duration::from_secs(120), || {
            watcher
                .ticks()
                .into_iter()
                .find(|tick| tick["device"] == device.as_str())
        });
        assert_eq!(
            steady(&tick),
            steady(&expected),
            "{fixture} through the broker"
        );
    }
}

/// Readings that a single sample has too: what needs an interval is a gap in the first tick and a number later.
fn steady(of: &Value) -> BTreeMap<String, i64> {
    let readings = of["readings"].as_object().expect("readings are an object");
    readings
        .iter()
        .filter(|(name, _)| {
            !["cpu_busy", "nfs_rtt", "nfs_execute", "nfs_queue"].contains(&name.as_str())
        })
        .map(|(name, value)| {
            (
                name.clone(),
                value.as_i64().expect("a reading is an integer"),
            )
        })
        .collect()
}

/// What the fixture holds, as a person reviewed it.
fn golden(fixture: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(format!("{fixture}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("a golden file is JSON")
}
