//! An image's first boots as timelines: what commits it, and what gives it up.
use picket_proto::{Reason, RootSlot, State};
use picketd::command::{BootRecordSaid, Input};

use super::reinstalls::{going_down, last_report};

#[test]
fn an_image_that_never_commits_is_rolled_back_with_the_reason() {
    let mut world = going_down();
    // Three attempts in which no agent says anything.
    for _ in 0..3 {
        world.boots();
        assert_eq!(world.boot_record.mounted, RootSlot::B);
    }
    world.boots();
    assert_eq!(world.boot_record.mounted, RootSlot::A);
    world.input(Input::Connected);
    world.expect(&["RECORD"]);
    world.written();
    let report = last_report(&mut world);
    assert_eq!(
        (report.state, report.reason),
        (Some(State::RolledBack), Some(Reason::Trial))
    );
    assert!(report.detail.unwrap().contains("no attempt was committed"));
    assert_eq!(world.core.image(), None);
}

#[test]
fn no_link_is_no_commit() {
    let mut world = going_down();
    world.boots();
    world.pass(600_000);
    world.expect(&[]);
    world.input(Input::Connected);
    world.expect(&["1 trial"]);
    let (delivery, _) = world.in_flight[0];
    world.input(Input::Refused(delivery));
    world.expect(&[]);
    world.pass(2_000);
    world.expect(&["1 trial"]);
    world.pubacks();
    world.expect(&["COMMIT"]);
    // A boot record that can't be written is tried again.
    world.changing = None;
    let refused = BootRecordSaid::Failed("read-only".to_owned());
    world.input(Input::BootRecord(refused));
    world.expect(&["1 trial"]);
    world.pass(10_000);
    world.expect(&["COMMIT"]);
}

#[test]
fn a_trial_that_the_journal_does_not_know_is_committed_likewise() {
    let mut world = going_down();
    world.disk = None;
    world.writing = None;
    world.boots();
    world.input(Input::Connected);
    world.expect(&["1 trial"]);
    world.pubacks();
    world.changed();
    world.written();
    world.written();
    assert_eq!(world.boot_record.active, RootSlot::B);
    let last = world.core.last_operation().unwrap();
    assert_eq!(last.state, State::Succeeded);
}
