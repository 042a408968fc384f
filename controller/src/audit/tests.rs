//! The log as a file: what was appended is read back, by whomever, and damage is told.
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
};

use jiff::Timestamp;
use picket_proto::{
    Action, BootId, Command, DeviceId, Nonce, OperationId, Privilege, Reason, Report, State, Target,
};
use serde_json::{Value, json};

use super::*;

const OPERATION: OperationId = OperationId([0xab; 16]);
const DEVICE: DeviceId = DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]);
const BOOT: BootId = BootId([7; 16]);

#[test]
fn every_entry_is_read_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/picket/audit.jsonl");
    let mut log = Log::open(&path).unwrap();
    let lines: Vec<_> = entries().into_iter().map(line).collect();
    for line in &lines {
        log.append(line).unwrap();
    }
    assert_eq!(log.path(), path);
    let (read, problems) = all(&path);
    assert_eq!((read, problems), (lines, vec![]));
}

#[test]
fn a_line_is_an_object_that_other_programs_can_read() {
    let values: Vec<Value> = entries()
        .into_iter()
        .map(|entry| serde_json::to_value(line(entry)).unwrap())
        .collect();
    assert_eq!(
        values[0],
        json!({
            "v": 1, "time": "2026-11-22T08:00:00.25Z", "operation": "abababababababababababababababab",
            "entry": "ordered", "action": {"action": "reboot", "force": false}, "targets": ["00000000a1b2c3d4"],
            "actor": "anna@example.net", "reason": "hangs", "by": "anna@laptop",
            "roll": {"max_in_flight": 8, "stagger_ms": 0, "timeout_ms": 600_000, "on_failure": "stop"},
        })
    );
    assert_eq!(values[1]["targets"][0]["nonce"], "03".repeat(16));
    assert_eq!(values[1]["namespace"], "picket-operate@1");
    let text = values[1]["signature"].as_str().unwrap();
    assert!(
        text.starts_with("-----BEGIN SSH SIGNATURE-----\n"),
        "{text}"
    );
    assert_eq!(values[2]["reason"], "inhibited");
    assert_eq!(values[2]["boot_id"], BOOT.to_string());
}

#[test]
fn a_torn_line_is_told_and_the_next_one_begins_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut log = Log::open(&path).unwrap();
    let lines: Vec<_> = entries().into_iter().take(2).map(line).collect();
    log.append(&lines[0]).unwrap();
    let whole = serde_json::to_string(&lines[1]).unwrap();
    raw(&path, &whole.as_bytes()[..whole.len() / 2]);
    let (read, problems) = all(&path);
    assert_eq!(read, lines[..1]);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].line == 2 && problems[0].why.starts_with("torn: "),
        "{problems:?}"
    );
    log.append(&lines[1]).unwrap();
    let (read, problems) = all(&path);
    assert_eq!(read, lines);
    assert!(problems.len() == 1 && problems[0].line == 2, "{problems:?}");
}

#[test]
fn a_line_that_only_lacks_its_end_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let line = line(entries().remove(0));
    raw(&path, serde_json::to_string(&line).unwrap().as_bytes());
    assert_eq!(all(&path), (vec![line.clone()], vec![]));
    Log::open(&path).unwrap().append(&line).unwrap();
    assert_eq!(all(&path), (vec![line.clone(), line], vec![]));
}

#[test]
fn what_is_no_line_of_ours_is_stepped_over_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let good = serde_json::to_string(&line(entries().remove(0))).unwrap();
    let newer = good.replace("\"v\":1", "\"v\":2");
    let long = format!("\"{}\"", "x".repeat(3 * 1024 * 1024));
    for (bad, words) in [
        ("", "EOF"),
        ("nonsense", "expected"),
        ("{\"v\":1}", "missing field"),
        ("\u{1b}[2J", "expected value"),
        (newer.as_str(), "version 2"),
        (long.as_str(), "more than 1048576 bytes"),
    ] {
        let path = folder.path().join("audit.jsonl");
        fs::write(&path, format!("{good}\n{bad}\n{good}\n")).unwrap();
        let (read, problems) = all(&path);
        assert_eq!(read.len(), 2, "{words}");
        assert!(problems.len() == 1 && problems[0].line == 2, "{problems:?}");
        assert!(problems[0].why.contains(words), "{problems:?}");
    }
    let unknown = good.replace("\"ordered\"", "\"dreamt\"");
    let path = folder.path().join("newer.jsonl");
    fs::write(&path, format!("{unknown}\n")).unwrap();
    let (read, problems) = all(&path);
    assert!(
        problems.is_empty() && read[0].entry == Entry::Unknown,
        "{read:?}"
    );
}

#[test]
fn writers_at_the_same_time_tear_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    thread::scope(|scope| {
        for writer in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let mut log = Log::open(path).unwrap();
                for _ in 0..10 {
                    let operation = OperationId([writer; 16]);
                    let signed = entries().remove(1);
                    log.append(&Line::new(now(), operation, signed)).unwrap();
                }
            });
        }
    });
    let (read, problems) = all(&path);
    assert_eq!((read.len(), problems), (80, vec![]));
    for writer in 0..8 {
        let operation = OperationId([writer; 16]);
        let of_it = read.iter().filter(|line| line.operation == operation);
        assert_eq!(of_it.count(), 10);
    }
}

