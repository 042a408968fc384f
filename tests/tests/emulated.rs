//! End to end under QEMU user-mode: cross-built agents on a tree, a real Mosquitto, `picket watch --json` and orders.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use picket_proto::{Action, Channel, DeviceId, Reason, State};
use picket_test_keys::TestKey;
use picket_tests::{
    agent::{Agent, Setup},
    binaries, eventually,
    fleet::{Make, Shelf},
    hostile::{self, Forge},
    mosquitto::Mosquitto,
    operator::Operator,
    raw_operator::{RawOperator, Retain},
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

#[test]
fn an_armv7_agent_obeys_its_operator_and_nobody_else() {
    obeys_its_operator("qemu-arm-static", "PICKETD_ARMV7");
}

#[test]
fn an_aarch64_agent_obeys_its_operator_and_nobody_else() {
    obeys_its_operator("qemu-aarch64-static", "PICKETD_AARCH64");
}

fn obeys_its_operator(emulator: &str, variable: &str) {
    let key = TestKey::new(1);
    let mut shelf = Shelf::empty();
    let raw = RawOperator::connect(shelf.broker.address(), &key, "anna");
    shelf.switch_on(
        1,
        &Make {
            command: vec![
                PathBuf::from(emulator),
                binaries::from_environment(variable),
            ],
            ..Make::obeying(hostile::signers(&key))
        },
    );
    let operator = Operator::new("anna", &key, &shelf.broker.url(), shelf.folder.path());
    let (device, init) = shelf.first();
    let name = device.to_string();
    refuses(&raw, device);
    assert_eq!(init.boots().reboots(), 0);
    let configure = ["configure", &name, "--sample-every", "1s", "--json"];
    let outcome = operator.run(&configure);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let command = raw.command(device, Action::Reboot { force: false });
    raw.offer(&command);
    init.wait_for_reboots(1);
    // The same bytes again, to the boot that they brought about.
    raw.ping(device);
    raw.offer(&command);
    let end = raw.wait_for_report(device, "the replay is answered", |report| {
        report.operation == Some(command.operation) && report.boot != Some(command.targets[0].boot)
    });
    assert_eq!(end.state, Some(State::Succeeded), "{end:?}");
    let outcome = operator.run(&["reboot", &name, "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let boots = init.boots().ids();
    assert_eq!(boots.len(), 3, "one reboot each: {boots:?}");
    assert_eq!(outcome.end_of(&name)["boot_id"], boots[2].as_str());
}

/// Every third hostile command is refused for its reason.
fn refuses(raw: &RawOperator, device: DeviceId) {
    let forge = Forge::new(raw, device, Reason::KeyExpired);
    let cases = [forge.signatures(), forge.contents()].concat();
    for case in cases.into_iter().step_by(3) {
        raw.publish(device, Channel::Command, case.frame, Retain::No);
        let said = raw.wait_for_report(device, case.why, |report| {
            (report.operation, report.reason) == (case.operation, Some(case.reason))
        });
        assert_eq!(said.state, Some(State::Refused), "{}: {said:?}", case.why);
    }
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
