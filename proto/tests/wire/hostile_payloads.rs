//! Payloads of commands that nobody meant to sign: each is refused with the name of what is wrong.

use picket_proto::{
    Action, Command, DecodeError, DeviceId,
    command::{MAX_NAME, MAX_REASON, MAX_TARGETS},
};
use proptest::prelude::*;

use crate::samples;

/// Length of a payload's format and operation id, and of a target without its `not_after_ms`.
const HEAD: usize = 17;
const TARGET: usize = 40;

#[test]
fn every_cut_payload_is_refused_and_names_its_operation_once_that_is_there() {
    for (name, command) in samples::payloads() {
        let whole = command.payload();
        for length in 0..whole.len() {
            let cut = &whole[..length];
            assert!(Command::parse(cut).is_err(), "{name} cut to {length} bytes");
            let operation = (length >= HEAD).then_some(command.operation);
            assert_eq!(
                Command::operation_of(cut),
                operation,
                "{name} cut to {length} bytes"
            );
        }
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    for (name, command) in samples::payloads() {
        let mut long = command.payload();
        long.push(0);
        assert_eq!(
            Command::parse(&long),
            Err(DecodeError::Trailing(1)),
            "{name}"
        );
    }
}

#[test]
fn bytes_after_the_end_of_an_action_are_refused_unless_the_action_is_unknown() {
    for (name, command) in samples::payloads() {
        let short = command.payload();
        let body = short.len() - at_body(&command);
        let mut long = short;
        let length = long.len() - body - 1;
        long[length] += 1;
        long.push(0);
        match (Command::parse(&long), &command.action) {
            (Ok(_), Action::Unknown { .. }) | (Err(DecodeError::Trailing(1)), _) => {}
            (parsed, _) => panic!("{name}: {parsed:?}"),
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    let head = [&[1][..], &[0x33; 16]].concat();
    let target = [&[0x44; TARGET][..], &[0]].concat();
    let many = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let after_head = |rest: &[u8]| [&head[..], rest].concat();
    let after_targets = |rest: &[u8]| [&head[..], &[1], &target, rest].concat();
    let action = |rest: &[u8]| after_targets(&[&[0, 0, 0][..], rest].concat());
    for (payload, expect) in [
        (vec![], "format of the command"),
        (vec![0], "format 0"),
        (vec![2], "format 2"),
        (vec![1, 0, 0], "operation id of the command"),
        (after_head(&[]), "targets of the command"),
        (after_head(&[0, 0, 0, 0, 1, 1, 0]), "empty list of targets"),
        (after_head(&many), "targets of the command is larger"),
        (after_head(&[5, 1, 2]), "ends inside its targets"),
        (
            after_head(&[&[1][..], &[0; TARGET]].concat()),
            "ends inside its target",
        ),
        (after_targets(&[]), "actor of the command"),
        (after_targets(&many), "actor of the command"),
        (
            after_targets(&[1, 0xff]),
            "actor of the command is not valid",
        ),
        (after_targets(&[0, 9]), "on_behalf_of of the command"),
        (after_targets(&[0, 0, 9]), "reason of the command"),
        (action(&[]), "action of the command"),
        (
            action(&[0xff, 0xff, 0x04, 0]),
            "action of the command is not valid",
        ),
        (action(&[1, 5, 0]), "action of the command"),
        (action(&[1, 0]), "body of the action"),
        (action(&[1, 1, 2]), "body of the action is not valid"),
        (action(&[3, 1, 0]), "body of the action"),
        (action(&[4, 1, 0]), "body of the action"),
        (action(&[5, 1, 1]), "body of the action"),
        (
            action(&[6, 3, 0xff, 0xff, 0x04]),
            "body of the action is not valid",
        ),
        (action(&[7, 1, 1]), "body of the action"),
    ] {
        let problem = Command::parse(&payload).unwrap_err().to_string();
        assert!(
            problem.contains(expect),
            "{payload:02x?}: {expect:?} is not in {problem:?}"
        );
    }
    assert!(
        Command::parse(&action(&[1, 1, 1])).is_ok(),
        "the rest of the table is sound"
    );
}

#[test]
fn what_is_wrong_with_a_reinstall_is_named() {
    let (head, target) = ([0x33; 16], [[0x44; TARGET].as_slice(), &[0]].concat());
    let action = |rest: &[u8]| [&[1], &head[..], &[1], &target, &[0, 0, 0], rest].concat();
    // What comes after an image without a name and its digest.
    let reinstall = |rest: &[u8]| {
        let mut length = Vec::new();
        let bytes = 33 + rest.len();
        match bytes < 128 {
            true => length.push(bytes as u8),
            false => length.extend([bytes as u8 | 0x80, (bytes >> 7) as u8]),
        }
        action(&[&[2][..], &length, &[0; 33], rest].concat())
    };
    for (payload, expect) in [
        (action(&[2, 1, 5]), "body of the action"),
        (
            action(&[&[2, 66, 65][..], &[b'a'; 65]].concat()),
            "image of the reinstall is larger",
        ),
        (reinstall(&[]), "body of the action"),
        (
            reinstall(&[&[1, 65][..], &[b'h'; 65]].concat()),
            "hostname of the reinstall is larger",
        ),
        (reinstall(&[0, 17]), "list of ssh keys is larger"),
        (reinstall(&[0, 3, 0]), "list of ssh keys"),
        (
            reinstall(&[&[0, 1, 0x81, 8][..], &[b'k'; 1025]].concat()),
            "ssh key is larger",
        ),
        (
            reinstall(&[0, 0, 2, 0, 0]),
            "body of the action is not valid",
        ),
        (reinstall(&[0, 0, 1, 1]), "body of the action"),
        (reinstall(&[0, 0, 1, 1, 1, 1]), "1 bytes"),
    ] {
        let problem = Command::parse(&payload).unwrap_err().to_string();
        assert!(problem.contains(expect), "{payload:02x?}: {problem}");
    }
    let sound = reinstall(&[0, 0, 1, 1, 1]);
    assert!(Command::parse(&sound).is_ok(), "the rest is sound");
}

#[test]
fn the_limits_are_taken_and_one_more_is_not() {
    let with = |count: usize, name: usize, reason: usize| {
        let (_, mut command) = samples::payloads().swap_remove(0);
        let target = command.targets[0];
        command.targets = (0..count as u64)
            .map(|id| picket_proto::Target {
                device: DeviceId(id.to_be_bytes()),
                ..target
            })
            .collect();
        command.actor = "a".repeat(name);
        command.on_behalf_of = "b".repeat(name);
        command.reason = "c".repeat(reason);
        command
    };
    let largest = with(MAX_TARGETS, MAX_NAME, MAX_REASON);
    assert_eq!(Command::parse(&largest.payload()), Ok(largest));
    for (command, part) in [
        (with(MAX_TARGETS + 1, 1, 1), "targets of the command"),
        (with(1, MAX_NAME + 1, 1), "actor of the command"),
        (with(1, 1, MAX_REASON + 1), "reason of the command"),
    ] {
        let expect = Err(DecodeError::TooLarge(part));
        assert_eq!(Command::parse(&command.payload()), expect);
    }
    let mut long = with(1, 1, 1);
    long.on_behalf_of = "b".repeat(MAX_NAME + 1);
    assert_eq!(
        Command::parse(&long.payload()),
        Err(DecodeError::TooLarge("on_behalf_of of the command"))
    );
}

#[test]
fn a_target_may_stand_there_once_whatever_else_it_says() {
    let (_, mut command) = samples::payloads().swap_remove(0);
    command.targets[1].device = command.targets[0].device;
    assert_eq!(
        Command::parse(&command.payload()),
        Err(DecodeError::Invalid(
            "list of targets, which names one twice,"
        ))
    );
    assert_eq!(
        Command::operation_of(&command.payload()),
        Some(command.operation)
    );
}

#[test]
fn the_target_of_a_command_is_found_by_its_device() {
    let (_, command) = samples::payloads().swap_remove(0);
    for target in &command.targets {
        assert_eq!(command.target(target.device), Some(target));
    }
    assert_eq!(command.target(DeviceId([0; 8])), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_changed_payload_is_a_command_or_an_error(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
    ) {
        let payloads = samples::payloads();
        let mut payload = payloads[which.index(payloads.len())].1.payload();
        for (at, byte, how) in changes {
            let at = at.index(payload.len());
            match how {
                0 => payload[at] = byte,
                1 => payload.insert(at, byte),
                _ => drop(payload.remove(at)),
            }
        }
        if let Ok(command) = Command::parse(&payload) {
            prop_assert!((1..=MAX_TARGETS).contains(&command.targets.len()));
            prop_assert_eq!(Command::operation_of(&payload), Some(command.operation));
            prop_assert_eq!(Command::parse(&command.payload()), Ok(command));
        }
    }
}

/// Where the body of the action begins: the bodies of all samples are shorter than 128 bytes.
fn at_body(command: &Command) -> usize {
    let empty = Command {
        action: Action::Unknown {
            id: command.action.id(),
            body: Vec::new(),
        },
        ..command.clone()
    };
    empty.payload().len()
}
