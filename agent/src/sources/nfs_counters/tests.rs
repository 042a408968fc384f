//! Captures in sequence: what each adds to the sums. The oracle parses every line of every capture.
use proptest::prelude::*;

use super::*;
use crate::sources::nfs_mounts;

const GETATTR: [u64; 9] = [10, 11, 1, 0, 0, 20, 30, 40, 2];
const READ: [u64; 9] = [5, 5, 0, 0, 0, 5, 50, 60, 0];

#[test]
fn the_sums_begin_with_the_kernels_own() {
    let mut counters = NfsCounters::default();
    let first = counters.update(&capture(
        &["tcp 940 0 2 0"],
        &[("GETATTR", GETATTR), ("READ", READ)],
    ));
    assert_eq!(first, Err(Gap::FirstInterval));
    let totals = counters.totals();
    assert_eq!(
        (totals.ops, totals.retransmits, totals.timeouts),
        (15, 1, 1)
    );
    assert_eq!((totals.errors, totals.connects), (Some(2), Some(2)));
}

#[test]
fn an_interval_is_the_difference_of_two_captures() {
    let mut counters = NfsCounters::default();
    let _ = counters.update(&capture(
        &["tcp 940 0 2 0"],
        &[("GETATTR", GETATTR), ("READ", READ)],
    ));
    let later = [13, 15, 2, 0, 0, 21, 36, 49, 3];
    let interval = counters.update(&capture(
        &["tcp 940 0 3 0"],
        &[("GETATTR", later), ("READ", READ)],
    ));
    assert_eq!(interval, Ok(interval_of(3, [1, 6, 9])));
    let totals = counters.totals();
    assert_eq!(
        (totals.ops, totals.retransmits, totals.timeouts),
        (18, 2, 2)
    );
    assert_eq!((totals.errors, totals.connects), (Some(3), Some(3)));
}

#[test]
fn after_a_remount_the_sums_go_on_and_the_interval_is_a_reset() {
    let mut counters = NfsCounters::default();
    let _ = counters.update(&capture(
        &["tcp 940 0 2 0"],
        &[("GETATTR", GETATTR), ("READ", READ)],
    ));
    let fresh = [1, 1, 0, 0, 0, 1, 1, 1, 0];
    let remounted = capture(&["tcp 941 0 1 0"], &[("GETATTR", fresh), ("READ", READ)]);
    assert_eq!(counters.update(&remounted), Err(Gap::Reset));
    assert_eq!(counters.totals().ops, 15 + 1 + 5);
    assert_eq!(counters.totals().connects, Some(3));
    assert_eq!(counters.update(&remounted), Ok(Interval::default()));
    assert_eq!(counters.totals().ops, 21);
}

#[test]
fn transports_that_come_and_go_leave_the_operations_alone() {
    let (five, two, six) = ("tcp 940 0 5 0", "tcp 941 0 2 0", "tcp 940 0 6 0");
    let ops = [("GETATTR", GETATTR), ("READ", READ)];
    for (before, now, connects) in [
        (&[five, two][..], &[two][..], 7),
        (&[five, two], &[five], 7),
        (&[two], &[two, five], 2),
        (&[five, two], &[six, two], 8),
        // The same number, and one of them began anew: it made all of its connects since.
        (&[five, two], &[two, two], 9),
    ] {
        let mut counters = NfsCounters::default();
        let _ = counters.update(&capture(before, &ops));
        for _ in 0..2 {
            let interval = counters.update(&capture(now, &ops));
            assert_eq!(interval, Ok(Interval::default()), "{before:?} {now:?}");
            let totals = counters.totals();
            assert_eq!(
                (totals.ops, totals.connects),
                (15, Some(connects)),
                "{before:?} {now:?}"
            );
        }
    }
}

#[test]
fn an_age_that_goes_back_is_a_remount_though_every_counter_grew() {
    let aged = |age: &str, ops| {
        let text = String::from_utf8(capture(&["tcp 940 0 2 0"], &[("READ", [ops; 9])])).unwrap();
        text.replace("83520", age).into_bytes()
    };
    for (before, now, interval) in [
        ("50", "20", Err(Gap::Reset)),
        ("50", "50", Ok(4990)),
        ("50", "60", Ok(4990)),
        ("50", "broken", Ok(4990)),
        // The kernel's jiffies of 32 bits wrapped, at 100 Hz and at 250 Hz.
        ("42949670", "7", Ok(4990)),
        ("17179860", "0", Ok(4990)),
        ("17179860", "40000", Err(Gap::Reset)),
    ] {
        let mut counters = NfsCounters::default();
        let _ = counters.update(&aged(before, 10));
        let found = counters
            .update(&aged(now, 5000))
            .map(|interval| interval.ops);
        assert_eq!(found, interval, "{before} {now}");
        let sum = if interval.is_ok() { 5000 } else { 5010 };
        assert_eq!(counters.totals().ops, sum, "{before} {now}");
    }
}

