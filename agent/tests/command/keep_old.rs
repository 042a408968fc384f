//! What ran before and is kept for so many days, as timelines.
use picket_proto::{Action, RootSlot, State};
use picketd::{
    command::{BootRecordSaid, IdleSlot, Input, WorkerEvent},
    journal::{Kept, Outcome, Since},
};

use super::{
    orders::{CONFIGURE, operation, reinstall},
    world::World,
};

const BEGUN: u64 = 1_795_385_000;
const DAY: u64 = 86_400;
const HOUR_MS: u64 = 3_600_000;
const COUNTS: Kept = Kept {
    operation: operation_1(),
    slot: RootSlot::A,
    days: 3,
    since: Some(Since {
        time_s: BEGUN,
        tree: 7,
    }),
};

const fn operation_1() -> picket_proto::OperationId {
    picket_proto::OperationId([1; 16])
}

fn keeping(days: u8, hold: bool) -> Action {
    match reinstall(hold) {
        Action::Reinstall(wanted) => Action::Reinstall(picket_proto::Reinstall {
            keep_old_days: days,
            ..wanted
        }),
        other => other,
    }
}

/// It goes on to where it is committed, and the machine runs what was ordered.
fn come_to_run(world: &mut World) {
    world.written();
    let host_keys = Vec::new();
    world.child(WorkerEvent::Staged { host_keys });
    world.written();
    world.changed();
    world.pubacks();
    world.boots();
    world.input(Input::Connected);
    world.pubacks();
    world.changed();
    world.written();
    world.take();
}

/// Slot a is kept for 3 days, and b runs.
fn kept() -> World {
    let mut world = World::new();
    world.order(1, keeping(3, false));
    come_to_run(&mut world);
    world.written();
    world.expect(&["1 succeeded", "LOOK AT a"]);
    world
}

/// The same, and the days count.
fn counting() -> World {
    let mut world = kept();
    found(&mut world, BEGUN, Some(7));
    world.expect(&["RECORD"]);
    world.written();
    assert_eq!(on_disk(&world), [COUNTS]);
    world
}

fn found(world: &mut World, time_s: u64, tree: Option<u64>) {
    world.input(Input::Idle(Ok(IdleSlot {
        time_s,
        tree,
        is_wanted: false,
    })));
}

fn on_disk(world: &World) -> &[Kept] {
    &world.disk.as_ref().unwrap().kept
}

fn look(world: &mut World) {
    world.pass(HOUR_MS);
    world.expect(&["LOOK AT a"]);
}

#[test]
fn the_slot_before_is_removed_when_its_days_are_over_and_not_before() {
    let mut world = counting();
    look(&mut world);
    found(&mut world, BEGUN + 3 * DAY - 1, Some(7));
    world.expect(&[]);
    look(&mut world);
    found(&mut world, BEGUN + 3 * DAY, Some(7));
    world.expect(&["WARN", "REMOVE a"]);
    // An answer that comes late begins no second removal.
    found(&mut world, BEGUN + 3 * DAY, Some(7));
    world.expect(&[]);
    world.order(2, reinstall(false));
    world.expect(&["2 refused busy"]);
    world.pass(2 * HOUR_MS);
    world.child(WorkerEvent::Cleaned);
    world.expect(&["RECORD"]);
    world.written();
    assert_eq!(on_disk(&world), []);
    world.pass(1_000 * HOUR_MS);
    world.expect(&[]);
}

#[test]
fn where_nothing_is_to_be_kept_the_journal_keeps_nothing() {
    let mut world = World::new();
    world.order(1, reinstall(false));
    world.written();
    assert_eq!(on_disk(&world), []);
}

#[test]
fn the_days_count_over_boots_also_while_the_machine_was_off() {
    let mut world = counting();
    world.boots();
    world.input(Input::Connected);
    world.expect(&["LOOK AT a"]);
    // Begun, and the power fails: the next start removes what is left.
    found(&mut world, BEGUN + 30 * DAY, Some(7));
    world.expect(&["WARN", "REMOVE a"]);
    world.boots();
    world.input(Input::Connected);
    world.expect(&["LOOK AT a"]);
    found(&mut world, BEGUN + 30 * DAY, None);
    world.expect(&["WARN", "REMOVE a"]);
}