#[test]
fn the_log_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/audit.jsonl");
    drop(Log::open(&path).unwrap());
    for (path, mode) in [(path.as_path(), 0o600), (path.parent().unwrap(), 0o700)] {
        let found = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
}

#[test]
fn a_log_that_cant_be_opened_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, words) in [
        (folder.path().to_owned(), "no regular file"),
        ("/dev/null".into(), "no regular file"),
        (file.join("audit.jsonl"), "can't be made"),
    ] {
        let error = format!("{:#}", Log::open(&path).unwrap_err());
        assert!(
            error.contains(words) && error.contains("--audit"),
            "{error}"
        );
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
    let missing = folder.path().join("missing");
    let error = format!("{:#}", history(&missing, OPERATION).unwrap_err());
    assert!(error.contains("missing"), "{error}");
}

#[test]
fn the_history_is_that_of_one_operation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut log = Log::open(&path).unwrap();
    for entry in entries() {
        log.append(&line(entry)).unwrap();
    }
    let other = OperationId([1; 16]);
    log.append(&Line::new(now(), other, entries().remove(0)))
        .unwrap();
    let (found, _) = history(&path, OPERATION).unwrap();
    let found = found.unwrap();
    assert_eq!(found.operation, OPERATION);
    assert_eq!(found.targets[&DEVICE].power_cycles, 1);
    let (none, _) = history(&path, OperationId([9; 16])).unwrap();
    assert_eq!(none, None);
}

#[test]
fn the_document_lists_every_entry_with_its_fields() {
    let document = include_str!("../../../docs/OPERATE.md");
    let common = ["v", "time", "operation", "entry"];
    for entry in entries() {
        let value = serde_json::to_value(line(entry)).unwrap();
        let start = format!("| `{}` |", value["entry"].as_str().unwrap());
        let row = document.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row begins with {start}"));
        for field in value.as_object().unwrap().keys() {
            let told = common.contains(&field.as_str()) || row.contains(&format!("`{field}`"));
            assert!(told, "{field} is missing in {row}");
        }
    }
}

fn line(entry: Entry) -> Line {
    Line::new(now(), OPERATION, entry)
}

fn now() -> Timestamp {
    "2026-11-22T08:00:00.250Z".parse().unwrap()
}

fn all(path: &Path) -> (Vec<Line>, Vec<Problem>) {
    let mut lines = Vec::new();
    let problems = read(path, |line| lines.push(line)).unwrap();
    (lines, problems)
}

fn raw(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.unwrap().write_all(bytes).unwrap();
}

/// One of each.
fn entries() -> Vec<Entry> {
    let action = Action::Reboot { force: false };
    let command = Command {
        operation: OPERATION,
        targets: vec![Target {
            device: DEVICE,
            boot: BOOT,
            nonce: Nonce([3; 16]),
            not_after_ms: 60_000,
        }],
        actor: "anna@example.net".to_owned(),
        on_behalf_of: String::new(),
        reason: "hangs".to_owned(),
        action: action.clone(),
    };
    let report = Report {
        state: Some(State::Refused),
        reason: Some(Reason::Inhibited),
        detail: Some("\u{1b}[2J".to_owned()),
        boot: Some(BOOT),
        boottime_ms: Some(1_000),
        transition: Some(2),
        warnings: Some(vec!["no kernel".to_owned()]),
        ..Report::default()
    };
    vec![
        Entry::from(Ordered {
            action,
            targets: vec![DEVICE],
            actor: command.actor.clone(),
            on_behalf_of: String::new(),
            reason: command.reason.clone(),
            by: "anna@laptop".to_owned(),
            roll: Roll {
                max_in_flight: 8,
                stagger_ms: 0,
                timeout_ms: 600_000,
                on_failure: OnFailure::Stop,
            },
        }),
        Signed::new(
            &command,
            Privilege::Operate,
            vec![0x5a; 180],
            "SHA256:x".to_owned(),
        )
        .into(),
        Transition::of(DEVICE, &report).unwrap().into(),
        Settled {
            device: DEVICE,
            outcome: Outcome::Refused,
            detail: None,
        }
        .into(),
        PowerCycling {
            device: DEVICE,
            argv: vec!["poe".to_owned(), "7".to_owned()],
        }
        .into(),
        PowerCycled {
            device: DEVICE,
            argv: vec!["poe".to_owned(), "7".to_owned()],
            result: "exit status: 0".to_owned(),
            output: "ok\n".to_owned(),
        }
        .into(),
        Halted {
            why: "interrupted".to_owned(),
        }
        .into(),
        Resumed {
            by: "bert@desk".to_owned(),
            actor: "bert".to_owned(),
        }
        .into(),
        Ended { exit: 10 }.into(),
    ]
}
