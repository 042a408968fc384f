//! What the documents say about trust is what happens.
use std::{collections::BTreeSet, fs, path::Path};

use picket_proto::Privilege::{Configure, Operate, Reinstall};
use picketd::trust::{AllowedSigners, decode};

use crate::{hostile::reasons, scene::judge};

#[test]
fn the_example_of_commands_md_means_what_its_comments_say() {
    let text = read("docs/COMMANDS.md");
    let block = text.split("```allowed_signers\n").nth(1).unwrap();
    let (signers, problems) = AllowedSigners::parse(block.split("```").next().unwrap());
    assert_eq!(problems, []);
    let found: Vec<_> = signers
        .iter()
        .map(|signer| (signer.principals(), signer.privileges().collect()))
        .collect();
    assert_eq!(
        found,
        [
            ("panel", vec![Operate]),
            ("panel", vec![Operate]),
            (
                "*@example.org,!intern@example.org",
                vec![Operate, Configure]
            ),
            ("anna@example.org", vec![Operate, Configure, Reinstall]),
        ]
    );
    let shown = signers.iter().last().unwrap().to_string();
    assert!(!shown.contains("until"), "{shown}");
}

#[test]
fn commands_md_explains_every_reason_to_distrust_a_command() {
    let text = read("docs/COMMANDS.md");
    let section = text
        .split("### When a signature is refused")
        .nth(1)
        .unwrap();
    let section = section.split("\n#").next().unwrap();
    let explained: BTreeSet<String> = section
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    assert_eq!(explained, reasons());
}

#[test]
fn the_example_of_protocol_md_is_signed_by_the_key_that_it_names() {
    let text = read("docs/PROTOCOL.md");
    let key = text
        .split("public key of this signature is `")
        .nth(1)
        .unwrap();
    let key = key.split('`').next().unwrap();
    let hex = read("proto/tests/golden/command.hex");
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let message: Vec<u8> = digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect();
    let signed = decode(&message).unwrap();
    let verified = judge(&format!("*@example.org {key}"), &signed).unwrap();
    assert_eq!(verified.command.actor, "anna@example.org");
    assert_eq!(verified.privilege, Operate);
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap()
}
