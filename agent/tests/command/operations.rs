//! Configure, identify, query and cancel as timelines, and what goes on beside what.
use picket_proto::Action as Wanted;
use picketd::{command::Input, host::HostEvent, journal::Outcome};

use super::{
    orders::{CONFIGURE, IDENTIFY, QUERY_LAST, REBOOT, cancel, query},
    world::World,
};

#[test]
fn a_cancel_is_answered_whatever_it_is_about() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.order(2, cancel(1));
    world.take();
    for (number, other, expected) in [
        (3, 1, "3 succeeded"),
        (4, 9, "4 refused unknown_operation"),
        (5, 5, "5 refused unknown_operation"),
        (6, 3, "6 refused too_late"),
    ] {
        world.order(number, cancel(other));
        world.expect(&[expected]);
    }
}

#[test]
fn a_second_operation_is_busy_and_a_cancel_and_a_query_are_answered() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    for (number, action, expected) in [
        (2, REBOOT, &["2 refused busy"][..]),
        (3, CONFIGURE, &["3 refused busy"]),
        (4, query(1), &["1 preflight", "4 succeeded"]),
        (5, QUERY_LAST, &["1 preflight", "5 succeeded"]),
        (6, query(9), &["6 refused unknown_operation"]),
        (7, IDENTIFY, &["7 accepted", "IDENTIFY 5"]),
        (8, IDENTIFY, &["8 refused busy"]),
    ] {
        world.order(number, action);
        assert_eq!(world.take(), expected);
    }
}

#[test]
fn a_query_of_nothing_is_answered() {
    let mut world = World::new();
    world.order(1, QUERY_LAST);
    world.expect(&["1 succeeded"]);
}

#[test]
fn a_configuration_is_durable_before_it_holds() {
    let mut world = World::new();
    let order = world.fresh(1, CONFIGURE);
    world.give(&order);
    world.expect(&["1 accepted", "RECORD"]);
    world.written();
    world.expect(&["CONFIGURE 1000/60000"]);
    world.input(Input::Configured { result: Ok(()) });
    world.expect(&["1 succeeded"]);
    // A new process, and a new boot, know it from the journal.
    for _ in 0..2 {
        world.crash();
        world.input(Input::Connected);
        world.give(&order);
        world.expect(&["1 succeeded"]);
        world.boots();
    }
    let both = Wanted::Configure {
        sample_every_ms: None,
        window_ms: None,
    };
    world.input(Input::Connected);
    world.order(2, both);
    world.written();
    world.expect(&["2 accepted", "RECORD", "CONFIGURE 10000/60000"]);
    let record = world.disk.unwrap();
    assert_eq!((record.periods, record.operations.len()), (None, 2));
}

#[test]
fn without_a_journal_a_configuration_is_refused_and_nothing_done() {
    let mut world = World::new();
    world.order(1, CONFIGURE);
    world.take();
    world.input(Input::Journal(Outcome::Failed("no space left".to_owned())));
    world.expect(&["1 refused journal"]);
    // And a reboot doesn't care.
    world.order(2, REBOOT);
    world.preflighted(None);
    world.pubacks();
    assert_eq!(world.take().last().unwrap(), "REBOOT");
}

#[test]
fn while_the_disk_does_not_answer_only_what_needs_it_is_busy() {
    for (outcome, expected) in [
        (Outcome::Written, &["CONFIGURE 1000/60000"][..]),
        (
            Outcome::Failed("stale handle".to_owned()),
            &["1 refused journal"],
        ),
    ] {
        let mut world = World::new();
        world.order(1, CONFIGURE);
        world.take();
        world.input(Input::Journal(Outcome::Unknown));
        world.expect(&["1 unknown"]);
        world.order(2, CONFIGURE);
        world.order(3, cancel(1));
        world.order(4, query(1));
        world.order(5, REBOOT);
        let told = [
            "2 refused busy",
            "3 refused too_late",
            "1 unknown",
            "4 succeeded",
            "5 accepted",
            "5 preflight",
            "PREFLIGHT",
        ];
        world.expect(&told);
        world.preflighted(Some("wait"));
        world.take();
        world.input(Input::Journal(outcome));
        world.expect(expected);
    }
}

#[test]
fn a_journal_and_a_shell_that_never_answer_are_not_waited_for() {
    let mut world = World::new();
    world.order(1, CONFIGURE);
    world.pass(15_000);
    assert_eq!(world.take().last().unwrap(), "1 unknown");
    world.written();
    world.take();
    world.pass(15_000);
    world.expect(&["1 failed host"]);
}

#[test]
fn blinking_ends_in_success_or_says_why_not() {
    for (answer, expected) in [
        (Some(Ok(())), "1 succeeded"),
        (Some(Err("no LED".to_owned())), "1 failed no_led"),
        (None, "1 failed timed_out"),
    ] {
        let mut world = World::new();
        world.order(1, IDENTIFY);
        world.expect(&["1 accepted", "IDENTIFY 5"]);
        match answer {
            Some(answer) => world.input(Input::Host(HostEvent::Identified(answer))),
            None => world.pass(15_000),
        }
        world.expect(&[expected]);
    }
}
