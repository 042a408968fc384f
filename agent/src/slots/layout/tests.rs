//! Tests of the export's layout, on trees.
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::*;
use crate::slots::beneath::at_once;

fn export() -> (tempfile::TempDir, Export) {
    let folder = tempfile::tempdir().unwrap();
    let export = Export::open(folder.path()).unwrap();
    (folder, export)
}

#[test]
fn a_slot_is_filled_under_another_name_and_retired_before_it_is_removed() {
    let (folder, export) = export();
    let new = export.make_new(Slot::B).unwrap();
    new.put_file("version", 0o644, b"1").unwrap();
    let exists = export.make_new(Slot::B).unwrap_err().kind();
    assert_eq!(exists, io::ErrorKind::AlreadyExists);
    export.complete(Slot::B).unwrap();
    let version = fs::read(folder.path().join("slots/b/version")).unwrap();
    assert_eq!(version, b"1");
    assert!(export.tree(Slot::B, Stage::New).unwrap().is_none());
    export.make_new(Slot::B).unwrap();
    let taken = export.complete(Slot::B).unwrap_err().kind();
    assert_eq!(taken, io::ErrorKind::AlreadyExists);
    let whole = export.remove(Slot::B, Stage::Whole, &mut at_once);
    assert_eq!(whole.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    export.retire(Slot::B).unwrap();
    export.complete(Slot::B).unwrap();
    let again = export.retire(Slot::B).unwrap_err().kind();
    assert_eq!(again, io::ErrorKind::AlreadyExists);
    assert_eq!(
        export.remove(Slot::B, Stage::Old, &mut at_once).unwrap(),
        Some(2)
    );
    export.retire(Slot::B).unwrap();
    export.retire(Slot::A).unwrap();
    let mut names: Vec<_> = export.root().dir("slots").unwrap().entries(9).unwrap();
    let name = names.pop().unwrap().name;
    assert_eq!((name.to_str(), names.len()), (Some("b.old"), 0));
}

#[test]
fn a_slot_can_be_booted_if_it_has_an_init_that_can_be_started() {
    for (name, make, bootable) in [
        ("nothing", &(|_: &Path| ()) as &dyn Fn(&Path), false),
        ("a file", &|root| program(&root.join("sbin/init")), true),
        ("merged", &merged, true),
        (
            "a way out",
            &|root| link(root, "/../../../sbin/init"),
            false,
        ),
        (
            "empty",
            &|root| fs::write(root.join("sbin/init"), "").unwrap(),
            false,
        ),
        (
            "no program",
            &|root| fs::write(root.join("sbin/init"), "#!").unwrap(),
            false,
        ),
        (
            "a directory",
            &|root| fs::create_dir(root.join("sbin/init")).unwrap(),
            false,
        ),
        ("another", &|root| program(&root.join("etc/init")), true),
        ("a loop", &|root| link(root, "init"), false),
    ] {
        let (folder, export) = export();
        let root = folder.path().join("slots/a");
        fs::create_dir_all(root.join("sbin")).unwrap();
        fs::create_dir_all(root.join("etc")).unwrap();
        make(&root);
        let expected = Bootable {
            a: bootable,
            b: false,
        };
        assert_eq!(export.bootable(), expected, "{name}");
        assert_eq!(export.bootable().has(Slot::A), bootable);
        fs::create_dir_all(folder.path().join("elsewhere")).unwrap();
        fs::rename(&root, folder.path().join("elsewhere/a")).unwrap();
        symlink("../elsewhere/a", &root).unwrap();
        assert!(!export.bootable().a, "a symlink is no slot");
    }
}

fn program(path: &Path) {
    fs::write(path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn link(root: &Path, to: &str) {
    symlink(to, root.join("sbin/init")).unwrap();
}

fn merged(root: &Path) {
    fs::remove_dir(root.join("sbin")).unwrap();
    fs::create_dir_all(root.join("usr/lib/systemd")).unwrap();
    fs::create_dir_all(root.join("usr/sbin")).unwrap();
    symlink("usr/sbin", root.join("sbin")).unwrap();
    symlink("usr/lib", root.join("lib")).unwrap();
    program(&root.join("usr/lib/systemd/systemd"));
    symlink("/lib/systemd/systemd", root.join("usr/sbin/init")).unwrap();
}
