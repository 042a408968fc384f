//! Messages that are no commands, and payloads that are none; these are signed as well as they can be.
use picket_proto::{
    Ack, Command,
    Reason::{Format, Malformed, Targets},
    SignedCommand,
    command::{MAX_NAME, MAX_REASON, MAX_SIGNATURE, MAX_TARGETS, PAYLOAD_FORMAT},
    frame,
};

use super::{Hostile, of};
use crate::scene::{OPERATE, alice, by, reboot, target};

/// The number of targets stands behind the payload's format and the operation id.
const TARGETS_AT: usize = 17;

pub(super) fn messages() -> Vec<Hostile> {
    let good = alice().frame(&reboot());
    let kind = |kind: u8| [&good[..1], &[kind], &good[2..]].concat();
    let ack = frame::encode(&Ack {
        collector: "watch".to_owned(),
        boots: Vec::new(),
    });
    let endless = [&good[..2], &[0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3]].concat();
    let noise = (0..200_u8).map(|n| n.wrapping_mul(7));
    let noise = [1, 8].into_iter().chain(noise).collect();
    let huge = frame::encode(&SignedCommand {
        payload: reboot().payload(),
        signature: vec![b'S'; MAX_SIGNATURE + 1],
    });
    let third = good[..good.len() / 3].to_vec();
    let unsigned = good[..good.len() - 160].to_vec();
    let mut rows = of(
        Malformed,
        [
            ("nothing", Vec::new(), "shorter"),
            ("an ack", ack, "kind 5"),
            ("an unknown kind", kind(99), "kind 99"),
            ("a third", third, "payload"),
            ("an endless payload", endless, "payload"),
            ("no signature at all", unsigned, "signature"),
            ("one byte more", [&good[..], &[0]].concat(), "1 bytes"),
            ("noise", noise, "follow"),
            ("a signature of a kilobyte", huge, "larger"),
        ],
    );
    let format = [&[9], &good[1..]].concat();
    rows.extend(of(Format, [("another format", format, "format 9")]));
    rows
}

pub(super) fn targets() -> Vec<Hostile> {
    let with = |targets: u64| {
        let targets = (1..=targets).map(target).collect();
        ordered(Command {
            targets,
            ..reboot()
        })
    };
    let counted = |count: &[u8]| {
        let mut payload = reboot().payload();
        payload.splice(TARGETS_AT..=TARGETS_AT, count.iter().copied());
        signed(payload)
    };
    let twice = ordered(Command {
        targets: vec![target(1), target(2), target(1)],
        ..reboot()
    });
    let billions = counted(&[0xff, 0xff, 0xff, 0xff, 0x7f]);
    let one_more = with(MAX_TARGETS as u64 + 1);
    let mut rows = of(
        Targets,
        [
            ("no targets", with(0), "empty"),
            ("one target too many", one_more, "larger"),
            ("thousands of targets", with(5_000), "larger"),
            ("billions that aren't there", billions, "larger"),
            ("a count without end", counted(&[0xff; 11]), "not valid"),
            ("a target twice", twice, "twice"),
        ],
    );
    let lacking = counted(&[120]);
    rows.extend(of(
        Malformed,
        [(
            "more targets than bytes",
            lacking,
            "ends inside its targets",
        )],
    ));
    rows
}

pub(super) fn payloads() -> Vec<Hostile> {
    let good = reboot().payload();
    let up_to = |end: usize| signed(good[..end].to_vec());
    let changed = |at: usize, byte: u8| {
        let mut payload = good.clone();
        payload[at] = byte;
        signed(payload)
    };
    let long_reason = ordered(Command {
        reason: "x".repeat(MAX_REASON + 1),
        ..reboot()
    });
    let long_actor = ordered(by(&"x".repeat(MAX_NAME + 1)));
    let actor = good.windows(5).position(|five| five == b"alice");
    let no_text = changed(actor.expect("the actor is there"), 0xff);
    let last = good.len() - 1;
    let mut rows = of(
        Malformed,
        [
            ("no payload", up_to(0), "format"),
            (
                "a payload that ends in its operation",
                up_to(9),
                "operation id",
            ),
            ("a payload without its last byte", up_to(last), "action"),
            (
                "a payload with a byte more",
                signed([&good[..], &[0]].concat()),
                "follow",
            ),
            (
                "an actor of a novel's length",
                long_actor,
                "actor of the command is larger",
            ),
            (
                "an actor that is no text",
                no_text,
                "actor of the command is not valid",
            ),
            ("a reason of a novel's length", long_reason, "reason"),
            (
                "an action that is half true",
                changed(last, 2),
                "body of the action",
            ),
        ],
    );
    let format = changed(0, PAYLOAD_FORMAT + 1);
    rows.extend(of(
        Format,
        [("a payload of another format", format, "format 2")],
    ));
    rows
}

fn ordered(command: Command) -> Vec<u8> {
    signed(command.payload())
}

/// The message with that payload, by Alice.
fn signed(payload: Vec<u8>) -> Vec<u8> {
    frame::encode(&SignedCommand {
        signature: alice().sign(OPERATE, &payload),
        payload,
    })
}
