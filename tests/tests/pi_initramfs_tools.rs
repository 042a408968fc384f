//! An emulated Pi with two slots, booted by an initramfs that Debian's initramfs-tools made with the hook of boot/, as on a fleet of
//! Debian or Raspberry Pi OS. PICKET_INITRAMFS_TOOLS names it; `scripts/debian-initramfs` makes it, and `scripts/soak` runs this.
use std::{fs, path::PathBuf};

use picket_proto::OperationId;
use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    pi::{Builder, Fate, Machine, Pi},
};
use picketd::slots::{
    Slot,
    boot_record::{self, BootRecord, Trial, Why},
};

const BOTH: [(Slot, Fate); 2] = [(Slot::A, Fate::Well), (Slot::B, Fate::Well)];

fn builder() -> Builder {
    let initramfs = std::env::var_os("PICKET_INITRAMFS_TOOLS").map(PathBuf::from);
    let initramfs =
        initramfs.expect("PICKET_INITRAMFS_TOOLS names what scripts/debian-initramfs made");
    Pi::builder(Machine::Virt).initramfs_tools(&initramfs)
}

#[test]
fn a_pi_boots_its_active_slot_and_the_agent_of_one_on_trial_commits_it() {
    let pi = builder().slots(&BOTH).start();
    assert_eq!((pi.booted("a"), pi.boots()), (1, 1));
    let id = pi.id().to_string();
    for (command, expected) in [
        ("cat /run/picket/slot", "a\n"),
        ("cat /proc/sys/kernel/hostname", &format!("pi-{id}\n")),
        (
            "cat /sys/module/nfs/parameters/nfs4_unique_id",
            &format!("{id}\n"),
        ),
        ("cat /proc/mounts", "10.0.2.2:/slots/a / nfs4 "),
        ("cat /proc/mounts", "10.0.2.2:/ /run/picket/export nfs4 "),
        ("ls -ld /run/picket/export", "drwx------"),
        ("picketd slot arm b", "slot b is booted 3 times"),
    ] {
        let printed = pi.console().run(command, pi.patience());
        assert!(printed.contains(expected), "{command}: {printed}");
    }
    pi.console().type_line("reboot");
    pi.wait_for_tick_of_boot(2);
    assert_eq!(pi.booted("b trial"), 1);
    eventually("the agent commits what it runs in", pi.patience(), || {
        (pi.boot_record() == BootRecord::of(Slot::B)).then_some(())
    });
    eventually("the guard is gone", pi.patience(), || {
        let guard = "grep -l '[t]rial-guard' /proc/[0-9]*/cmdline | wc -l";
        let left = pi.console().run(guard, pi.patience());
        left.contains("0\n").then_some(())
    });
}

#[test]
fn a_trial_that_dies_hangs_or_is_never_committed_is_reset_and_falls_back() {
    // What resets it, the guard or the kernel, once; and never the other one. An init that dies may be slow to begin.
    let guard = "the trial was not committed in ";
    let kernel = "Kernel panic - not syncing: Attempted to kill init!";
    for (fate, seconds, resets, not) in [
        (Fate::Dies, 3600, kernel, guard),
        (Fate::Hangs, 10, guard, kernel),
        (Fate::Silent, 10, guard, kernel),
    ] {
        let slots = [(Slot::A, Fate::Well), (Slot::B, fate)];
        let pi = builder().slots(&slots).trial_seconds(seconds).start();
        let trial = Trial {
            slot: Slot::B,
            attempts_left: 1,
            operation: OperationId([0xab; 16]),
        };
        let record = BootRecord {
            trial: Some(trial),
            ..BootRecord::of(Slot::A)
        };
        boot_record::write(&pi.slots(), &record).expect("the export is writable");
        pi.qmp().system_reset();
        // Two boots, with udev and a shell that is emulated.
        eventually("it has fallen back", 6 * pi.patience(), || {
            (pi.boot_ids().len() == 2).then_some(())
        });
        assert_eq!((pi.booted("b trial"), pi.booted("a")), (1, 2), "{fate:?}");
        let counts = [resets, not].map(|words| pi.console().count(words));
        assert_eq!(counts, [1, 0], "{fate:?}");
        let why = pi.boot_record().last_fallback.map(|fallback| fallback.why);
        assert_eq!(why, Some(Why::NoAttemptLeft), "{fate:?}");
    }
}

#[test]
fn a_pi_whose_slots_were_wiped_comes_up_as_rescue_system_and_is_asked_how_it_is() {
    let key = TestKey::new(1);
    let pi = builder().slots(&BOTH).obeying(&key).start();
    pi.firmware().power_off();
    fs::remove_dir_all(pi.export().join("slots")).unwrap();
    pi.firmware().release();
    pi.wait_for_tick_of_boot(2);
    assert_eq!(pi.console().count("picket: rescue: no slot is chosen"), 1);
    let name = pi.id().to_string();
    let outcome = pi.operator(&key).run(&["query", &name, "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}
