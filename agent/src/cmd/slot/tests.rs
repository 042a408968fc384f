//! Tests of the commands' words and of what they leave, on trees.
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use clap::Parser;
use serde_json::Value;

use super::*;
use crate::slots::Slot;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn slot(export: &Path, words: &[&str]) -> Result<String, Failure> {
    let export = export.to_str().unwrap();
    let line = [&["slot"], words, &["--export", export]].concat();
    let line = Line::try_parse_from(line).map_err(Failure::usage)?;
    let mut out = Vec::new();
    run(&line.args, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn make_slot(export: &Path, slot: Slot) {
    let init = export.join(format!("slots/{slot}/sbin/init"));
    fs::create_dir_all(init.parent().unwrap()).unwrap();
    fs::write(&init, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn choose_prints_what_the_initramfs_boots_and_writes_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let choose = || slot(path, &["choose"]).unwrap();
    assert_eq!(choose(), "rescue\n");
    make_slot(path, Slot::A);
    assert_eq!(choose(), "a\n");
    make_slot(path, Slot::B);
    assert_eq!(choose(), "rescue\n");
    let committed = slot(path, &["commit", "--slot", "a"]).unwrap();
    assert_eq!(committed, "slot a is the active one\n");
    assert_eq!(choose(), "a\n");
    let armed = slot(path, &["arm", "b"]).unwrap();
    assert!(armed.starts_with("slot b is booted 3 times"), "{armed}");
    assert_eq!(choose(), "b trial\n");
    let shown = slot(path, &["show"]).unwrap();
    assert!(shown.contains("on trial: b, 2 more attempts"), "{shown}");
    let object: Value = serde_json::from_str(&slot(path, &["choose", "--json"]).unwrap()).unwrap();
    let expected = serde_json::json!({"choice": "trial", "slot": "b", "warnings": []});
    assert_eq!(object, expected);
    slot(path, &["rescue"]).unwrap();
    assert_eq!(choose(), "rescue\n");
    slot(path, &["rescue", "--off"]).unwrap();
    assert_eq!(
        slot(path, &["commit"]).unwrap(),
        "slot b is the active one\n"
    );
    assert_eq!(choose(), "b\n");
}

#[test]
fn show_says_what_is_there_and_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    make_slot(folder.path(), Slot::A);
    fs::create_dir_all(folder.path().join("slots/b.new")).unwrap();
    fs::create_dir_all(folder.path().join("slots/b.old")).unwrap();
    let json = || -> Value {
        let text = slot(folder.path(), &["show", "--json"]).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let mut expected = serde_json::json!({"record": "absent", "slots": {
        "a": {"bootable": true, "stages": ["whole"]}, "b": {"bootable": false, "stages": ["new", "old"]}}});
    assert_eq!(json(), expected);
    fs::create_dir(folder.path().join("picket")).unwrap();
    fs::write(folder.path().join("picket/boot-record"), "garbage").unwrap();
    expected["record"] = "bad".into();
    expected["why"] = "has 7 bytes in place of 8192".into();
    assert_eq!(json(), expected);
    let shown = slot(folder.path(), &["show"]).unwrap();
    assert_eq!(
        shown,
        "slot a: can be booted\nslot b: is not there, one is being filled, one is on its way out\n\
         the boot record has 7 bytes in place of 8192\n"
    );
}

#[test]
fn what_cannot_be_done_says_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    for (path, words, code, way_out) in [
        (missing.as_path(), &["show"][..], 1, "--export DIR"),
        (
            folder.path(),
            &["commit"],
            1,
            "picketd slot commit --slot a|b",
        ),
        (
            folder.path(),
            &["commit", "--slot", "a"],
            1,
            "slot a holds no system",
        ),
        (folder.path(), &["commit", "--slot", "c"], 2, "a or b"),
        (
            folder.path(),
            &["rescue"],
            1,
            "picketd slot commit --slot a|b",
        ),
    ] {
        let failure = slot(path, words).unwrap_err();
        assert_eq!(failure.exit_code(), code, "{failure}");
        assert!(failure.to_string().contains(way_out), "{failure}");
    }
}
