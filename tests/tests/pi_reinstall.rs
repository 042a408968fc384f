//! Another operating system on an emulated Pi, by one signed command: over HTTP from a signed catalogue, to the login of whoever it is for.
use std::time::Instant;

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    operator::Outcome,
    pi::{Content, Fate, Images, Login, Machine, Pi},
    say,
};
use picketd::slots::{Slot, boot_record::BootRecord};
use serde_json::Value;

/// A Pi in slot a that obeys that key and takes those images.
fn pi(machine: Machine, key: &TestKey, images: &Images) -> picket_tests::pi::Builder {
    Pi::builder(machine)
        .slots(&[(Slot::A, Fate::Well)])
        .images(images)
        .obeying(key)
}

#[test]
fn a_pi_is_given_another_system_and_the_one_before_again() {
    let (key, images) = (TestKey::new(1), Images::serve());
    images.add("anna-1", Content::Sshd);
    images.add("berta-1", Content::Sshd);
    let pi = pi(Machine::Virt, &key, &images).reached_by_ssh().start();
    let login = Login::new(pi.folder());
    let mut fingerprints = Vec::new();
    for (number, image, hostname, slot) in [
        (2, "berta-1", "berta", Slot::B),
        (3, "anna-1", "anna", Slot::A),
    ] {
        let start = Instant::now();
        let public = login.public_key();
        let more = [
            "--hostname",
            hostname,
            "--ssh-key",
            public.to_str().expect("its name is plain"),
        ];
        let outcome = pi.reinstall(&key, &images, image, &more).outcome();
        say(&format!(
            "{image}: {:?}, {:?}",
            start.elapsed(),
            outcome.states_of(&pi.id().to_string())
        ));
        succeeds(&pi, &outcome, number);
        let told = outcome.host_keys_of(&pi.id().to_string());
        logs_in(&pi, &login, &told, &[hostname, image]);
        fingerprints.extend(told);
        assert_eq!(pi.boot_record(), BootRecord::of(slot));
        pi.is_emptied(slot.other());
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 2, "{fingerprints:?}");
    pi.misses_no_tick();
    assert_eq!(pi.boots(), 3);
    assert_eq!((pi.booted("b trial"), pi.booted("a trial")), (1, 1));
}

/// The operation has gone all the way, in the `number`th boot of one device.
fn succeeds(pi: &Pi, outcome: &Outcome, number: usize) {
    let id = pi.id().to_string();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let states = outcome.states_of(&id);
    for state in ["staged", "armed", "trial", "committed", "succeeded"] {
        assert!(states.contains(&state), "no {state} in {states:?}");
    }
    let boot = &pi.wait_for_tick_of_boot(number)["boot_id"];
    assert_eq!(&outcome.end_of(&id)["boot_id"], boot, "{outcome:#?}");
    let mut devices: Vec<Value> = pi
        .watcher()
        .ticks()
        .into_iter()
        .map(|tick| tick["device"].clone())
        .collect();
    devices.dedup();
    assert_eq!(devices, [Value::from(id)]);
}

/// The sshd is the one that was told of, and lets in whoever was to be let in; the network is what it was.
fn logs_in(pi: &Pi, login: &Login, fingerprints: &[String], expected: &[&str]) {
    let port = pi.ssh_port().expect("it is to be reached by ssh");
    login.make_sure_of(port, fingerprints, pi.patience());
    let said = login.run(
        port,
        "busybox hostname; cat /etc/image; cat /etc/hosts; busybox ip route",
    );
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(text.lines().take(2).collect::<Vec<_>>(), expected);
    assert!(text.contains("default via 10.0.2.2 dev eth0"), "{text}");
}

#[test]
fn an_image_whose_init_dies_is_given_up() {
    rolls_back(Content::Fated(Fate::Dies));
}

#[test]
fn an_image_whose_init_hangs_is_given_up() {
    rolls_back(Content::Fated(Fate::Hangs));
}

#[test]
fn an_image_without_network_is_given_up() {
    rolls_back(Content::Offline);
}

fn rolls_back(content: Content) {
    let (key, images) = (TestKey::new(1), Images::serve());
    images.add("bad", content);
    let pi = pi(Machine::Virt, &key, &images).trial_seconds(10).start();
    let (id, start) = (pi.id().to_string(), Instant::now());
    let outcome = pi.reinstall(&key, &images, "bad", &[]).outcome();
    say(&format!("{content:?}: {:?}", start.elapsed()));
    assert_eq!(outcome.code, Some(12), "{outcome:#?}");
    let end = outcome.end_of(&id);
    assert_eq!(end["state"], "rolled_back", "{outcome:#?}");
    let detail = end["detail"].as_str().expect("it is said why");
    assert!(detail.contains("no attempt"), "{detail}");
    assert_eq!((pi.booted("b trial"), pi.booted("a")), (3, 2));
    assert_eq!(pi.runs(), "a");
    assert_eq!(pi.boot_record().active, Slot::A);
    assert_eq!(pi.boot_record().trial, None);
    pi.misses_no_tick();
}

#[test]
fn a_pi_whose_slots_were_wiped_is_reinstalled_from_its_rescue_system() {
    let (key, images) = (TestKey::new(1), Images::serve());
    images.add("new", Content::Small);
    let pi = pi(Machine::Virt, &key, &images).start();
    let slots = pi.export().join("slots");
    for entry in std::fs::read_dir(&slots).expect("it runs from there") {
        std::fs::remove_dir_all(entry.expect("it is there").path()).expect("the export is ours");
    }
    pi.qmp().system_reset();
    eventually("the rescue system ticks", pi.patience(), || {
        (pi.boot_ids().len() == 2).then_some(())
    });
    assert_eq!(pi.console().count("picket: rescue: "), 1);
    let outcome = pi.reinstall(&key, &images, "new", &[]).outcome();
    succeeds(&pi, &outcome, 3);
    assert_eq!(pi.console().count("rc: whole, new"), 1);
    assert_eq!(pi.boot_record().trial, None);
    assert_ne!(pi.runs(), "rescue");
}
