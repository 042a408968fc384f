//! What fails on the way, and what is left then: nothing. The operator reads why.
use std::fs;

use picket_tests::{
    image_server::Place,
    images::small_root,
    injected::{Injected, go_on_to_the_end, signal, wait_until_stopped},
};
use rustix::process::Signal;

use crate::bed::Bed;

#[test]
fn bytes_that_are_not_the_catalogues_and_a_server_that_is_gone_leave_nothing() {
    let bed = Bed::start();
    let pi = &bed.pi;
    // Another image under its name.
    let root = pi.folder.path().join("other");
    small_root(&root, 90);
    let good = fs::read(pi.images.archive("debian")).expect("it was packed");
    pi.images.pack("other", &root);
    fs::copy(pi.images.archive("other"), pi.images.archive("debian")).expect("ours");
    let outcome = bed.order(&[]).outcome();
    bed.came_to_nothing(&outcome, (11, "digest"), &["by the catalogue"]);
    // One bit of it.
    let mut spoiled = good.clone();
    let middle = spoiled.len() / 2;
    spoiled[middle] ^= 1;
    fs::write(pi.images.archive("debian"), spoiled).expect("ours");
    let outcome = bed.order(&[]).outcome();
    let reason = outcome.end_of(&pi.device().to_string())["reason"].clone();
    assert!(reason == "digest" || reason == "archive", "{outcome:#?}");
    bed.is_as_before();
    fs::write(pi.images.archive("debian"), good).expect("ours");
    // A line that drops is taken up where it ended.
    pi.server.drop_line_at(300);
    pi.server.drop_line_at(700);
    let held = bed.order(&["--hold"]);
    held.wait_for_state("staged");
    let resumed = pi.server.requests().iter().filter(|it| it.1 > 0).count();
    assert_eq!(resumed, 2, "{:?}", pi.server.requests());
    bed.cancel(&held);
    assert_eq!(held.outcome().code, Some(0), "it was held");
    bed.wait_until_empty();
    bed.is_as_before();
    // And a server that has nothing any more.
    pi.server.hold(Place::Within(500));
    let order = bed.order(&[]);
    pi.server.wait_for_held();
    pi.server.lose_everything();
    pi.server.go_on();
    bed.came_to_nothing(&order.outcome(), (11, "fetch"), &["debian.tar.zst", "404"]);
}

#[test]
fn a_cancel_in_each_stage_before_it_is_armed_leaves_nothing() {
    let bed = Bed::start();
    let pi = &bed.pi;
    for (place, state) in [
        (Place::Catalogue, "preflight"),
        (Place::Archive, "fetching"),
        (Place::Within(0), "unpacking"),
        (Place::Within(900), "unpacking"),
    ] {
        pi.server.hold(place);
        let order = bed.order(&[]);
        pi.server.wait_for_held();
        order.wait_for_state(state);
        bed.cancel(&order);
        let outcome = order.outcome();
        bed.came_to_nothing(
            &outcome,
            (14, "-"),
            &["given up by anna", "nothing of it is left"],
        );
        pi.server.go_on();
    }
    // The child is stopped where it makes durable what it did: after the first time it is sealed, after the third personalised.
    for (syncfs, state) in [(2, "sealed"), (4, "personalised")] {
        pi.server.hold(Place::Archive);
        let order = bed.order(&[]);
        pi.server.wait_for_held();
        let child = pi.child().expect("it is at work");
        let what = format!("signal=STOP:when={syncfs}");
        let injected = Injected::into(child, "syncfs", &what, pi.folder.path());
        pi.server.go_on();
        wait_until_stopped(child);
        order.wait_for_state(state);
        bed.cancel(&order);
        go_on_to_the_end(child);
        bed.came_to_nothing(&order.outcome(), (14, "-"), &["nothing of it is left"]);
        drop(injected);
    }
}

#[test]
fn a_child_that_is_killed_leaves_nothing() {
    let bed = Bed::start();
    for place in [Place::Catalogue, Place::Archive, Place::Within(600)] {
        bed.pi.server.hold(place);
        let order = bed.order(&[]);
        bed.pi.server.wait_for_held();
        signal(bed.pi.child().expect("it is at work"), Signal::KILL);
        let words = ["signal: 9", "nothing of what it had begun is left"];
        bed.came_to_nothing(&order.outcome(), (11, "worker"), &words);
        bed.pi.server.go_on();
    }
}

#[test]
fn a_child_that_hangs_is_killed_and_leaves_nothing() {
    // Side by side, for each waits until it counts as hanging.
    let stopped = [Place::Within(300), Place::Within(700)].map(|place| {
        let bed = Bed::start();
        bed.pi.server.hold(place);
        let order = bed.order(&[]);
        bed.pi.server.wait_for_held();
        signal(bed.pi.child().expect("it is at work"), Signal::STOP);
        bed.pi.server.go_on();
        (bed, order)
    });
    let [(ordered, order), (given_up, other)] = stopped;
    given_up.cancel(&other);
    let words = [
        "said nothing for 60 s and was killed",
        "nothing of what it had begun is left",
    ];
    ordered.came_to_nothing(&order.outcome(), (11, "worker"), &words);
    given_up.came_to_nothing(&other.outcome(), (14, "-"), &words);
}

#[test]
fn a_disk_that_fails_at_any_step_is_told_and_nothing_is_left() {
    let bed = Bed::start();
    let pi = &bed.pi;
    for (call, what, reason, words) in [
        (
            "mkdirat",
            "error=EDQUOT:when=3+",
            "no_room",
            "quota is used up",
        ),
        ("symlinkat", "error=EIO:when=1+", "disk", "EIO"),
        ("syncfs", "error=EIO:when=1", "disk", "durable"),
        (
            "syncfs",
            "error=EDQUOT:when=2",
            "no_room",
            "quota is used up",
        ),
        ("syncfs", "error=EIO:when=3", "disk", "durable"),
        ("syncfs", "error=EIO:when=4", "disk", "its name"),
    ] {
        pi.server.hold(Place::Archive);
        let order = bed.order(&[]);
        pi.server.wait_for_held();
        let child = pi.child().expect("it is at work");
        let injected = Injected::into(child, call, what, pi.folder.path());
        pi.server.go_on();
        println!("{call} {what}");
        bed.came_to_nothing(&order.outcome(), (11, reason), &[words]);
        drop(injected);
    }
}
