//! One evening of a shelf on each broker: ten machines measure, a collector acks, all are rebooted one by one, one dies, and
//! somebody who comes late learns who is there. Every tick is there once, and no order is carried out twice.
use std::{collections::BTreeSet, path::Path, time::Duration};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    fleet::{Make, Shelf},
    mosquitto::Mosquitto,
    operator::Operator,
    other_broker::OtherBroker,
    say,
    watcher::Watcher,
};
use serde_json::Value;

const SIZE: u8 = 10;
const DEADLINE: Duration = Duration::from_secs(180);

#[test]
fn an_evening_on_mosquitto() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    evening("Mosquitto", &broker.url(), folder.path(), Retained::ForAll);
}

#[test]
fn an_evening_on_rabbitmq() {
    let folder = tempfile::tempdir().unwrap();
    let broker = OtherBroker::rabbitmq(folder.path());
    // Debian's is older than 4, and keeps nothing for those who subscribe to a wildcard.
    evening("RabbitMQ", broker.url(), folder.path(), Retained::Not);
}

#[test]
fn an_evening_on_nats() {
    let folder = tempfile::tempdir().unwrap();
    let broker = OtherBroker::nats(folder.path());
    evening("nats-server", broker.url(), folder.path(), Retained::ForAll);
}

#[test]
fn an_evening_on_rumqttd() {
    let folder = tempfile::tempdir().unwrap();
    evening(
        "rumqttd",
        OtherBroker::rumqttd().url(),
        folder.path(),
        Retained::ForAll,
    );
}

/// Whether the broker has retained messages for who subscribes to a wildcard.
#[derive(PartialEq)]
enum Retained {
    ForAll,
    Not,
}

fn evening(name: &str, url: &str, folder: &Path, retained: Retained) {
    let key = TestKey::new(1);
    let collector = Watcher::start(url, Some("roof"), folder);
    let make = Make {
        broker: Some(url.to_owned()),
        ack: "roof",
        ..Make::obeying(key.line("anna"))
    };
    let shelf = Shelf::start(SIZE, &make);
    let boots = |watcher: &Watcher| -> BTreeSet<String> {
        let ticks = watcher.tick_counts();
        ticks.into_keys().map(|(boot, _)| boot).collect()
    };
    eventually("all machines are heard", DEADLINE, || {
        (boots(&collector).len() == usize::from(SIZE)).then_some(())
    });

    let operator =
        Operator::new("anna", &key, url, shelf.folder.path()).with_fleet(&shelf.inventory());
    let reboot = [
        "reboot",
        "--select",
        "shelf=3",
        "--max-in-flight",
        "3",
        "--json",
    ];
    let outcome = operator.run(&reboot);
    assert_eq!(outcome.code, Some(0), "{name}: {outcome:#?}");
    assert_eq!(shelf.reboots(), [1; SIZE as usize], "{name}");
    eventually("all machines are heard again", DEADLINE, || {
        (boots(&collector).len() == 2 * usize::from(SIZE)).then_some(())
    });

    let (first, init) = shelf.first();
    init.with_agent(|agent| agent.process().kill());
    eventually(
        "the broker tells that one is gone, or it is back",
        DEADLINE,
        || {
            let lines = collector.lines();
            presence_of(&lines, &first.to_string())
                .iter()
                .any(|online| !online)
                .then_some(())
        },
    );
    let counts = collector.tick_counts();
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{name}: {twice:?}");
    assert_eq!(collector.lost(), 0, "{name}");

    let late = tempfile::tempdir().expect("a temporary folder can be made");
    let newcomer = Watcher::start(url, None, late.path());
    let channels: &[&str] = match retained {
        Retained::ForAll => &["status", "presence", "telemetry"],
        Retained::Not => &["telemetry"],
    };
    eventually("who comes late learns who is there", DEADLINE, || {
        let lines = newcomer.lines();
        let told = |channel: &str| {
            let of = lines.iter().filter(|line| line["channel"] == channel);
            let devices: BTreeSet<_> = of.filter_map(|line| line["device"].as_str()).collect();
            devices.len()
        };
        let all = |channel: &&str| told(channel) == usize::from(SIZE);
        channels.iter().all(all).then_some(())
    });
    say(&format!(
        "{name}: {} ticks of {SIZE} machines in {} boots, each once",
        counts.len(),
        boots(&collector).len()
    ));
}

/// What was heard of it, in order.
fn presence_of(lines: &[Value], device: &str) -> Vec<bool> {
    let of = lines
        .iter()
        .filter(|line| line["channel"] == "presence" && line["device"] == device);
    of.filter_map(|line| line["online"].as_bool()).collect()
}
