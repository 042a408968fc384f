//! What is accepted, and what is said of it.
use picket_proto::{Action, OperationId, Privilege, Reason, frame};
use picket_test_keys::{TOUCHED, TestKey};
use picketd::trust::decode;

use crate::scene::{judge, reboot, signed_in};

#[test]
fn a_signed_command_is_returned_as_it_was_given() {
    for key in [TestKey::new(1), TestKey::of_token(1, TOUCHED)] {
        let file = key.line("alice@example.org");
        let signed = decode(&key.frame(&reboot())).unwrap();
        let verified = judge(&file, &signed).unwrap();
        assert_eq!(verified.command, reboot());
        assert_eq!(verified.privilege, Privilege::Operate);
        assert!(verified.key.starts_with("SHA256:"), "{}", verified.key);
    }
}

#[test]
fn every_action_needs_the_privilege_that_it_has() {
    let key = TestKey::new(1);
    let file = key.line("alice@example.org");
    let operation = OperationId([9; 16]);
    for (action, needs) in [
        (Action::Reboot { force: true }, Some(Privilege::Operate)),
        (Action::Cancel { operation }, Some(Privilege::Operate)),
        (Action::Query { operation: None }, Some(Privilege::Operate)),
        (Action::Identify { seconds: 9 }, Some(Privilege::Operate)),
        (
            Action::Configure {
                sample_every_ms: None,
                window_ms: Some(300_000),
            },
            Some(Privilege::Configure),
        ),
        (Action::Activate { operation }, Some(Privilege::Reinstall)),
        (unknown(8), None),
        (unknown(60_000), None),
    ] {
        for has in Privilege::ALL {
            let mut command = reboot();
            command.action = action.clone();
            let result = judge(&file, &signed_in(&key, has, &command));
            match needs.is_none_or(|needs| needs == has) {
                true => assert_eq!(result.unwrap().privilege, has, "{action:?}"),
                false => {
                    let refusal = result.unwrap_err();
                    assert_eq!(refusal.reason, Reason::WrongPrivilege, "{action:?} {has:?}");
                    assert_eq!(refusal.operation, Some(command.operation));
                }
            }
        }
    }
}

#[test]
fn the_bytes_that_were_verified_are_the_bytes_that_count() {
    let key = TestKey::new(1);
    let mut signed = key.command(&reboot());
    // The same command with the number of its targets in two bytes: a longer form of the same varint.
    let longer = {
        let mut payload = signed.payload.clone();
        assert_eq!(
            payload[17], 1,
            "one target follows the format and the operation"
        );
        payload.splice(17..=17, [0x81, 0]);
        payload
    };
    let command = picket_proto::Command::parse(&longer).unwrap();
    assert_eq!(command, reboot(), "both forms mean the same");
    signed.payload = longer.clone();
    let file = key.line("alice@example.org");
    assert_eq!(
        judge(&file, &signed).unwrap_err().reason,
        Reason::BadSignature
    );
    signed.signature = key.sign(Privilege::Operate.namespace(), &longer);
    assert_eq!(judge(&file, &signed).unwrap().command, command);
    assert_eq!(decode(&frame::encode(&signed)), Ok(signed));
}

fn unknown(id: u16) -> Action {
    Action::Unknown {
        id,
        body: vec![1, 2, 3],
    }
}
