//! Reboots as timelines: what happens, and what the agent reports and does.
use picketd::{
    command::Input,
    host::{HostEvent, Preflight},
};

use super::{
    orders::{FORCED, REBOOT, cancel},
    world::{Did, World},
};

#[test]
fn a_reboot_is_reported_and_confirmed_before_the_machine_goes_down_and_proven_by_the_next_boot() {
    let mut world = World::new();
    let order = world.fresh(1, REBOOT);
    world.give(&order);
    world.expect(&["1 accepted", "1 preflight", "PREFLIGHT"]);
    world.preflighted(None);
    world.expect(&["1 rebooting", "FLUSH"]);
    world.puback();
    world.puback();
    world.expect(&[]);
    world.puback();
    world.expect(&["REBOOT"]);
    // Delivered again while the machine goes down: told, not done again.
    world.give(&order);
    world.expect(&["1 rebooting"]);
    world.boots();
    world.input(Input::Connected);
    world.give(&order);
    world.expect(&["1 succeeded"]);
    world.give(&order);
    world.expect(&["1 succeeded"]);
}

#[test]
fn a_dead_broker_holds_no_reboot_up() {
    type Event = fn(&mut World);
    let cases: [(&str, Event, Event); 4] = [
        ("silent", |_| {}, |world| world.pass(2_000)),
        (
            "cut while waiting",
            |_| {},
            |world| world.input(Input::Disconnected),
        ),
        (
            "cut before",
            |world| world.input(Input::Disconnected),
            |_| {},
        ),
        (
            "refusing",
            |_| {},
            |world| {
                let (delivery, _) = world.in_flight[2];
                world.input(Input::Refused(delivery));
            },
        ),
    ];
    for (what, before, after) in cases {
        let mut world = World::new();
        world.order(1, REBOOT);
        before(&mut world);
        world.preflighted(None);
        after(&mut world);
        assert!(world.take().contains(&"REBOOT".to_owned()), "{what}");
    }
}

#[test]
fn a_broker_that_does_not_confirm_is_waited_for_2_s() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.preflighted(None);
    world.take();
    world.pass(1_999);
    world.expect(&[]);
    world.pass(1);
    world.expect(&["REBOOT"]);
}

#[test]
fn an_inhibited_reboot_is_refused_unless_forced() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    world.preflighted(Some("a backup runs"));
    world.expect(&["1 refused inhibited"]);
    world.order(2, FORCED);
    world.take();
    world.preflighted(Some("a backup runs"));
    let warned = world.did.iter().any(|did| match did {
        Did::Report(report) => {
            let warnings = report.warnings.as_deref().unwrap_or_default();
            warnings.iter().any(|words| words.contains("a backup runs"))
        }
        _ => false,
    });
    assert!(warned, "{:?}", world.did);
    world.expect(&["2 rebooting", "FLUSH"]);
}

#[test]
fn a_preflight_that_gets_no_answer_is_no_obstacle() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    world.pass(4_999);
    world.expect(&[]);
    world.pass(1);
    world.expect(&["1 rebooting", "FLUSH"]);
    // The answer comes too late to be of use, and does no harm.
    world.preflighted(Some("a backup runs"));
    world.expect(&[]);
}

#[test]
fn a_machine_that_stays_up_failed_to_reboot() {
    for (event, expected) in [
        (
            Some(HostEvent::Stayed("systemd: timed out".to_owned())),
            "1 failed host",
        ),
        (None, "1 failed timed_out"),
    ] {
        let mut world = World::new();
        world.order(1, REBOOT);
        world.preflighted(None);
        world.pubacks();
        world.take();
        world.input(Input::Host(HostEvent::Rung("systemd".to_owned())));
        world.expect(&["1 rebooting"]);
        match event {
            Some(event) => world.input(Input::Host(event)),
            None => world.pass(900_000),
        }
        world.expect(&[expected]);
        world.order(2, REBOOT);
        world.expect(&["2 accepted", "2 preflight", "PREFLIGHT"]);
    }
}

#[test]
fn a_host_that_never_ends_runs_into_the_cap_on_transitions() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.preflighted(None);
    world.pubacks();
    world.take();
    for rung in 0..100 {
        world.input(Input::Host(HostEvent::Rung(rung.to_string())));
    }
    let told = world.take();
    assert_eq!(told.len(), 61, "64 with the three before");
    assert_eq!(told.last().unwrap(), "1 failed cap");
}

#[test]
fn a_cancel_works_until_the_host_was_told() {
    type Stage = (&'static str, fn(&mut World), &'static [&'static str]);
    let stages: [Stage; 3] = [
        ("preflight", |_| {}, &["1 cancelled", "2 succeeded"]),
        (
            "rebooting",
            |world| world.preflighted(None),
            &["1 cancelled", "2 succeeded"],
        ),
        (
            "told",
            |world| {
                world.preflighted(None);
                world.pubacks();
            },
            &["2 refused too_late"],
        ),
    ];
    for (stage, advance, expected) in stages {
        let mut world = World::new();
        world.order(1, REBOOT);
        advance(&mut world);
        world.take();
        world.order(2, cancel(1));
        assert_eq!(world.take(), expected, "{stage}");
        // Whatever comes afterwards, a cancelled reboot never comes back.
        world.preflighted(None);
        world.pass(10_000);
        world.expect(&[]);
    }
}

#[test]
fn what_the_host_says_is_cut_to_what_a_report_may_carry() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    let found = Preflight {
        inhibited: None,
        warnings: vec!["é".repeat(1_000); 20],
    };
    world.input(Input::Host(HostEvent::Preflighted(found)));
    let Some(Did::Report(report)) = world.did.iter().find(|did| matches!(did, Did::Report(_)))
    else {
        panic!("no report");
    };
    let warnings = report.warnings.as_ref().unwrap();
    assert_eq!(warnings.len(), 8);
    assert!(
        warnings.iter().all(|words| words.len() <= 403),
        "{warnings:?}"
    );
}
