//! Whatever becomes of a good command on its way: it is refused, or it is what was signed.
use picket_proto::{Action, Command, Privilege, Quality, SignedCommand, frame};
use picket_test_keys::{TOUCHED, TestKey};
use picketd::trust::{AllowedSigners, Unjudged, Verified, decode, verify};
use proptest::prelude::*;

use crate::scene::{
    BOOTTIME_MS, alice, by, clock, judge, reboot, signed_in, signers, target, token,
};

/// What happens to bytes on the way; positions are taken modulo the length.
#[derive(Debug, Clone)]
enum Mutation {
    Flip(usize, u8),
    Set(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Cut(usize),
    /// The bytes from here on are those of another good command.
    Cross(usize),
}

#[test]
fn every_byte_counts() {
    for which in 0..3 {
        let (_, message) = good(which);
        for at in 0..message.len() {
            let mut changed = message.clone();
            changed[at] ^= 1 << (at % 8);
            assert_eq!(verified(&changed), None, "{which}: byte {at}");
            assert_eq!(verified(&message[..at]), None, "{which}: only {at} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_command_never_becomes_another(
        which in 0..3_usize,
        other in 0..3_usize,
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let (command, message) = good(which);
        let (_, cross) = good(other);
        let changed = mutations.iter().fold(message, |bytes, mutation| apply(mutation, bytes, &cross));
        if let Some(verified) = verified(&changed) {
            let (others_command, _) = good(other);
            prop_assert!(verified.command == command || verified.command == others_command);
        }
    }

    #[test]
    fn parts_of_two_commands_make_none(first in 0..3_usize, second in 0..3_usize) {
        let [a, b] = [first, second].map(|which| decode(&good(which).1).expect("it is good"));
        let mixed = SignedCommand { payload: a.payload, signature: b.signature };
        let result = verified(&frame::encode(&mixed));
        prop_assert_eq!(result.map(|verified| verified.command), (first == second).then(|| good(first).0));
    }

    #[test]
    fn any_bytes_are_refused(
        message in prop::collection::vec(any::<u8>(), 0..400),
        payload in prop::collection::vec(any::<u8>(), 0..400),
        blob in prop::collection::vec(any::<u8>(), 0..400),
        cut in 0..400_usize,
    ) {
        prop_assert_eq!(verified(&message), None);
        let good = alice().command(&reboot());
        let with = |payload: &[u8], signature: &[u8]| {
            let signed = SignedCommand { payload: payload.to_vec(), signature: signature.to_vec() };
            verified(&frame::encode(&signed))
        };
        prop_assert_eq!(with(&payload, &good.signature), None);
        prop_assert_eq!(with(&good.payload, &blob), None);
        // The start of something good, and then noise.
        let half = |good: &[u8], noise: &[u8]| [&good[..cut.min(good.len() - 1)], noise].concat();
        let signature = half(&good.signature, &blob);
        prop_assert!(signature == good.signature || with(&good.payload, &signature).is_none());
        let payload = half(&good.payload, &payload);
        prop_assert!(payload == good.payload || with(&payload, &good.signature).is_none());
    }

    #[test]
    fn any_text_is_lines_and_problems(text in soup()) {
        let (signers, problems) = AllowedSigners::parse(&text);
        let lines = text.split('\n').count();
        prop_assert!(signers.iter().count() + problems.len() <= lines);
        for problem in problems {
            prop_assert!((1..=lines).contains(&problem.line));
            prop_assert!(problem.to_string().contains([';', ',']), "{}", problem);
        }
        // Whoever it lets in, the key is there.
        let stranger = TestKey::new(99).command(&reboot());
        prop_assert!(judge(&text, &stranger).is_err());
    }
}

fn good(which: usize) -> (Command, Vec<u8>) {
    let (key, privilege, command) = match which {
        0 => (alice(), Privilege::Operate, reboot()),
        1 => (token(TOUCHED), Privilege::Operate, by("tom")),
        _ => {
            let action = Action::Configure {
                sample_every_ms: Some(60_000),
                window_ms: None,
            };
            let targets = (1..40).map(target).collect();
            (
                alice(),
                Privilege::Configure,
                Command {
                    action,
                    targets,
                    ..reboot()
                },
            )
        }
    };
    let message = frame::encode(&signed_in(&key, privilege, &command));
    (command, message)
}

fn verified(message: &[u8]) -> Option<Verified> {
    let wall = clock(Quality::Synchronised);
    verify(
        signers(),
        &decode(message).ok()?,
        wall,
        BOOTTIME_MS,
        Unjudged::Refuse,
    )
    .ok()
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use Mutation::{Cross, Cut, Flip, Insert, Remove, Set};
    // Half of the positions are near the start, where lengths and kinds are.
    let at = || prop_oneof![0..64_usize, any::<usize>()];
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Set(at, byte)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Insert(at, byte)),
        at().prop_map(Remove),
        at().prop_map(Cut),
        at().prop_map(Cross),
    ]
}

fn apply(mutation: &Mutation, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    let length = bytes.len().max(1);
    match *mutation {
        _ if bytes.is_empty() => {}
        Mutation::Flip(at, bit) => bytes[at % length] ^= 1 << bit,
        Mutation::Set(at, byte) => bytes[at % length] = byte,
        Mutation::Insert(at, byte) => bytes.insert(at % length, byte),
        Mutation::Remove(at) => drop(bytes.remove(at % length)),
        Mutation::Cut(at) => bytes.truncate(at % length),
        Mutation::Cross(at) => {
            bytes.truncate(at % length);
            bytes.extend_from_slice(other.get(at % length..).unwrap_or_default());
        }
    }
    bytes
}

/// Pieces of lines in any order: mostly nonsense, sometimes a good line.
fn soup() -> impl Strategy<Value = String> {
    let key = TestKey::new(1).public();
    let pieces = [
        "alice@example.org",
        "*",
        "?",
        "!",
        ",",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\"",
        "\\\"",
        "#",
        "é",
        "\u{fffd}",
        "\0",
        "namespaces=",
        "\"picket-*\"",
        "valid-after=",
        "valid-before=",
        "\"20260101Z\"",
        "\"20260101\"",
        "cert-authority",
        "ssh-ed25519",
        "ssh-rsa",
        "AAAA",
        "=",
        "Z",
    ];
    let pieces = pieces.map(str::to_owned).into_iter().chain([key]);
    let piece = prop::sample::select(pieces.collect::<Vec<_>>());
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}
