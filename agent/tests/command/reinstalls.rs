//! Reinstalls as timelines: what happens, and what the agent reports and does.
use picket_proto::{Progress, Reason, RootSlot, State};
use picketd::{
    command::{BootRecordSaid, Input, WorkerEvent},
    host::HostEvent,
    journal::Outcome,
};

use super::{
    orders::{CONFIGURE, REBOOT, activate, cancel, operation, reinstall},
    world::{Did, World},
};

fn staged() -> WorkerEvent {
    WorkerEvent::Staged {
        host_keys: vec!["256 SHA256:q83v pi-12 (ED25519)".to_owned()],
    }
}

fn failed(reason: Reason) -> WorkerEvent {
    WorkerEvent::Failed {
        reason,
        detail: "words".to_owned(),
    }
}

/// A reinstall whose child works.
fn working(hold: bool) -> World {
    let mut world = World::new();
    world.order(1, reinstall(hold));
    world.expect(&["1 accepted", "RECORD"]);
    world.written();
    world.expect(&["1 preflight", "INSTALL b"]);
    world
}

/// A reinstall that holds.
fn holding() -> World {
    let mut world = working(true);
    world.child(staged());
    world.expect(&["RECORD"]);
    world.written();
    world.expect(&["1 staged"]);
    world
}

/// One whose machine goes down into the image.
pub(super) fn going_down() -> World {
    let mut world = working(false);
    world.child(staged());
    world.expect(&["1 staged", "RECORD"]);
    world.written();
    world.expect(&["ARM b"]);
    world.changed();
    world.expect(&["1 armed", "1 rebooting", "FLUSH"]);
    world.pubacks();
    world.expect(&["REBOOT"]);
    world
}

pub(super) fn last_report(world: &mut World) -> picket_proto::Report {
    let reports = world.did.drain(..).filter_map(|did| match did {
        Did::Report(report) => Some(report),
        _ => None,
    });
    reports.last().unwrap()
}

#[test]
fn an_image_is_staged_armed_booted_committed_and_what_ran_before_is_removed() {
    let mut world = going_down();
    world.boots();
    assert_eq!(world.boot_record.mounted, RootSlot::B);
    world.input(Input::Connected);
    world.expect(&["1 trial"]);
    world.pubacks();
    world.expect(&["COMMIT"]);
    world.changed();
    world.expect(&["RECORD"]);
    world.written();
    world.expect(&["1 committed", "1 cleaning", "REMOVE a"]);
    world.child(WorkerEvent::Cleaned);
    world.expect(&["RECORD"]);
    world.written();
    let report = last_report(&mut world);
    assert_eq!(report.state, Some(State::Succeeded));
    assert_eq!(
        report.host_keys.unwrap(),
        ["256 SHA256:q83v pi-12 (ED25519)"]
    );
    assert_eq!(world.core.image(), Some("debian-13"));
    assert_eq!(world.boot_record.active, RootSlot::B);
}

#[test]
fn the_stages_of_the_child_are_told_and_progress_every_2_s_of_which_only_the_newest_waits() {
    let mut world = working(false);
    let progress = |bytes| {
        WorkerEvent::Progress(Progress {
            stage: State::Preflight,
            bytes,
            of_bytes: 100,
            entries: 0,
            of_entries: 0,
        })
    };
    world.pubacks();
    for state in [State::Fetching, State::Unpacking, State::Unpacking] {
        world.child(WorkerEvent::Stage(state));
    }
    world.expect(&["1 fetching", "1 unpacking"]);
    world.child(progress(1));
    world.child(progress(2));
    world.expect(&["1 unpacking 1/100"]);
    // Nobody confirms the first one: the others wait, and of them the last.
    for bytes in [10, 20, 30] {
        world.now_ms += 2_000;
        world.child(progress(bytes));
    }
    world.expect(&[]);
    world.pubacks();
    world.expect(&["1 unpacking 30/100"]);
    // None of them is a transition, so none is a step towards the cap, and a child may say what is no stage.
    world.child(WorkerEvent::Stage(State::Succeeded));
    world.expect(&[]);
    for state in [State::Sealed, State::Personalised] {
        world.child(WorkerEvent::Stage(state));
    }
    world.expect(&["1 sealed", "1 personalised"]);
}

