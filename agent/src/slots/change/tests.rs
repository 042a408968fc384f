//! Tests of what changes the boot record, on trees and on disks that are full or read-only.
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::*;
use crate::slots::boot_record::{Fallback, Why};

const OPERATION: OperationId = OperationId([7; 16]);

struct Scene {
    folder: tempfile::TempDir,
    export: Export,
}

impl Scene {
    /// An export with these slots.
    fn with(slots: &[Slot]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for slot in slots {
            make_slot(folder.path(), *slot);
        }
        let export = Export::open(folder.path()).unwrap();
        Self { folder, export }
    }

    fn record(&self) -> BootRecord {
        match read(&self.export) {
            Read::Record(record) => record,
            other => panic!("{other:?}"),
        }
    }

    fn choice(&self) -> Choice {
        let made = make_choice(&self.export);
        assert!(made.unwritten.is_none(), "{made:?}");
        made.choice
    }
}

fn make_slot(export: &Path, slot: Slot) {
    let init = export.join(format!("slots/{slot}/sbin/init"));
    fs::create_dir_all(init.parent().unwrap()).unwrap();
    fs::write(&init, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_trial_that_commits_stays_and_one_that_does_not_falls_back_after_three_boots() {
    let scene = Scene::with(&Slot::ALL);
    activate(&scene.export, Slot::A).unwrap();
    arm(&scene.export, Slot::B, OPERATION).unwrap();
    assert_eq!(scene.choice(), Choice::Trial(Slot::B));
    let committed = commit(&scene.export).unwrap();
    let expected = Committed {
        slot: Slot::B,
        operation: OPERATION,
    };
    assert_eq!(committed, expected);
    assert_eq!(scene.choice(), Choice::Slot(Slot::B));
    assert!(matches!(commit(&scene.export), Err(NotChanged::NoTrial)));

    let next = OperationId([8; 16]);
    arm(&scene.export, Slot::A, next).unwrap();
    for attempts_left in [2, 1, 0] {
        assert_eq!(scene.choice(), Choice::Trial(Slot::A));
        assert_eq!(scene.record().trial.unwrap().attempts_left, attempts_left);
    }
    for _ in 0..2 {
        assert_eq!(scene.choice(), Choice::Slot(Slot::B));
    }
    let fallback = Fallback {
        slot: Slot::A,
        operation: next,
        why: Why::NoAttemptLeft,
    };
    let fallen = BootRecord {
        last_fallback: Some(fallback),
        ..BootRecord::of(Slot::B)
    };
    assert_eq!(scene.record(), fallen);
}

#[test]
fn what_cannot_be_armed_is_said() {
    let scene = Scene::with(&[Slot::A]);
    let arm = |slot, operation| arm(&scene.export, slot, operation).map_err(|e| e.to_string());
    let said = |result: Result<(), String>| result.unwrap_err();
    assert!(said(arm(Slot::B, OPERATION)).contains("slot b holds no system"));
    make_slot(scene.folder.path(), Slot::B);
    activate(&scene.export, Slot::A).unwrap();
    assert!(said(arm(Slot::A, OPERATION)).contains("slot a is the active one"));
    arm(Slot::B, OPERATION).unwrap();
    arm(Slot::B, OPERATION).unwrap();
    let other = said(arm(Slot::B, OperationId([8; 16])));
    assert!(other.contains(&OPERATION.to_string()), "{other}");
    disarm(&scene.export).unwrap();
    disarm(&scene.export).unwrap();
    assert_eq!(scene.record(), BootRecord::of(Slot::A));
}

#[test]
fn a_slot_is_armed_where_no_record_can_be_understood() {
    for bytes in [None, Some(&b"garbage"[..])] {
        let scene = Scene::with(&Slot::ALL);
        if let Some(bytes) = bytes {
            scene.export.picket().unwrap();
            fs::write(scene.folder.path().join("picket/boot-record"), bytes).unwrap();
        }
        assert!(
            commit(&scene.export)
                .unwrap_err()
                .to_string()
                .contains("--slot a|b")
        );
        arm(&scene.export, Slot::B, OPERATION).unwrap();
        assert_eq!(scene.record().active, Slot::A);
        assert_eq!(scene.choice(), Choice::Trial(Slot::B));
    }
}

#[test]
fn rescue_is_booted_until_it_is_not_asked_for_any_more() {
    let scene = Scene::with(&Slot::ALL);
    ask_for_rescue(&scene.export).unwrap_err();
    activate(&scene.export, Slot::A).unwrap();
    ask_for_rescue(&scene.export).unwrap();
    for _ in 0..2 {
        assert_eq!(scene.choice(), Choice::Rescue(choice::Need::Asked));
    }
    no_rescue(&scene.export).unwrap();
    assert_eq!(scene.choice(), Choice::Slot(Slot::A));
    ask_for_rescue(&scene.export).unwrap();
    arm(&scene.export, Slot::B, OPERATION).unwrap();
    assert_eq!(scene.choice(), Choice::Trial(Slot::B));
}

#[test]
fn a_record_that_was_cut_while_it_was_written_boots_the_old_or_the_new_and_never_a_third() {
    let scene = Scene::with(&Slot::ALL);
    activate(&scene.export, Slot::A).unwrap();
    let file = scene.folder.path().join("picket/boot-record");
    for step in [
        &(|| arm(&scene.export, Slot::B, OPERATION).unwrap()) as &dyn Fn(),
        &|| drop(make_choice(&scene.export)),
        &|| assert_eq!(commit(&scene.export).unwrap().slot, Slot::B),
    ] {
        let before = (fs::read(&file).unwrap(), scene.record());
        step();
        let after = (fs::read(&file).unwrap(), scene.record());
        for cut in (0..=after.0.len()).step_by(61) {
            let torn = [&after.0[..cut], &before.0[cut..]].concat();
            fs::write(&file, torn).unwrap();
            let found = scene.record();
            assert!(found == before.1 || found == after.1, "cut at {cut}");
        }
        fs::write(&file, &after.0).unwrap();
    }
    assert_eq!(scene.record(), BootRecord::of(Slot::B));
}

/// A tmpfs that can be made full and read-only. Needs root, like whatever mounts.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self(folder);
        disk.command(&["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs"]);
        disk
    }

    fn command(&self, words: &[&str]) {
        let mut command = std::process::Command::new(words[0]);
        let status = command.args(&words[1..]).arg(self.0.path()).status();
        assert!(status.unwrap().success(), "{words:?}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.command(&["umount", "-l"]);
    }
}

fn can_mount() -> bool {
    // Under emulation mount(2) takes another machine's structures.
    rustix::process::geteuid().is_root() && std::env::var_os("PICKET_RUNNER").is_none()
}

#[test]
fn a_trial_is_booted_on_a_full_disk_and_not_on_one_that_is_read_only() {
    if !can_mount() {
        return;
    }
    let disk = Disk::mount();
    for slot in Slot::ALL {
        make_slot(disk.0.path(), slot);
    }
    let export = Export::open(disk.0.path()).unwrap();
    activate(&export, Slot::A).unwrap();
    arm(&export, Slot::B, OPERATION).unwrap();
    let fill = fs::write(disk.0.path().join("fill"), vec![1; 2 << 20]);
    assert!(fill.is_err(), "it is full");
    let made = make_choice(&export);
    assert!(made.unwritten.is_none(), "{made:?}");
    assert_eq!(made.choice, Choice::Trial(Slot::B));
    disk.command(&["mount", "-o", "remount,ro"]);
    for _ in 0..5 {
        let made = make_choice(&export);
        assert!(made.unwritten.is_some());
        assert_eq!(made.choice, Choice::Slot(Slot::A));
    }
    commit(&export).unwrap_err();
    disk.command(&["mount", "-o", "remount,rw"]);
    let committed = commit(&export).unwrap();
    assert_eq!(committed.slot, Slot::B, "a full disk takes a commit");
}

#[test]
fn the_first_record_on_a_full_disk_is_refused_and_leaves_nothing() {
    if !can_mount() {
        return;
    }
    let disk = Disk::mount();
    make_slot(disk.0.path(), Slot::A);
    make_slot(disk.0.path(), Slot::B);
    let export = Export::open(disk.0.path()).unwrap();
    export.picket().unwrap();
    let _ = fs::write(disk.0.path().join("fill"), vec![1; 2 << 20]);
    arm(&export, Slot::B, OPERATION).unwrap_err();
    assert_eq!(read(&export), Read::Absent);
    let left = fs::read_dir(disk.0.path().join("picket")).unwrap().count();
    assert_eq!(left, 0);
}
