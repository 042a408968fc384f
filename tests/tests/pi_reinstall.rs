//! Another operating system on an emulated Pi, by one signed command: over HTTP from a signed catalogue, to the login of whoever it is for.
use std::{
    fs,
    time::{Instant, SystemTime},
};

use picket_test_keys::TestKey;
use picket_tests::{
    days::Days,
    eventually,
    pi::{Content, Fate, Images, Login, Machine, Pi, Wish},
    say,
};
use picketd::slots::{Slot, boot_record::BootRecord};

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
        let wish = Wish {
            image,
            hostname,
            login: &login,
        };
        fingerprints.extend(pi.becomes(&key, &images, wish, number));
        assert_eq!(pi.boot_record(), BootRecord::of(slot));
        pi.is_emptied(slot.other());
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 2, "{fingerprints:?}");
    pi.misses_no_tick();
    assert_eq!(pi.boots(), 3);
    assert_eq!((pi.booted("b trial"), pi.booted("a trial")), (1, 1));
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
    for entry in fs::read_dir(&slots).expect("it runs from there") {
        fs::remove_dir_all(entry.expect("it is there").path()).expect("the export is ours");
    }
    pi.qmp().system_reset();
    eventually("the rescue system ticks", pi.patience(), || {
        (pi.boot_ids().len() == 2).then_some(())
    });
    assert_eq!(pi.console().count("picket: rescue: "), 1);
    let outcome = pi.reinstall(&key, &images, "new", &[]).outcome();
    pi.has_succeeded(&outcome, 3);
    assert_eq!(pi.console().count("rc: whole, new"), 1);
    assert_eq!(pi.boot_record().trial, None);
    assert_ne!(pi.runs(), "rescue");
}

/// The Pi believes it is 1970: the time is the file server's, which is this machine's.
#[test]
fn what_ran_before_stays_for_its_days_on_the_file_server() {
    let (key, images) = (TestKey::new(1), Images::serve());
    images.add("new", Content::Small);
    let pi = pi(Machine::Virt, &key, &images).clock("1970-01-02").start();
    let outcome = pi
        .reinstall(&key, &images, "new", &["--keep-old", "1"])
        .outcome();
    pi.has_succeeded(&outcome, 2);
    let days = Days::of(pi.export().path(), pi.id());
    let since = eventually("the days count", pi.patience(), || days.kept()?.since);
    let now = SystemTime::UNIX_EPOCH.elapsed();
    let now = now.expect("this machine has a clock").as_secs();
    assert!(now.abs_diff(since.time_s) < 3_600, "{since:?} at {now}");
    assert!(pi.export().join("slots/a/etc/rc").exists());
    pi.firmware().power_off();
    days.pass(1);
    pi.firmware().release();
    pi.is_emptied(Slot::A);
    eventually("the journal knows", pi.patience(), || {
        days.kept().is_none().then_some(())
    });
    assert_eq!(pi.runs(), "b");
}
