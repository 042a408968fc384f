//! The real `picket keys` and `picket ops` against OpenSSH's own tools, on the audit log of an order that a test made up.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use jiff::Timestamp;
use picket::{
    audit::{
        Ended, Entry, Line, Log, OnFailure, Ordered, Outcome, Roll, Settled, Signed, Transition,
    },
    signer::{KeySource, Signer, Surroundings},
};
use picket_proto::{
    Action, BootId, Command as Order, DeviceId, Nonce, OperationId, Privilege, Reason, State,
    Target,
};
use serde_json::Value;
use tempfile::TempDir;

const OPERATION: OperationId = OperationId([0xab; 16]);
const DEVICES: [DeviceId; 2] = [DeviceId([1; 8]), DeviceId([2; 8])];

#[test]
fn keys_prints_an_allowed_signers_file_that_ssh_keygen_takes() {
    let bed = Bed::new();
    for (name, passphrase) in [("open", ""), ("locked", "open sesame")] {
        let key = bed.key(name, passphrase);
        let told = bed.picket(&["keys", "--key", text(&key)]);
        assert_eq!(told.status.code(), Some(0), "{told:?}");
        let signers = bed.path("told");
        fs::write(&signers, &told.stdout).unwrap();
        let actor = format!("{name}@test");
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains(&format!("# public half: {public}")), "{told}");
        let found = Command::new("ssh-keygen")
            .args(["-Y", "match-principals", "-I", &actor, "-f", text(&signers)])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(found.stdout).unwrap(),
            format!("{actor}\n")
        );
        for (actor, code, words) in [
            (actor.as_str(), 0, "picket-reinstall@1   yes, by line 4"),
            ("mallory", 10, "not for actor \"mallory\""),
        ] {
            let signers = text(&signers);
            let key = text(&key);
            let arguments = [
                "keys",
                "check",
                "--signers",
                signers,
                "--key",
                key,
                "--actor",
                actor,
            ];
            let checked = bed.picket(&arguments);
            assert_eq!(checked.status.code(), Some(code), "{checked:?}");
            let checked = String::from_utf8(checked.stdout).unwrap();
            assert!(checked.contains(words), "{checked}");
        }
    }
}

#[test]
fn a_key_that_is_not_there_is_wrong_usage_and_names_its_place() {
    let bed = Bed::new();
    let told = bed
        .command(&["keys"])
        .env("HOME", bed.folder.path())
        .output();
    let told = told.unwrap();
    assert_eq!(told.status.code(), Some(2));
    let words = String::from_utf8(told.stderr).unwrap();
    assert!(
        words.contains(text(&bed.path(".ssh/id_ed25519"))),
        "{words}"
    );
    let missing = bed.path("missing");
    let key = bed.key("key", "");
    let told = bed.picket(&[
        "keys",
        "check",
        "--signers",
        text(&missing),
        "--key",
        text(&key),
    ]);
    assert_eq!(told.status.code(), Some(2));
    let words = String::from_utf8(told.stderr).unwrap();
    assert!(words.contains(text(&missing)), "{words}");
}

