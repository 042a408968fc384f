//! `picket decode` on the golden messages of the protocol: each is told by its kind.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// What the names of golden columns and payloads begin with, which are parts of a message and no messages.
const PARTS: [&str; 2] = ["column_", "payload_"];

#[test]
fn every_golden_message_is_json_with_its_kind() {
    let messages = golden(|name| !PARTS.iter().any(|part| name.starts_with(part)));
    assert!(messages.len() >= 10, "{messages:?}");
    for (name, path) in messages {
        let out = decode(&path);
        let words = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(0), "{name}: {words}");
        let json: Value = serde_json::from_slice(&out.stdout).unwrap();
        let kind = name.split('_').next();
        assert_eq!(json["kind"].as_str(), kind, "{name}: {json}");
        assert!(json.as_object().unwrap().len() > 1, "{name}: {json}");
    }
}

#[test]
fn a_part_of_a_message_is_refused_by_its_name() {
    let (name, path) = golden(|name| name == "column_zero").remove(0);
    let out = decode(&path);
    assert_ne!(out.status.code(), Some(0));
    assert!(out.stdout.is_empty());
    let words = String::from_utf8_lossy(&out.stderr);
    assert!(
        words.contains(&name) && words.contains("is no frame"),
        "{words}"
    );
}

fn decode(path: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_picket"))
        .args(["decode", "--hex"])
        .arg(path)
        .output()
        .unwrap()
}

/// Golden files, each with its name.
fn golden(wanted: fn(&str) -> bool) -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/tests/golden");
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| wanted(name))
        .collect()
}
