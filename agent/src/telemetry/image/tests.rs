//! Images that were written, and bytes that are none.
use picket_proto::{Batch, BatchHeader, Column, Event, EventKind, MetricId, Quality, WallClock};
use proptest::prelude::*;

use super::*;

const MOST: usize = 10_000;

#[test]
fn what_was_written_is_read() {
    let image = image();
    assert_eq!(Image::read(&image.write(), MOST), Ok(image));
}

#[test]
fn a_bad_image_is_named() {
    let good = image().write();
    let with_crc = |mut body: Vec<u8>| {
        let crc = crc32(&body);
        body.extend_from_slice(&crc.to_le_bytes());
        body
    };
    let mut newer = good.clone();
    newer[4] = 2;
    let mut flipped = good.clone();
    flipped[HEAD + 9] ^= 1;
    let body = &good[..good.len() - CRC];
    let mut long_frame = body[..HEAD].to_vec();
    long_frame.extend_from_slice(&u32::MAX.to_le_bytes());
    let mut strange_frame = body[..HEAD].to_vec();
    put_frame(&[1, 99, 0], &mut strange_frame);
    for (why, bytes, expect) in [
        ("empty", vec![], "does not begin with PKSP"),
        ("a newer version", newer, "a newer picketd wrote it"),
        (
            "only the head's begin",
            good[..30].to_vec(),
            "ends in the middle, after 30 bytes",
        ),
        ("one bit", flipped, "it is damaged"),
        (
            "a cut frame",
            with_crc(body[..body.len() - 1].to_vec()),
            "ends in the middle",
        ),
        (
            "a length without a frame",
            with_crc(body[..HEAD + 2].to_vec()),
            "ends in the middle",
        ),
        (
            "a frame beyond the end",
            with_crc(long_frame),
            "ends in the middle",
        ),
        (
            "a frame of no kind",
            with_crc(strange_frame),
            "frame at byte 69",
        ),
        (
            "too large",
            vec![0; MOST + 1],
            "10001 bytes, and an image for this spool_bytes has at most 10000",
        ),
    ] {
        let error = Image::read(&bytes, MOST).unwrap_err().to_string();
        assert!(error.contains(expect), "{why}: {error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut body = MAGIC.to_vec();
        body.extend_from_slice(&bytes);
        let crc = crc32(&body);
        body.extend_from_slice(&crc.to_le_bytes());
        let _ = Image::read(&body, MOST);
    }
}

fn image() -> Image {
    let boot = BootId([3; 16]);
    let wall = WallClock {
        offset_ms: -7,
        quality: Quality::Unsynchronised,
    };
    let header = BatchHeader {
        boot,
        first_tick: 4,
        first_boottime_ms: 40_000,
        period_ms: 10_000,
        stride: 1,
        count: 2,
        wall,
        lost: 1,
    };
    let column = Column {
        metric: MetricId(1),
        readings: vec![Ok(48_000), Ok(48_538)],
    };
    let batch = Batch {
        header,
        columns: vec![column],
    };
    let event = Event {
        sequence: 2,
        boottime_ms: 50_000,
        what: EventKind::Throttled { active: true },
    };
    Image {
        boot,
        resume: Resume {
            next_tick: 6,
            settled: 4,
            lost: 1,
            next_event: 3,
            events_settled: 2,
            events_lost: 0,
        },
        batches: vec![Packed::new(&batch)],
        reports: vec![EventReport {
            boot,
            wall,
            lost: 0,
            events: vec![event],
        }],
    }
}
