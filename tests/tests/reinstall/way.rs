//! The way of a reinstall that goes well, and what is told of it.
use std::{fs, process::Command, time::Duration};

use picket_proto::{Message, RootSlot, Status};
use picket_tests::{
    eventually, image_server::Place, images::ssh_keygen, operator::Outcome, slotted::Slotted,
};
use picketd::slots::{Slot, boot_record::Trial};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(120);
/// What is told of one, in this order, and nothing else.
const STATES: [&str; 13] = [
    "accepted",
    "preflight",
    "fetching",
    "unpacking",
    "sealed",
    "personalised",
    "staged",
    "armed",
    "rebooting",
    "trial",
    "committed",
    "cleaning",
    "succeeded",
];

#[test]
fn an_image_is_ordered_unpacked_booted_and_committed_and_the_old_slot_goes() {
    let pi = Slotted::start();
    let key = ssh_keygen(pi.folder.path(), "tenant");
    let public = format!("{}.pub", key.display());
    let catalogue = pi.images.folder().display().to_string();
    let mut order = vec!["reinstall", "pi-01", "--image", "debian"];
    order.extend(["--catalogue", &catalogue, "--hostname", "anna"]);
    order.extend(["--ssh-key", &public, "--json"]);
    pi.server.hold(Place::Within(600));
    let before = (pi.boot(), pi.snapshot("a"));
    let order = pi.operator.order(&order);
    pi.server.wait_for_held();
    order.wait_for("progress within a stage", |line| {
        line["state"] == "progress" && line["progress"]["bytes"].as_u64() > Some(0)
    });
    assert_eq!(pi.slots(), ["a", "b.new"]);
    assert_eq!(pi.snapshot("a"), before.1, "the active slot was touched");
    pi.server.go_on();
    let outcome = order.outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(of_pi(&outcome, &pi), STATES);
    let end = outcome.end_of(&pi.device().to_string());
    let keys = fingerprints(&pi, "b");
    assert!(!keys.is_empty(), "it has no host key");
    assert_eq!(end["host_keys"], Value::from(keys));
    assert!(end["took_ms"].as_u64() > Some(0), "{end:#}");
    assert_eq!(end["boot_id"], pi.boot().to_string());
    assert_ne!(pi.boot(), before.0);
    runs(&pi, Slot::B);
    let written = |path: &str| fs::read_to_string(pi.path("slots/b").join(path));
    assert_eq!(written("etc/hostname").ok().as_deref(), Some("anna\n"));
    let keys = written("root/.ssh/authorized_keys").unwrap_or_default();
    let public = fs::read_to_string(public).expect("ssh-keygen made it");
    assert!(keys.contains(public.trim()), "{keys}");
}

#[test]
fn an_image_that_holds_waits_for_its_activation_and_people_read_how_it_went() {
    let pi = Slotted::start();
    let catalogue = pi.images.folder().display().to_string();
    let operation = "4f1c9a07d25e43b88e610bf7c32a9510";
    let mut order = vec!["reinstall", "pi-01", "--image", "debian", "--hold"];
    order.extend(["--catalogue", &catalogue, "--op-id", operation]);
    let outcome = pi.operator.run(&order);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(
        (pi.boot_record().trial, pi.slots()),
        (None, vec!["a".to_owned(), "b".to_owned()])
    );
    // It outlives a crash and a power cut, and each end of waiting.
    pi.crash();
    pi.cut_power();
    let outcome = pi.operator.run(&["activate", operation]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let text: Vec<_> = outcome
        .lines
        .iter()
        .filter_map(|line| line.as_str())
        .collect();
    let text = text.join("\n");
    // What came before the second half of the command listened, nobody tells again.
    for words in ["succeeded", "ssh host key: 256 SHA256:", "(took "] {
        assert!(text.contains(words), "{words}: {outcome:#?}");
    }
    runs(&pi, Slot::B);
    // And back.
    let mut back = vec!["reinstall", "pi-01", "--image", "debian"];
    back.extend(["--catalogue", &catalogue]);
    let outcome = pi.operator.run(&back);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    runs(&pi, Slot::A);
}

/// That slot runs, is committed, is the only one, and says so.
fn runs(pi: &Slotted, slot: Slot) {
    let record = pi.boot_record();
    assert_eq!((record.active, record.trial), (slot, None::<Trial>));
    assert_eq!(pi.slots(), [slot.name()]);
    let committed = pi.init.tree().read("run/picket/trial-committed");
    assert_eq!(committed.trim(), pi.boot().to_string());
    let mounted = match slot {
        Slot::A => RootSlot::A,
        Slot::B => RootSlot::B,
    };
    eventually("the status tells it", PATIENCE, || {
        let status = status(pi);
        let told = (status.slot, status.on_trial, status.image.as_deref());
        (told == (Some(mounted), Some(false), Some("debian"))).then_some(())
    });
}

fn status(pi: &Slotted) -> Status {
    let statuses = pi.raw.heard(|heard| match &heard.message {
        Message::Status(status) => Some(status.clone()),
        _ => None,
    });
    statuses.last().cloned().unwrap_or_default()
}

/// The states that the Pi told.
fn of_pi<'a>(outcome: &'a Outcome, pi: &Slotted) -> Vec<&'a str> {
    let device = pi.device().to_string();
    let said = outcome.lines.iter();
    let said = said.filter(|line| line["device"] == device && line["by"] == "pi");
    let states = said.filter_map(|line| line["state"].as_str());
    states.filter(|state| *state != "progress").collect()
}

/// Of the host keys on the disk, as ssh-keygen tells them.
fn fingerprints(pi: &Slotted, slot: &str) -> Vec<String> {
    let folder = pi.path("slots").join(slot).join("etc/ssh");
    let entries = fs::read_dir(folder).expect("host keys are there").flatten();
    let public = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "pub"));
    let fingerprint = |path| {
        let said = Command::new("ssh-keygen").arg("-lf").arg(path).output();
        let said = said.expect("ssh-keygen is there");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    };
    public.map(fingerprint).collect()
}