#[test]
fn a_disk_that_takes_no_record_refuses_it_before_anything_is_done() {
    let mut world = World::new();
    world.order(1, reinstall(false));
    world.expect(&["1 accepted", "RECORD"]);
    world.writing = None;
    let full = Outcome::Failed("no space left on device".to_owned());
    world.input(Input::Journal(full));
    world.expect(&["1 refused journal"]);
}

#[test]
fn what_the_child_can_not_do_has_failed_for_its_reason_and_another_may_be_ordered() {
    for reason in [Reason::Digest, Reason::NoRoom, Reason::Worker] {
        let mut world = working(false);
        world.child(failed(reason));
        world.expect(&["RECORD"]);
        world.written();
        world.expect(&[&format!("1 failed {reason}")]);
        world.order(2, reinstall(false));
        world.expect(&["2 accepted", "RECORD"]);
    }
}

#[test]
fn it_holds_until_it_is_activated_also_over_boots() {
    let mut world = holding();
    world.order(2, activate(9));
    world.expect(&["2 refused unknown_operation"]);
    world.boots();
    world.input(Input::Connected);
    world.expect(&[]);
    world.order(3, activate(1));
    world.expect(&["3 succeeded", "RECORD"]);
    world.written();
    world.expect(&["ARM b"]);
    // Once more, as by an operator who heard nothing.
    world.order(4, cancel(1));
    world.expect(&["4 refused too_late"]);
    world.changed();
    world.take();
    world.order(5, activate(1));
    world.expect(&["5 succeeded"]);
}

#[test]
fn what_was_given_up_leaves_nothing_whenever_that_was() {
    let cancelled = |world: &mut World| {
        world.written();
        world.expect(&["1 cancelled"]);
        world.order(3, activate(1));
        world.expect(&["3 refused too_late"]);
    };
    // Before it was recorded.
    let mut world = World::new();
    world.order(1, reinstall(false));
    world.order(2, cancel(1));
    world.expect(&["1 accepted", "RECORD", "2 succeeded"]);
    world.written();
    world.expect(&["RECORD"]);
    cancelled(&mut world);
    // While the child works; also when that was done at that moment.
    for (event, empties) in [(failed(Reason::GivenUp), false), (staged(), true)] {
        let mut world = working(false);
        world.order(2, cancel(1));
        world.expect(&["GIVE UP", "2 succeeded"]);
        world.child(event);
        if empties {
            world.expect(&["REMOVE b"]);
            world.child(WorkerEvent::Cleaned);
        }
        world.expect(&["RECORD"]);
        cancelled(&mut world);
    }
    let mut world = holding();
    world.order(2, cancel(1));
    world.expect(&["REMOVE b", "2 succeeded"]);
    world.child(WorkerEvent::Cleaned);
    world.expect(&["RECORD"]);
    cancelled(&mut world);
}

#[test]
fn the_rescue_system_fills_the_slot_that_is_not_the_active_one_also_after_a_power_cut() {
    let mut world = World::new();
    world.boot_record.wiped = true;
    world.boots();
    assert_eq!(world.boot_record.mounted, RootSlot::Rescue);
    world.input(Input::Connected);
    world.order(1, reinstall(false));
    world.expect(&["1 accepted", "RECORD"]);
    world.written();
    world.expect(&["1 preflight", "INSTALL b"]);
    world.child(staged());
    world.expect(&["1 staged", "RECORD"]);
    world.written();
    world.expect(&["ARM b"]);
    // Before the boot record has it.
    world.changing = None;
    world.boots();
    assert_eq!(world.boot_record.mounted, RootSlot::Rescue);
    world.input(Input::Connected);
    world.expect(&["RECORD"]);
    world.written();
    world.expect(&["ARM b"]);
    world.changed();
    assert_eq!(
        world.boot_record.trial.map(|(slot, ..)| slot),
        Some(RootSlot::B)
    );
}

