//! An emulated Pi with two slots, booted by the reference initramfs: the active one, one on trial, one that fails on trial, and the
//! rescue system.
use std::fs;

use picket_proto::OperationId;
use picket_test_keys::TestKey;
use picket_tests::{
    binaries, eventually,
    file_server::Server,
    pi::{Fate, Machine, Pi},
};
use picketd::slots::{
    Slot,
    boot_record::{self, ATTEMPTS, BootRecord, Fallback, Trial, Why},
    change,
};

const OPERATION: OperationId = OperationId([0xab; 16]);
const BOTH: [(Slot, Fate); 2] = [(Slot::A, Fate::Well), (Slot::B, Fate::Well)];

#[test]
fn a_pi_boots_its_active_slot_and_the_agent_of_one_on_trial_commits_it() {
    let pi = Pi::builder(Machine::Virt).slots(&BOTH).start();
    assert_eq!((pi.booted("a"), pi.boots()), (1, 1));
    shell(&pi, "cat /run/picket/slot", "a\n");
    shell(
        &pi,
        "cat /proc/sys/kernel/hostname",
        &format!("pi-{}", pi.id()),
    );
    shell(&pi, "cat /proc/mounts", "10.0.2.2:/slots/a / nfs4 ");
    shell(
        &pi,
        "cat /proc/mounts",
        "10.0.2.2:/ /run/picket/export nfs4 ",
    );
    shell(&pi, "ls -ld /run/picket/export", "drwx------");

    shell(&pi, "picketd slot arm b", "slot b is booted 3 times");
    pi.console().type_line("reboot");
    pi.wait_for_tick_of_boot(2);
    assert_eq!(pi.booted("b trial"), 1);
    shell(&pi, "cat /run/picket/slot", "b trial");
    shell(&pi, "cat /proc/mounts", "10.0.2.2:/slots/b / nfs4 ");
    let guard = "grep -l '[t]rial-guard' /proc/[0-9]*/cmdline | wc -l";
    eventually("the agent commits what it runs in", pi.patience(), || {
        (pi.boot_record() == BootRecord::of(Slot::B)).then_some(())
    });
    eventually("the guard is gone", pi.patience(), || {
        let left = pi.console().run(guard, pi.patience());
        left.contains("0\n").then_some(())
    });
    pi.console().type_line("reboot");
    pi.wait_for_tick_of_boot(3);
    assert_eq!((pi.booted("b"), pi.booted("a"), pi.boots()), (1, 1, 3));
}

#[test]
fn a_trial_whose_init_dies_falls_back_after_its_attempts() {
    falls_back(Fate::Dies, ATTEMPTS);
}

#[test]
fn a_trial_whose_init_hangs_is_reset_by_its_guard_and_falls_back() {
    falls_back(Fate::Hangs, 2);
}

#[test]
fn a_trial_that_comes_up_and_is_never_committed_falls_back() {
    falls_back(Fate::Silent, 1);
}

/// With so many attempts to go.
fn falls_back(fate: Fate, attempts: u8) {
    let pi = Pi::builder(Machine::Virt)
        .slots(&[(Slot::A, Fate::Well), (Slot::B, fate)])
        .trial_seconds(10)
        .start();
    arm(&pi, attempts);
    pi.qmp().system_reset();
    pi.wait_for_tick_of_boot(2);
    let tries = usize::from(attempts);
    assert_eq!((pi.booted("b trial"), pi.booted("a")), (tries, 2));
    assert_eq!(pi.boots(), 2 + tries);
    let resets = pi.console().count("the trial was not committed in 10 s");
    assert_eq!(resets, if fate == Fate::Dies { 0 } else { tries });
    let fallback = Fallback {
        slot: Slot::B,
        operation: OPERATION,
        why: Why::NoAttemptLeft,
    };
    let fallen = BootRecord {
        last_fallback: Some(fallback),
        ..BootRecord::of(Slot::A)
    };
    assert_eq!(pi.boot_record(), fallen);
}