#[test]
fn counters_wrap_at_32_and_at_64_bits() {
    for (last, now, grown) in [
        (0, 0, Some(0)),
        (7, 9, Some(2)),
        (9, 7, None),
        (u64::from(u32::MAX), 4, Some(5)),
        (u64::from(u32::MAX) - 9, 0, Some(10)),
        (1 << 31, 4, None),
        (u64::from(u32::MAX), 1 << 31, None),
        (u64::from(u32::MAX) + 1, 4, None),
        (u64::MAX, 4, Some(5)),
        (u64::MAX, u64::MAX / 2, None),
    ] {
        assert_eq!(difference(last, now), grown, "{last} to {now}");
    }
    let mut counters = NfsCounters::default();
    let wrapping = |ops| [ops, ops, 0, 0, 0, 7, 7, 7, 0];
    let _ = counters.update(&capture(&[], &[("READ", wrapping(u64::from(u32::MAX)))]));
    let interval = counters.update(&capture(&[], &[("READ", wrapping(2))]));
    assert_eq!(interval, Ok(interval_of(3, [0, 0, 0])));
    assert_eq!(counters.totals().ops, u64::from(u32::MAX) + 3);
}

#[test]
fn a_malformed_line_costs_only_what_it_says() {
    let mut counters = NfsCounters::default();
    let good = capture(&["tcp 940 0 2 0"], &[("GETATTR", GETATTR), ("READ", READ)]);
    let _ = counters.update(&good);
    let text = String::from_utf8(good.clone()).unwrap();
    let later = text.replace("READ: 5 5 0", "READ: 8 8 0");
    for broken in [
        later.replace("GETATTR: 10", "GETATTR: x"),
        later.replace("GETATTR: 10 11 1", "GETATTR: 10 11 99999999999999999999"),
        later.replace("GETATTR: 10 11 1 0 0 20 30 40 2", "GETATTR: 10"),
        later.replace("GETATTR:", "GETATTR"),
        later.replace("tcp 940 0 2", "tcp 940 0 two"),
    ] {
        let mut counters = NfsCounters::default();
        let _ = counters.update(&good);
        assert_eq!(
            counters.update(broken.as_bytes()),
            Ok(interval_of(3, [0; 3])),
            "{broken}"
        );
        assert_eq!(
            counters.update(later.as_bytes()),
            Ok(interval_of(0, [0; 3])),
            "{broken}"
        );
        assert_eq!(counters.totals().ops, 18);
        assert_eq!(counters.totals().connects, Some(2));
    }
}

#[test]
fn lines_that_come_go_and_move_are_known_by_their_name() {
    let mut counters = NfsCounters::default();
    let new = ("NEW_OP", [100, 100, 0, 0, 0, 0, 0, 0, 0]);
    let grown = ("READ", [6, 6, 0, 0, 0, 5, 51, 62, 0]);
    let _ = counters.update(&capture(&[], &[("GETATTR", GETATTR), ("READ", READ)]));
    let inserted = capture(&[], &[new, ("GETATTR", GETATTR), ("READ", READ)]);
    assert_eq!(counters.update(&inserted), Ok(interval_of(0, [0; 3])));
    let moved = capture(&[], &[grown, ("GETATTR", GETATTR)]);
    assert_eq!(counters.update(&moved), Ok(interval_of(1, [0, 1, 2])));
    let back = capture(&[], &[("GETATTR", GETATTR), grown, new]);
    assert_eq!(counters.update(&back), Ok(interval_of(0, [0; 3])));
    assert_eq!(counters.totals().ops, 116);
}

#[test]
fn old_kernels_count_no_errors_and_udp_no_connects() {
    let mut counters = NfsCounters::default();
    let text =
        "\tage:\t5\n\txprt:\tudp 830 0 5 5 0 5 0\n\tper-op statistics\n\t READ: 1 1 0 0 0 1 1 1\n";
    assert_eq!(counters.update(text.as_bytes()), Err(Gap::FirstInterval));
    assert_eq!(
        (counters.totals().errors, counters.totals().connects),
        (None, None)
    );
}

#[test]
fn text_without_operations_is_garbled_and_changes_nothing() {
    let mut counters = NfsCounters::default();
    let good = capture(&["tcp 940 0 2 0"], &[("READ", READ)]);
    let garbled: [&[u8]; 5] = [
        b"",
        b"\xff\xfe\n",
        b"\txprt:\ttcp 940 0 7 0\n",
        b"\txprt:\ttcp 940 0 7 0\n\tper-op statistics\n",
        b"\tage: 1\ndevice x mounted on /x with fstype nfs\n\tper-op statistics\n\tREAD: 1 1 0 0 0 1 1 1\n",
    ];
    for text in garbled {
        assert_eq!(counters.update(text), Err(Gap::Garbled), "{text:?}");
    }
    assert_eq!(counters.update(&good), Err(Gap::FirstInterval));
    assert_eq!(counters.totals().connects, Some(2));
    assert_eq!(counters.update(garbled[2]), Err(Gap::Garbled));
    assert_eq!(counters.update(&good), Ok(Interval::default()));
    assert_eq!(counters.totals().connects, Some(2));
}

