//! The bytes of every kind of message, every action and every form of column, as they were when they were released. Old bytes must
//! stay readable for ever; `UPDATE_GOLDEN=1 cargo test -p picket-proto` rewrites them, and the diff is reviewed.

use std::{env, fs, path::PathBuf};

use picket_proto::{Command, Message, SignedCommand, column, frame};

use crate::{columns, samples};

#[test]
fn messages_have_their_golden_bytes() {
    for (name, message) in samples::messages() {
        let golden = golden(name, &samples::encode(&message));
        assert_eq!(
            Message::decode(&golden).as_ref(),
            Ok(&message),
            "{name} is no longer read"
        );
        assert_eq!(
            samples::encode(&message),
            golden,
            "{name} is written otherwise"
        );
    }
}

#[test]
fn columns_have_their_golden_bytes() {
    for (name, readings) in columns::columns() {
        let golden = golden(name, &column::encode(&readings));
        let read = column::decode(&golden, readings.len() as u16);
        assert_eq!(read.as_ref(), Ok(&readings), "{name} is no longer read");
        assert_eq!(
            column::encode(&readings),
            golden,
            "{name} is written otherwise"
        );
    }
}

#[test]
fn payloads_have_their_golden_bytes() {
    for (name, command) in samples::payloads() {
        let golden = golden(name, &command.payload());
        let read = Command::parse(&golden);
        assert_eq!(read.as_ref(), Ok(&command), "{name} is no longer read");
        assert_eq!(command.payload(), golden, "{name} is written otherwise");
    }
}

#[test]
fn fuzzing_starts_from_the_golden_frames_and_payloads() {
    let seeds = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/decode");
    let messages = samples::messages().into_iter();
    let frames = messages.map(|(name, message)| (name, samples::encode(&message)));
    let payloads = samples::payloads().into_iter();
    let signed = payloads.map(|(name, command)| (name, in_frame(&command)));
    for (name, frame) in frames.chain(signed) {
        let path = seeds.join(name);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &frame).unwrap();
        }
        assert_eq!(fs::read(&path).ok(), Some(frame), "{}", path.display());
    }
}

#[test]
fn every_golden_file_has_its_sample() {
    let known: Vec<String> = samples::messages()
        .into_iter()
        .map(|(name, _)| name)
        .chain(samples::payloads().into_iter().map(|(name, _)| name))
        .chain(columns::columns().into_iter().map(|(name, _)| name))
        .map(|name| format!("{name}.hex"))
        .collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "{name} is nobody's golden file");
    }
}

/// A payload as it goes over the wire, with a signature that is none.
fn in_frame(command: &Command) -> Vec<u8> {
    frame::encode(&SignedCommand {
        payload: command.payload(),
        signature: b"SSHSIG".to_vec(),
    })
}

/// The bytes of a golden file, which is written first when `UPDATE_GOLDEN` is set.
fn golden(name: &str, now: &[u8]) -> Vec<u8> {
    let path = folder().join(format!("{name}.hex"));
    if env::var_os("UPDATE_GOLDEN").is_some() {
        let lines: Vec<String> = now.chunks(16).map(hex).collect();
        fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    text.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}