#[test]
fn a_pi_whose_slots_were_wiped_comes_up_as_rescue_system_and_is_asked_how_it_is() {
    let key = TestKey::new(1);
    let pi = Pi::builder(Machine::Virt)
        .slots(&BOTH)
        .obeying(&key)
        .start();
    pi.firmware().power_off();
    fs::rename(pi.export().join("slots/b"), pi.export().join("kept")).unwrap();
    fs::remove_dir_all(pi.export().join("slots")).unwrap();
    pi.firmware().release();
    pi.wait_for_tick_of_boot(2);
    assert_eq!(pi.console().count("picket: rescue: no slot is chosen"), 1);
    let name = pi.id().to_string();
    let outcome = pi.operator(&key).run(&["query", &name, "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    // A slot that is whole, and that nobody activated, isn't booted.
    fs::create_dir(pi.export().join("slots")).unwrap();
    fs::rename(pi.export().join("kept"), pi.export().join("slots/b")).unwrap();
    let outcome = pi
        .operator(&key)
        .run(&["reboot", &name, "--wait", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    pi.wait_for_tick_of_boot(3);
    assert_eq!(pi.console().count("picket: rescue: no slot is chosen"), 2);
    change::activate(&pi.slots(), Slot::B).unwrap();
    pi.qmp().system_reset();
    pi.wait_for_tick_of_boot(4);
    assert_eq!(pi.booted("b"), 1);
}

#[test]
fn a_pi_whose_nfs_server_is_silent_is_asked_how_it_is_and_boots_when_the_server_is_back() {
    let key = TestKey::new(1);
    let pi = Pi::builder(Machine::Virt)
        .slots(&BOTH)
        .export_wait(10)
        .obeying(&key)
        .start();
    pi.firmware().power_off();
    pi.nfs().hang();
    pi.firmware().release();
    pi.wait_for_tick_of_boot(2);
    let waiting = "picket: rescue: the export can't be mounted yet";
    assert_eq!((pi.console().count(waiting), pi.booted("a")), (1, 1));
    let name = pi.id().to_string();
    let outcome = pi.operator(&key).run(&["query", &name, "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    pi.nfs().heal();
    pi.console()
        .wait_for("picket: the export is mounted", pi.patience());
    eventually("it boots its slot", pi.patience(), || {
        (pi.booted("a") == 2).then_some(())
    });
    let ticks = pi.watcher().ticks().len();
    eventually("its agent ticks", pi.patience(), || {
        (pi.watcher().ticks().len() > ticks + 3).then_some(())
    });
    assert_eq!((pi.boots(), pi.boot_ids().len()), (2, 2));
    shell(&pi, "cat /run/picket/slot", "a\n");
}

/// The fileserver's part: no agent of the Pi takes part in it, and none knows of the operation.
#[test]
fn a_pi_boots_what_was_filled_while_it_was_off_as_a_trial_and_commits_it() {
    let pi = Pi::builder(Machine::Virt)
        .slots(&[(Slot::A, Fate::Well)])
        .start();
    pi.firmware().power_off();
    let program = binaries::from_environment("PICKETD_AARCH64");
    let program = program.to_str().expect("it is text");
    let server = Server::with(&pi.in_slot(Slot::A, ""), "arm64", Some(pi.export().path()));
    let filled = server.fill(&["--force", "--program", program]);
    assert!(filled.status.success(), "{filled:?}");
    let wiped = server.slot("wipe", &["--slot", "a", "--force"]);
    assert!(wiped.status.success(), "{wiped:?}");
    pi.firmware().release();
    pi.wait_for_tick_of_boot(2);
    assert_eq!(pi.booted("b trial"), 1);
    eventually("the agent commits what was filled", pi.patience(), || {
        (pi.boot_record() == BootRecord::of(Slot::B)).then_some(())
    });
    shell(&pi, "cat /etc/hostname", "shelf-3-pi-7");
}

fn arm(pi: &Pi, attempts_left: u8) {
    let trial = Trial {
        slot: Slot::B,
        attempts_left,
        operation: OPERATION,
    };
    let record = BootRecord {
        trial: Some(trial),
        ..BootRecord::of(Slot::A)
    };
    boot_record::write(&pi.slots(), &record).expect("the export is writable");
}

/// What the guest's shell prints holds that.
fn shell(pi: &Pi, command: &str, expected: &str) {
    let printed = pi.console().run(command, pi.patience());
    assert!(printed.contains(expected), "{command}: {printed}");
}