#[test]
fn what_speaks_against_it_keeps_it_longer_and_is_said_once() {
    let mut world = kept();
    let silent = || Input::Idle(Err("it doesn't answer".to_owned()));
    world.input(silent());
    world.expect(&["WARN"]);
    look(&mut world);
    world.input(silent());
    world.expect(&[]);
    look(&mut world);
    found(&mut world, BEGUN, Some(7));
    world.expect(&["RECORD"]);
    world.input(Input::Journal(Outcome::Failed("EIO".to_owned())));
    world.writing = None;
    world.expect(&[]);
    look(&mut world);
    found(&mut world, BEGUN + 9 * DAY, Some(7));
    world.expect(&["RECORD"]);
    world.written();
    look(&mut world);
    found(&mut world, BEGUN + 9 * DAY, Some(7));
    world.expect(&[]);
    // The server's clock goes back: they count anew.
    look(&mut world);
    found(&mut world, BEGUN, Some(7));
    world.expect(&["WARN", "RECORD"]);
    world.written();
    assert_eq!(on_disk(&world), [COUNTS]);
    look(&mut world);
    found(&mut world, BEGUN + 3 * DAY, Some(7));
    world.take();
    world.child(WorkerEvent::Failed {
        reason: picket_proto::Reason::Disk,
        detail: "EIO".to_owned(),
    });
    world.take();
    look(&mut world);
    found(&mut world, BEGUN + 3 * DAY, Some(7));
    world.expect(&["WARN", "REMOVE a"]);
}

#[test]
fn a_reinstall_that_needs_the_slot_gets_it_and_what_it_fills_is_not_what_was_kept() {
    let mut world = counting();
    world.order(2, keeping(5, true));
    world.expect(&["2 accepted", "RECORD"]);
    world.written();
    let waits = Kept {
        operation: operation(2),
        slot: RootSlot::B,
        days: 5,
        since: None,
    };
    assert_eq!(on_disk(&world), [COUNTS, waits]);
    world.take();
    let host_keys = Vec::new();
    world.child(WorkerEvent::Staged { host_keys });
    world.written();
    assert_eq!(on_disk(&world), [waits]);
    world.take();
    // While it holds nothing is looked at, however long that is.
    world.pass(1_000 * HOUR_MS);
    world.expect(&[]);
}

#[test]
fn a_reinstall_that_fails_before_it_fills_the_slot_changes_nothing_about_what_is_kept() {
    let mut world = counting();
    world.order(2, keeping(5, false));
    world.written();
    world.child(WorkerEvent::Failed {
        reason: picket_proto::Reason::NoRoom,
        detail: "words".to_owned(),
    });
    world.written();
    assert_eq!(on_disk(&world), [COUNTS]);
    world.take();
    look(&mut world);
}

#[test]
fn another_tree_in_the_slot_and_one_that_runs_again_are_not_what_was_kept() {
    let mut world = counting();
    look(&mut world);
    found(&mut world, BEGUN + 9 * DAY, Some(8));
    world.expect(&["RECORD"]);
    world.written();
    assert_eq!(on_disk(&world), []);
    let mut world = counting();
    world.boot_record.active = RootSlot::A;
    world.boots();
    world.input(Input::Connected);
    world.expect(&["RECORD"]);
    world.written();
    assert_eq!(on_disk(&world), []);
}

#[test]
fn the_journal_has_one_writer() {
    let mut world = kept();
    found(&mut world, BEGUN, Some(7));
    world.expect(&["RECORD"]);
    world.order(2, CONFIGURE);
    world.expect(&["2 refused busy"]);
    // A reinstall is begun when that is written.
    world.order(3, reinstall(false));
    world.expect(&["3 accepted"]);
    world.written();
    world.expect(&["RECORD"]);
    assert_eq!(on_disk(&world), [COUNTS]);
    let mut world = kept();
    world.order(2, CONFIGURE);
    world.expect(&["2 accepted", "RECORD"]);
    found(&mut world, BEGUN, Some(7));
    world.written();
    world.input(Input::Configured { result: Ok(()) });
    world.take();
    look(&mut world);
}

#[test]
fn what_was_rolled_back_keeps_nothing() {
    let mut world = World::new();
    world.order(1, keeping(3, false));
    world.written();
    let host_keys = Vec::new();
    world.child(WorkerEvent::Staged { host_keys });
    world.written();
    let said = BootRecordSaid::Failed("EIO".to_owned());
    world.changing = None;
    world.input(Input::BootRecord(said));
    world.written();
    let last = world.core.last_operation().unwrap();
    assert_eq!(last.state, State::Failed);
    assert_eq!(on_disk(&world), []);
}
