//! Bytes that nobody meant to send: cut, changed, or made to cost the reader much.

use std::time::Instant;

use picket_proto::{
    Batch, DecodeError, Gap, Message, MetricId, Reading,
    ack::MAX_BOOTS,
    batch::{MAX_COLUMNS, MAX_TICKS},
    frame,
};
use proptest::prelude::*;

use crate::samples;

#[test]
fn every_cut_frame_is_refused() {
    for (name, message) in samples::messages() {
        let whole = samples::encode(&message);
        for length in 0..whole.len() {
            let cut = Message::decode(&whole[..length]);
            assert!(cut.is_err(), "{name} cut to {length} bytes: {cut:?}");
        }
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    for (name, message) in samples::messages() {
        let mut long = samples::encode(&message);
        long.push(0);
        assert_eq!(
            Message::decode(&long),
            Err(DecodeError::Trailing(1)),
            "{name}"
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    let boot = [7; 16];
    let batch = |flags: u8, rest: &[u8]| [&[1, 1, flags][..], &boot, rest].concat();
    let ack = |rest: &[u8]| [&[1, 5, 0, 1][..], &boot, rest].concat();
    let many = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for (frame, expect) in [
        (vec![], "shorter than two bytes"),
        (vec![1], "shorter than two bytes"),
        (vec![2, 1], "format 2"),
        (vec![1, 99], "kind 99"),
        (batch(3, &[0, 0, 1, 1, 0, 0]), "clock quality"),
        (batch(16, &[0, 0, 1, 1, 0, 0]), "flags"),
        (batch(0, &[0, 0, 1, 0, 0, 0]), "tick count"),
        (batch(0, &[0, 0, 1, 0x81, 0x08, 0, 0]), "tick count"),
        (batch(4, &[0, 0, 1, 1, 0, 0, 0]), "stride"),
        (batch(0, &[0, 0, 1, 1, 0, 0x81, 0x01]), "column count"),
        (batch(0, &[0, 0, 1, 1, 0, 1]), "head of a column"),
        (batch(0, &[0, 0, 1, 1, 0, 1, 0x25]), "body of a column"),
        (
            batch(0, &[0, 0, 1, 1, 0, 1, 0x22, 1, 0x80]),
            "metric 1 (soc_temperature)",
        ),
        (
            batch(0, &[0, 0, 1, 1, 0, 1, 0xe1, 0xff, 0xff, 0x03, 0]),
            "metric id",
        ),
        (
            batch(0, &[0, 0, 1, 1, 0, 2, 0xe1, 0xf8, 0xff, 0x03, 0, 0x01, 0]),
            "metric id",
        ),
        (
            [&[1, 2][..], &boot, &[0, 3, 0], &many].concat(),
            "event header",
        ),
        (
            [&[1, 2][..], &boot, &[0, 2, 0], &many].concat(),
            "list of events",
        ),
        ([&[1, 3][..], &many].concat(), "list of fields"),
        (vec![1, 3, 2, 2, 0, 1, 0], "order of the fields"),
        (vec![1, 3, 2, 99, 0, 99, 0], "order of the fields"),
        (
            [&[1, 3, 1, 9, 5][..], &many].concat(),
            "status field features",
        ),
        (vec![1, 3, 1, 13, 1, 60], "status field sensors"),
        ([&[1, 5, 0][..], &many].concat(), "boots of the ack"),
        (ack(&many), "tick ranges"),
        (ack(&[1, 5, 4, 0]), "tick ranges"),
        (ack(&[2, 5, 6, 6, 7, 0]), "tick ranges"),
        (ack(&[0, 1, 5, 4]), "event ranges"),
        (vec![1, 6], "ping"),
        (vec![1, 7, 1, 0], "pong"),
        ([&[1, 8][..], &many].concat(), "payload of the command"),
        ([&[1, 8, 0][..], &many].concat(), "signature of the command"),
        (
            [&[1, 8, 0, 0x81, 0x08][..], &[0; 1025]].concat(),
            "signature of the command is larger",
        ),
        ([&[1, 9][..], &many].concat(), "list of fields"),
        (vec![1, 9, 2, 2, 1, 1, 1, 1, 7], "order of the fields"),
        (vec![1, 9, 1, 1, 1, 0], "report field operation"),
        (vec![1, 9, 1, 2, 2, 1, 1], "1 bytes follow"),
        (
            [&[1, 9, 1, 10, 5][..], &many].concat(),
            "report field warnings",
        ),
        (
            [&[1, 9, 1, 10, 66, 65][..], &[0; 65]].concat(),
            "warnings is larger",
        ),
    ] {
        let problem = Message::decode(&frame).unwrap_err().to_string();
        assert!(
            problem.contains(expect),
            "{frame:02x?}: {expect:?} is not in {problem:?}"
        );
    }
}

#[test]
fn the_largest_batch_from_the_fewest_bytes_stays_within_the_bound() {
    let mut frame = [
        &[1, 1, 0][..],
        &[7; 16],
        &[0, 0, 1, 0x80, 0x08, 0, 0x80, 0x01],
    ]
    .concat();
    frame.extend([0x02, 0x01, 0x02].repeat(MAX_COLUMNS));
    let started = Instant::now();
    let batch: Batch = frame::decode(&frame).unwrap();
    assert!(
        started.elapsed().as_secs() < 2,
        "it took {:?}",
        started.elapsed()
    );
    let readings: usize = batch
        .columns
        .iter()
        .map(|column| column.readings.capacity())
        .sum();
    assert_eq!(readings, MAX_COLUMNS * usize::from(MAX_TICKS));
    assert!(readings * size_of::<Reading>() <= 2 << 20);
    frame[25] = 0x81;
    assert_eq!(
        frame::decode::<Batch>(&frame),
        Err(DecodeError::TooLarge("column count"))
    );
}

#[test]
fn a_list_takes_no_more_memory_than_there_are_bytes() {
    let frame = [&[1, 5, 0, MAX_BOOTS as u8][..], &[0; 10]].concat();
    let problem = Message::decode(&frame).unwrap_err();
    assert_eq!(problem, DecodeError::Truncated("boots of the ack"));
}

#[test]
fn a_column_in_a_form_of_the_future_is_stepped_over_and_named() {
    let (_, message) = samples::messages().swap_remove(0);
    let known = samples::encode(&message);
    let at = known
        .windows(3)
        .position(|bytes| bytes == [0x43, 0xeb, 0x01])
        .unwrap();
    let mut newer = known.clone();
    newer[at + 1] = 0x02;
    let (Message::Batch(known), Ok(Message::Batch(newer))) = (message, Message::decode(&newer))
    else {
        panic!("a batch with a column in an unknown form is a batch");
    };
    for (known, newer) in known.columns.iter().zip(&newer.columns) {
        if newer.metric == MetricId(4) {
            assert_eq!(newer.readings, [Err(Gap::UnknownForm); 6]);
        } else {
            assert_eq!(newer, known);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_a_message_or_an_error(
        kind in 0u8..11,
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        survives(&[&[1, kind][..], &body].concat())?;
    }

    #[test]
    fn a_changed_frame_is_a_message_or_an_error(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
    ) {
        let messages = samples::messages();
        let (_, message) = &messages[which.index(messages.len())];
        let mut frame = samples::encode(message);
        for (at, byte, how) in changes {
            let at = at.index(frame.len());
            match how {
                0 => frame[at] = byte,
                1 => frame.insert(at, byte),
                _ if frame.len() > 2 => drop(frame.remove(at)),
                _ => {}
            }
        }
        survives(&frame)?;
    }
}

/// Whatever is read must be written and read again as the same.
fn survives(frame: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(message) = Message::decode(frame) {
        prop_assert_eq!(Message::decode(&samples::encode(&message)), Ok(message));
    }
    Ok(())
}