#[tokio::test]
async fn ops_tells_who_ordered_what_and_how_it_went() {
    let bed = Bed::new();
    let empty = bed.picket(&["ops"]);
    assert_eq!(empty.status.code(), Some(0));
    assert!(
        String::from_utf8(empty.stderr)
            .unwrap()
            .contains("nothing was ordered")
    );
    bed.order().await;
    let list = String::from_utf8(bed.picket(&["ops"]).stdout).unwrap();
    let row = list.lines().nth(1).unwrap();
    for words in [
        &OPERATION.to_string(),
        "reboot",
        "1 refused, 1 succeeded",
        "o'neill@test",
        "hangs",
    ] {
        assert!(row.contains(words), "{list}");
    }
    let one = String::from_utf8(bed.picket(&["ops", &OPERATION.to_string()]).stdout).unwrap();
    for words in ["inhibited", "\\u{1b}[2J", "anna@laptop", "exit code", "15"] {
        assert!(one.contains(words), "{one}");
    }
    assert!(!one.contains('\u{1b}'), "{one}");
    let of_one = bed.json(&["ops", &OPERATION.to_string(), "--json"]);
    assert_eq!(of_one.len(), 2);
    assert_eq!(of_one[1]["state"], "refused");
    assert_eq!(of_one[1]["detail"], "\u{1b}[2J");
    assert_eq!(of_one[0]["outcome"], "succeeded");
    let all = bed.json(&["ops", "--json"]);
    assert_eq!((all.len(), &all[0]["exit"]), (1, &Value::from(15)));
    assert_eq!(all[0]["states"]["refused"], 1);
    let unknown = bed.picket(&["ops", &OperationId([1; 16]).to_string()]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
}

#[test]
fn a_torn_line_is_told_and_the_rest_is_shown() {
    let bed = Bed::new();
    let mut log = Log::open(&bed.path("audit")).unwrap();
    let ended = Line::new(Timestamp::now(), OPERATION, Ended { exit: 0 });
    log.append(&ended).unwrap();
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(bed.path("audit"))
        .unwrap();
    file.write_all(b"{\"v\":1,").unwrap();
    let told = bed.picket(&["ops"]);
    assert_eq!(told.status.code(), Some(0));
    assert!(
        String::from_utf8(told.stdout)
            .unwrap()
            .contains(&OPERATION.to_string())
    );
    assert!(
        String::from_utf8(told.stderr)
            .unwrap()
            .contains("line 2 of the audit log is skipped: torn")
    );
}

#[tokio::test]
async fn ssh_keygen_verifies_what_ops_exports() {
    let bed = Bed::new();
    let line = bed.order().await;
    let evidence = bed.path("evidence");
    let operation = OPERATION.to_string();
    let arguments = ["ops", &operation, "--export", text(&evidence)];
    let exported = bed.picket(&arguments);
    assert_eq!(exported.status.code(), Some(0), "{exported:?}");
    let commands = String::from_utf8(exported.stdout).unwrap();
    assert_eq!(commands.lines().count(), 2, "{commands}");
    let signers = bed.path("allowed_signers");
    for (options, verifies) in [
        ("namespaces=\"picket-operate@1\"", true),
        // Valid when it was signed, and for long no more.
        ("namespaces=\"picket-*\",valid-before=\"20260102Z\"", true),
        ("namespaces=\"picket-configure@1\"", false),
        ("valid-after=\"20260102Z\"", false),
    ] {
        fs::write(&signers, format!("o'neill@test {options} {line}\n")).unwrap();
        let verified = bed.verify(&evidence, &signers);
        assert_eq!(
            verified.status.success(),
            verifies,
            "{options}: {verified:?}"
        );
        let good = String::from_utf8(verified.stdout)
            .unwrap()
            .matches("Good")
            .count();
        assert_eq!(good, if verifies { 2 } else { 0 });
    }
    let again = bed.picket(&arguments);
    assert_eq!(again.status.code(), Some(11), "{again:?}");
    fs::write(&signers, format!("o'neill@test {line}\n")).unwrap();
    let payload = evidence.join(format!("{operation}-002.payload"));
    let mut bytes = fs::read(&payload).unwrap();
    bytes[20] ^= 1;
    fs::write(&payload, bytes).unwrap();
    assert!(!bed.verify(&evidence, &signers).status.success());
}

struct Bed {
    folder: TempDir,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn key(&self, name: &str, passphrase: &str) -> PathBuf {
        let path = self.path(name);
        let made = Command::new("ssh-keygen")
            .args([
                "-q",
                "-t",
                "ed25519",
                "-C",
                &format!("{name}@test"),
                "-N",
                passphrase,
            ])
            .args(["-f", text(&path)])
            .status();
        assert!(made.expect("ssh-keygen runs").success());
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
        command
            .args(arguments)
            .args(["--audit", text(&self.path("audit"))]);
        for name in [
            "PICKET_KEY",
            "PICKET_ACTOR",
            "PICKET_FLEET",
            "PICKET_KEY_PASSPHRASE_FILE",
        ] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }

    fn picket(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let told = String::from_utf8(self.picket(arguments).stdout).unwrap();
        told.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn verify(&self, evidence: &Path, signers: &Path) -> Output {
        Command::new("sh")
            .args([evidence.join("verify.sh").as_path(), signers])
            .output()
            .unwrap()
    }

    /// An order of two Pis, signed for each on the first day of 2026; one was rebooted, one refused. The public line of its key.
    async fn order(&self) -> String {
        let source = KeySource::File(self.key("o'neill", ""));
        let signer = Signer::open(&source, &Surroundings::default())
            .await
            .unwrap();
        let mut log = Log::open(&self.path("audit")).unwrap();
        let time: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let mut write = |entry: Entry| log.append(&Line::new(time, OPERATION, entry)).unwrap();
        write(ordered().into());
        for device in DEVICES {
            let order = order(device);
            let payload = order.payload();
            let blob = signer.sign(Privilege::Operate, &payload).await.unwrap();
            write(Signed::new(&order, Privilege::Operate, blob, signer.fingerprint()).into());
        }
        for (device, state, outcome) in [
            (DEVICES[0], State::Succeeded, Outcome::Succeeded),
            (DEVICES[1], State::Refused, Outcome::Refused),
        ] {
            write(transition(device, state).into());
            let detail = None;
            write(
                Settled {
                    device,
                    outcome,
                    detail,
                }
                .into(),
            );
        }
        write(Ended { exit: 15 }.into());
        signer.public().to_openssh().unwrap()
    }
}

fn ordered() -> Ordered {
    let Order {
        action,
        actor,
        on_behalf_of,
        reason,
        ..
    } = order(DEVICES[0]);
    Ordered {
        action,
        targets: DEVICES.to_vec(),
        actor,
        on_behalf_of,
        reason,
        by: "anna@laptop".to_owned(),
        roll: Roll {
            max_in_flight: 8,
            stagger_ms: 0,
            timeout_ms: 600_000,
            on_failure: OnFailure::KeepGoing,
        },
    }
}

fn order(device: DeviceId) -> Order {
    Order {
        operation: OPERATION,
        targets: vec![Target {
            device,
            boot: BootId([7; 16]),
            nonce: Nonce(
                device
                    .0
                    .map(|byte| [byte; 2])
                    .as_flattened()
                    .try_into()
                    .unwrap(),
            ),
            not_after_ms: 60_000,
        }],
        actor: "o'neill@test".to_owned(),
        on_behalf_of: String::new(),
        reason: "hangs".to_owned(),
        action: Action::Reboot { force: false },
    }
}

fn transition(device: DeviceId, state: State) -> Transition {
    let refused = state == State::Refused;
    Transition {
        device,
        state,
        reason: refused.then_some(Reason::Inhibited),
        detail: refused.then(|| "\u{1b}[2J".to_owned()),
        boot_id: Some(BootId([8; 16])),
        boottime_ms: Some(1),
        transition: Some(1),
        warnings: Vec::new(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