#[test]
fn the_next_mount_in_the_file_adds_nothing() {
    let mut counters = NfsCounters::default();
    let other = |ops| {
        let mut text = capture(&[], &[("READ", READ)]);
        text.extend_from_slice(b"device y mounted on /y with fstype nfs4 statvers=1.1\n");
        text.extend(capture(&["tcp 1 0 9 0"], &[("READ", [ops; 9])]));
        text
    };
    let _ = counters.update(&other(5));
    assert_eq!(counters.update(&other(1000)), Ok(Interval::default()));
    assert_eq!(counters.totals().ops, 5);
}

#[test]
fn recorded_captures_sum_up_as_the_oracle_says() {
    for name in ["nfs41_9col.txt", "rdma_nconnect16_9col.txt"] {
        let path = format!(
            "{}/../tests/fixtures/mountstats/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read(path).unwrap();
        let mut counters = NfsCounters::default();
        assert_eq!(
            counters.update(split_line(&text).1),
            Err(Gap::FirstInterval)
        );
        assert_eq!(counters.totals().ops, oracle(&text).0, "{name}");
        assert_eq!(counters.totals().errors, Some(oracle(&text).2), "{name}");
        assert!(counters.totals().connects > Some(0), "{name}");
        assert_eq!(
            counters.update(split_line(&text).1),
            Ok(Interval::default())
        );
    }
}

proptest! {
    #[test]
    fn comparing_captures_gives_what_parsing_each_gives(
        steps in prop::collection::vec(prop::collection::vec((0_usize..12, 0_u64..2_000), 0..6), 1..8)
    ) {
        let mut rows = [[7_u64; 9]; 12];
        let mut counters = NfsCounters::default();
        let mut before = (0, 0, 0);
        for (step, grown) in steps.iter().enumerate() {
            for &(row, by) in grown {
                rows[row].iter_mut().for_each(|column| *column += by);
            }
            let names: Vec<String> = (0..rows.len()).map(|at| format!("OP_{at}")).collect();
            let ops: Vec<_> = names.iter().map(String::as_str).zip(rows).collect();
            let body = capture(&["tcp 940 0 2 0"], &ops);
            let interval = counters.update(&body);
            let text = [&b"device x:/ mounted on / with fstype nfs4 statvers=1.1\n"[..], &body].concat();
            let now = oracle(&text);
            prop_assert_eq!(counters.totals().ops, now.0);
            prop_assert_eq!(counters.totals().errors, Some(now.2));
            if step > 0 {
                let interval = interval.unwrap();
                prop_assert_eq!((interval.ops, interval.rtt_ms), (now.0 - before.0, now.1 - before.1));
            }
            before = now;
        }
    }

    #[test]
    fn no_text_makes_it_panic(texts in prop::collection::vec(hostile(), 1..4)) {
        let mut counters = NfsCounters::default();
        for text in texts {
            let _ = counters.update(text.as_bytes());
        }
    }
}

/// Pieces that a parser may stumble over, in any order.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just(" ".to_owned()),
        Just("\tper-op statistics\n".to_owned()),
        Just(
            "\tREAD: 18446744073709551615 1 18446744073709551615 1 1 1 1 18446744073709551615 1\n"
                .to_owned()
        ),
        Just(
            "\tREAD: 0 18446744073709551615 1 1 1 18446744073709551615 1 1 18446744073709551615\n"
                .to_owned()
        ),
        Just("\tWRITE: 4294967295 1 1 1 1 1 1 1\n".to_owned()),
        Just("\txprt: tcp 1 1 18446744073709551615\n".to_owned()),
        Just("device x mounted on / with fstype nfs\n".to_owned()),
        "[ \\tA-Z0-9:]{0,12}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Operations, round-trip time and errors of the first mount, summed up line by line.
fn oracle(text: &[u8]) -> (u64, u64, u64) {
    let mounts = nfs_mounts::parse(text).unwrap();
    let ops = mounts[0].ops.iter().map(|(_, op)| op);
    ops.fold((0, 0, 0), |sum, op| {
        (
            sum.0 + op.ops,
            sum.1 + op.rtt_ms,
            sum.2 + op.errors.unwrap_or(0),
        )
    })
}

fn interval_of(ops: u64, [queue_ms, rtt_ms, execute_ms]: [u64; 3]) -> Interval {
    Interval {
        ops,
        queue_ms,
        rtt_ms,
        execute_ms,
    }
}

fn capture(transports: &[&str], ops: &[(&str, [u64; 9])]) -> Vec<u8> {
    let mut text = String::from(
        "\topts:\trw,vers=4.1\n\tage:\t83520\n\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)\n",
    );
    for transport in transports {
        text += &format!("\txprt:\t{transport} 1 5 5 0\n");
    }
    text += "\tper-op statistics\n";
    for (name, columns) in ops {
        text += &format!(
            "\t{name:>12}: {}\n",
            columns.map(|column| column.to_string()).join(" ")
        );
    }
    text.into_bytes()
}