#[test]
fn from_the_moment_that_it_is_to_be_armed_it_is_too_late() {
    let mut world = working(false);
    world.child(staged());
    world.order(2, cancel(1));
    world.expect(&["1 staged", "RECORD", "2 refused too_late"]);
    let mut world = going_down();
    world.order(2, cancel(1));
    world.expect(&["2 refused too_late"]);
}

#[test]
fn a_boot_record_that_can_not_be_written_has_failed_it_and_one_that_is_silent_waits() {
    let mut world = working(false);
    world.child(staged());
    world.written();
    world.take();
    world.input(Input::BootRecord(BootRecordSaid::Silent));
    world.expect(&["1 unknown"]);
    world.order(2, REBOOT);
    world.expect(&["2 refused busy"]);
    world.input(Input::BootRecord(BootRecordSaid::Failed("EIO".to_owned())));
    world.expect(&["RECORD"]);
    world.written();
    world.expect(&["1 failed boot_record"]);
}

#[test]
fn a_machine_that_stays_up_boots_the_image_when_somebody_reboots_it() {
    let mut world = going_down();
    world.input(Input::Host(HostEvent::Stayed("nothing worked".to_owned())));
    world.expect(&["1 rebooting"]);
    world.going_down = false;
    world.order(2, reinstall(false));
    world.expect(&["2 refused busy"]);
    world.order(3, REBOOT);
    world.expect(&["3 accepted", "3 preflight", "PREFLIGHT"]);
    world.boots();
    world.input(Input::Connected);
    world.expect(&["1 trial"]);
}

#[test]
fn only_what_waits_goes_on_beside_a_reboot_or_a_configure() {
    let mut world = working(true);
    for (number, action) in [(2, REBOOT), (3, CONFIGURE), (4, reinstall(false))] {
        world.order(number, action);
        world.expect(&[&format!("{number} refused busy")]);
    }
    let mut world = holding();
    world.order(4, reinstall(false));
    world.expect(&["4 refused busy"]);
    world.order(3, CONFIGURE);
    world.expect(&["3 accepted", "RECORD"]);
    // The journal has one writer: what is activated waits for it.
    world.order(5, activate(1));
    world.expect(&["5 refused busy"]);
    world.written();
    world.input(Input::Configured { result: Ok(()) });
    world.take();
    world.order(6, activate(1));
    world.expect(&["6 succeeded", "RECORD"]);
}

#[test]
fn values_that_can_not_be_are_refused() {
    let wanted = || match reinstall(false) {
        picket_proto::Action::Reinstall(wanted) => wanted,
        _ => unreachable!(),
    };
    let mut wrong = Vec::new();
    for image in ["", "../etc", "a b", "a/b"] {
        let image = image.to_owned();
        wrong.push(picket_proto::Reinstall { image, ..wanted() });
    }
    for hostname in ["", "-a", "a..b", "a_b", &"a".repeat(64), "a b"] {
        let hostname = Some(hostname.to_owned());
        wrong.push(picket_proto::Reinstall {
            hostname,
            ..wanted()
        });
    }
    for key in ["", "  ", "ssh-ed25519 AAAA\nssh-rsa BBBB"] {
        let ssh_keys = vec![key.to_owned()];
        wrong.push(picket_proto::Reinstall {
            ssh_keys,
            ..wanted()
        });
    }
    let mut world = World::new();
    for (number, wanted) in (1..).zip(wrong) {
        let what = format!("{wanted:?}");
        world.order(number, picket_proto::Action::Reinstall(wanted));
        assert_eq!(
            world.take(),
            [format!("{number} refused out_of_range")],
            "{what}"
        );
    }
}

#[test]
fn what_no_agent_leaves_behind_is_told_and_not_guessed_about() {
    // The journal says that the image is only staged, and it runs.
    let mut world = holding();
    world.boot_record.trial = Some((RootSlot::B, operation(9), 3));
    world.boots();
    world.input(Input::Connected);
    assert!(
        world
            .take()
            .contains(&"1 failed journal_corrupt".to_owned())
    );
}
