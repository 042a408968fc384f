//! Tests of the journal's bytes.
mod properties;

use picket_proto::{BootId, OperationId, Reason, RootSlot, State, UnknownField};

use super::*;
use crate::{
    blocks::{Bad, CRC},
    config::Periods,
    crc32::crc32,
    journal::{Kept, MOST_OPERATIONS, Recorded, Reinstalled, fields::MOST_UNKNOWN},
};

const DEVICE: DeviceId = DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]);

#[test]
fn golden_bytes() {
    let block = write(&record(), 7, DEVICE).unwrap();
    let mut golden = hex("504b4a4c 0100 6e00 0700000000000000 00000000a1b2c3d4");
    golden.extend(hex("0100 0800 10270000 60ea0000"));
    golden.extend(hex("0200 5e00"));
    golden.extend(hex(
        "11111111111111111111111111111111 0700 10 00 0000 8877665544332211 33333333333333333333333333333333 00",
    ));
    golden.extend(hex(
        "22222222222222222222222222222222 0100 11 01 1c00 0100000000000000 44444444444444444444444444444444 02",
    ));
    assert_eq!(block[..golden.len()], golden);
    assert!(block[golden.len()..CRC].iter().all(|byte| *byte == 0));
    assert_eq!(block[CRC..], hex("dbca75d5"));
    assert_eq!(block.len(), BLOCK);
}

#[test]
fn the_newer_block_counts_wherever_it_stands() {
    for (first, second, counts) in [(0, 1, 1), (2, 1, 2), (2, 3, 3)] {
        let held = read(&file([first, second]), DEVICE).unwrap();
        assert_eq!(held.record, numbered(counts), "{first} {second}");
        assert_eq!((held.generation, held.torn), (counts, false));
    }
}

