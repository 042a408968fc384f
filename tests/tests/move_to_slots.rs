//! What docs/SLOTS.md tells an operator to type on the fileserver, typed: a root at the top of its export becomes slot a, and goes back.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use picket_tests::binaries;

const DOCUMENT: &str = include_str!("../../docs/SLOTS.md");
/// What stands there for the export.
const PLACE: &str = "cd /srv/pi/ID\n";

/// The blocks that go to the export, in their order.
fn blocks() -> Vec<&'static str> {
    let blocks = DOCUMENT.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("```").unwrap().0);
    blocks.filter(|block| block.starts_with(PLACE)).collect()
}

fn typed(block: &str, export: &Path) -> String {
    let programs = binaries::picketd().parent().unwrap().to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let script = block.replace(PLACE, &format!("set -e\ncd {}\n", export.display()));
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_root_becomes_a_slot_and_a_slot_becomes_the_root_by_the_commands_of_the_document() {
    let [to_slots, back] = blocks()[..] else {
        panic!("docs/SLOTS.md has other blocks than those there and back");
    };
    let export = tempfile::tempdir().unwrap();
    let export = export.path();
    for folder in ["etc", "sbin", "home/anna"] {
        fs::create_dir_all(export.join(folder)).unwrap();
    }
    fs::write(export.join("sbin/init"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(export.join("sbin/init"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(export.join(".hidden"), "too").unwrap();
    let before = names(export);
    typed(to_slots, export);
    assert_eq!(names(export), ["picket", "slots"]);
    assert_eq!(names(&export.join("slots")), ["a"]);
    assert_eq!(names(&export.join("slots/a")), before);
    let said = typed(back, export);
    assert!(said.contains("active") && said.contains('a'), "{said}");
    let gone = ["picket.gone", "slots.gone"];
    let left: Vec<_> = names(export)
        .into_iter()
        .filter(|name| !gone.contains(&name.as_str()))
        .collect();
    assert_eq!(left, before);
    assert_eq!(names(&export.join("slots.gone/a")), [""; 0]);
}
