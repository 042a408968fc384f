//! What proves a reboot, and who ordered it: the boot id of the tree, the audit log, and ssh-keygen's word on its signatures.
use std::{fs, path::Path, process::Command};

use picket_tests::{
    fleet::{Make, Shelf},
    operator::Operator,
};
use serde_json::{Value, json};

/// With a key that ssh-keygen made, and what ssh-keygen says of the signature that was kept.
#[test]
fn a_reboot_is_proven_by_the_new_boot_id_and_its_order_by_the_audit_log() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let key = folder.path().join("id_ed25519");
    let public = generate(&key);
    let shelf = Shelf::start(1, &Make::obeying(format!("anna@example.org {public}\n")));
    let operator =
        Operator::with_key_file("anna@example.org", &key, &shelf.broker.url(), folder.path())
            .with_fleet(&shelf.inventory());
    let (device, init) = shelf.first();
    let outcome = operator.run(&["reboot", "pi-01", "--reason", "kernel update", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let boots = init.boots().ids();
    assert_eq!(boots.len(), 2, "{boots:?}");
    let end = outcome.end_of(&device.to_string());
    assert_eq!(
        (&end["state"], &end["boot_id"], &end["v"]),
        (&json!("succeeded"), &json!(boots[1]), &json!(1))
    );
    let states = outcome.states_of(&device.to_string());
    let said = |state| states.contains(&state);
    assert!(said("accepted") && said("rebooting"), "{states:?}");
    assert!(
        states.is_sorted_by_key(|state| *state == "succeeded"),
        "{states:?}"
    );
    let log = operator.audit_log();
    let ordered = entry(&log, "ordered");
    assert_eq!(
        (&ordered["actor"], &ordered["reason"]),
        (&json!("anna@example.org"), &json!("kernel update"))
    );
    let operation = end["operation"]
        .as_str()
        .expect("a line names its operation");
    exported_signatures_are_good(
        &operator,
        operation,
        &format!("anna@example.org {public}\n"),
        folder.path(),
    );
}

fn entry<'a>(log: &'a [Value], kind: &str) -> &'a Value {
    let mut entries = log.iter();
    entries
        .find(|line| line["entry"] == kind)
        .unwrap_or_else(|| panic!("no entry {kind}: {log:#?}"))
}

/// The public key.
fn generate(key: &Path) -> String {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args([
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        "anna@example.org",
        "-f",
    ]);
    let status = keygen.arg(key).status().expect("ssh-keygen is there");
    assert!(status.success());
    let public = fs::read_to_string(key.with_extension("pub")).expect("it made a key");
    public.trim().to_owned()
}

/// The command that `picket ops --export` prints verifies what was signed, with nothing but the exported files and the signers;
/// and nothing else.
fn exported_signatures_are_good(
    operator: &Operator,
    operation: &str,
    signers: &str,
    folder: &Path,
) {
    let export = folder.join("export");
    let outcome = operator.run(&["ops", operation, "--export", &export.to_string_lossy()]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let file = folder.join("allowed_signers");
    fs::write(&file, signers).expect("the folder is writable");
    let verifies = |command: &str| {
        let verified = Command::new("sh")
            .args(["-c", command])
            .current_dir(&export)
            .env("signers", &file)
            .output();
        verified.expect("a shell is there").status.success()
    };
    let commands: Vec<&str> = outcome
        .lines
        .iter()
        .filter_map(|line| line.as_str()?.trim().strip_prefix("ssh-keygen -Y verify "))
        .collect();
    assert!(!commands.is_empty(), "{outcome:#?}");
    for command in &commands {
        let command = format!("ssh-keygen -Y verify {command}");
        assert!(verifies(&command), "{command}");
        let (_, payload) = command.rsplit_once("< ").expect("it reads the payload");
        let payload = export.join(payload);
        let mut bytes = fs::read(&payload).expect("the payload was exported");
        bytes.push(0);
        fs::write(&payload, bytes).expect("the folder is writable");
        assert!(!verifies(&command), "changed, and still good: {command}");
    }
}