#[test]
fn any_bit_flipped_leaves_the_other_block() {
    for (place, left) in [(0, 7), (1, 8)] {
        let mut bytes = file([8, 7]);
        let ours = place * BLOCK..(place + 1) * BLOCK;
        for bit in 0..BLOCK * 8 {
            let at = ours.start + bit / 8;
            bytes[at] ^= 1 << (bit % 8);
            let block = KIND.read_block(&bytes[ours.clone()], place as u64, DEVICE, fields::read);
            assert!(matches!(block, Err(Bad::Checksum { .. })), "bit {bit}");
            // One bit of each byte through it all: more would only take time.
            if bit % 8 == bit / 8 % 8 {
                let held = read(&bytes, DEVICE).unwrap();
                assert_eq!(held.record, numbered(left), "bit {bit}");
                assert_eq!((held.generation, held.torn), (left, true));
            }
            bytes[at] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_write_torn_at_any_byte_leaves_the_record_before_it_or_the_new_one() {
    for (before, after) in [([8, 7], [8, 9]), ([8, 9], [10, 9])] {
        let (old, new) = (file(before), file(after));
        let place = usize::from(before[1] != after[1]);
        let kept = before[1 - place];
        let written = after[place];
        for cut in 0..=BLOCK {
            let mut bytes = old.clone();
            let range = place * BLOCK..place * BLOCK + cut;
            bytes[range.clone()].copy_from_slice(&new[range]);
            let held = read(&bytes, DEVICE).unwrap();
            let expected = if bytes == new { written } else { kept };
            assert_eq!(held.generation, expected, "torn at {cut}");
            assert_eq!(held.record, numbered(expected), "torn at {cut}");
        }
    }
}

#[test]
fn what_no_write_of_ours_leaves_is_said_and_not_used() {
    let good = file([8, 7]);
    let both_torn = [
        &good[..100],
        &[0; BLOCK - 100],
        &good[BLOCK..SIZE - 1],
        &[9],
    ]
    .concat();
    let swapped = [&good[BLOCK..], &good[..BLOCK]].concat();
    for (what, bytes, words) in [
        ("empty", vec![], "has 0 bytes in place of 8192"),
        ("short", good[..SIZE - 1].to_vec(), "has 8191 bytes"),
        ("long", [&good[..], &[0]].concat(), "has 8193 bytes"),
        (
            "zeros",
            vec![0; SIZE],
            "its first block has the checksum 00000000",
        ),
        (
            "both torn",
            both_torn,
            ", its second block has the checksum",
        ),
        (
            "swapped",
            swapped,
            "the generation 7, which is never written there",
        ),
        (
            "a gap",
            file([8, 5]),
            "of the generations 8 and 5, which no write leaves",
        ),
        (
            "the last generation",
            file([8, u64::MAX]),
            "generation 18446744073709551615",
        ),
    ] {
        corrupt(what, &bytes, words);
    }
}

#[test]
fn what_is_whole_and_makes_no_sense_is_said_and_not_used() {
    for (what, bytes, words) in [
        (
            "no magic",
            forged(|block| block[0] = b'p'),
            "first block does not begin with PKJL",
        ),
        (
            "a length",
            forged(|block| block[7] = 0xff),
            "first block is longer than it can be",
        ),
        (
            "a cut field",
            forged(|block| block[6] -= 1),
            "first block is cut after field 1",
        ),
        (
            "order",
            forged(|block| block[36] = 1),
            "first block has a wrong field 1",
        ),
        (
            "field 0",
            forged(|block| block[24] = 0),
            "first block has a wrong field 0",
        ),
        (
            "periods",
            forged(|block| block[30] = 1),
            "first block holds periods that can't be: `window` holds 0 ticks",
        ),
        (
            "half a period",
            forged(|block| block[26] = 7),
            "first block has a wrong field 1",
        ),
        (
            "half an operation",
            forged(|block| {
                block[6] = 109;
                block[38] = 93;
            }),
            "first block has a wrong field 2",
        ),
        (
            "reason",
            forged(|block| block[59] = 2),
            "first block has a wrong field 2",
        ),
        (
            "twice",
            forged(|block| block.copy_within(40..56, 87)),
            "first block names an operation twice",
        ),
    ] {
        corrupt(what, &bytes, words);
    }
}

fn corrupt(what: &str, bytes: &[u8], words: &str) {
    match read(bytes, DEVICE) {
        Err(Unreadable::Corrupt(text)) => assert!(text.contains(words), "{what}: {text}"),
        judged => panic!("{what}: {judged:?}"),
    }
}

#[test]
fn another_device_or_a_newer_format_is_foreign_also_beside_a_torn_or_a_good_block() {
    let other = DeviceId([7; 8]);
    let foreign = |record, generation| write(record, generation, other).unwrap();
    let [ours, theirs] = [
        file([8, 7]),
        [foreign(&numbered(8), 8), foreign(&numbered(7), 7)].concat(),
    ];
    let newer = forged(|block| block[4] = 2);
    let device = "is of the device 0707070707070707: the state directory was copied from there";
    let format = "has format 2, and this picketd knows format 1: a newer one wrote it";
    for (what, bytes, words) in [
        ("another device", theirs.clone(), device),
        (
            "one block of it",
            [&theirs[..BLOCK], &ours[BLOCK..]].concat(),
            device,
        ),
        (
            "one torn block of it",
            [&theirs[..BLOCK], &[0; BLOCK]].concat(),
            device,
        ),
        ("a newer format", newer.clone(), format),
        (
            "a newer format, torn",
            [&newer[..BLOCK], &[0; BLOCK]].concat(),
            format,
        ),
    ] {
        match read(&bytes, DEVICE) {
            Err(Unreadable::Foreign(text)) => assert!(text.contains(words), "{what}: {text}"),
            judged => panic!("{what}: {judged:?}"),
        }
    }
}

#[test]
fn the_largest_record_fits_and_of_too_many_operations_the_newest_are_kept() {
    let body = vec![0xee; MOST_UNKNOWN - 4];
    let mut record = Record {
        operations: (0..70).map(operation).collect(),
        reinstall: Some(Box::new(Reinstalled {
            operation: OperationId([9; 16]),
            slot: RootSlot::A,
            keep_old: true,
            digest: [0xff; 32],
            image: "i".repeat(64),
            host_keys: vec!["k".repeat(120); 4],
        })),
        kept: vec![
            Kept {
                operation: OperationId([9; 16]),
                slot: RootSlot::B,
                days: 255,
                since: None,
            };
            2
        ],
        unknown: vec![UnknownField { id: 5, body }],
        ..record()
    };
    let block = write(&record, 8, DEVICE).unwrap();
    let held = read(&[block, vec![0; BLOCK]].concat(), DEVICE).unwrap();
    record.operations.drain(..70 - MOST_OPERATIONS);
    assert_eq!(held.record, record);
    record.unknown[0].body.push(0);
    assert!(write(&record, 8, DEVICE).is_err());
}

#[test]
fn what_a_newer_agent_recorded_is_kept() {
    let field = |id, body: &[u8]| UnknownField {
        id,
        body: body.into(),
    };
    let record = Record {
        unknown: vec![field(5, b"slot"), field(65_535, b"")],
        ..record()
    };
    let block = write(&record, 8, DEVICE).unwrap();
    let held = read(&[block, vec![0; BLOCK]].concat(), DEVICE).unwrap();
    assert_eq!(held.record, record);
}

/// The golden record as generation 8, changed, with a right checksum; and a good block of generation 7.
fn forged(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut block = write(&record(), 8, DEVICE).unwrap();
    change(&mut block);
    sign(&mut block);
    [block, write(&numbered(7), 7, DEVICE).unwrap()].concat()
}

fn sign(block: &mut [u8]) {
    let crc = crc32(&block[..CRC]);
    block[CRC..].copy_from_slice(&crc.to_le_bytes());
}

/// A file with a block of each of these generations.
fn file(generations: [u64; 2]) -> Vec<u8> {
    let block = |generation| write(&numbered(generation), generation, DEVICE).unwrap();
    generations.map(block).concat()
}

/// A record that says its generation.
fn numbered(generation: u64) -> Record {
    let mut recorded = operation(1);
    recorded.fingerprint = generation;
    Record {
        operations: vec![recorded],
        ..Record::default()
    }
}

fn operation(number: u8) -> Recorded {
    Recorded {
        operation: OperationId([number; 16]),
        action: 7,
        state: State::Succeeded,
        reason: None,
        fingerprint: 0x1122_3344_5566_7788,
        boot: BootId([0x33; 16]),
        boots: 0,
    }
}

fn record() -> Record {
    let failed = Recorded {
        action: 1,
        state: State::Failed,
        reason: Some(Reason::Host),
        fingerprint: 1,
        boot: BootId([0x44; 16]),
        boots: 2,
        ..operation(0x22)
    };
    Record {
        periods: Some(Periods::new(10_000, 60_000).unwrap()),
        operations: vec![operation(0x11), failed],
        ..Record::default()
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
