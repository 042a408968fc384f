//! What a table looks like, to the letter.
use std::collections::BTreeSet;

use picket_proto::{
    Batch, BatchHeader, BootId, Channel, Column, DeviceId, DiskFault, DiskTrouble, Gap, MetricId,
    NfsState, NfsVerdict, Presence, Quality, Reading, Status, Topic, WallClock, frame::encode,
    metric,
};
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::{
    collector::{Collector, Settings},
    fleet::Pi,
};

const NOW: i64 = 1_735_689_600_000;

#[test]
fn a_table_of_80_columns_shows_what_stands() {
    let (collector, fleet) = shelf();
    let rows = rows(&collector, &fleet, NOW + 12_000);
    let table = render(&rows, 80, 24, Paint::Plain);
    let expect = [
        "PI             TEMP    NFS ms    LOAD  THROTTLE    AGE   LOST  NOTES",
        "shelf-3-01   48.3°C      0.41    0.37  no          12s      0",
        "shelf-3-02   81.2°C         -       -  throttled   12s      7  clock +90s",
        "shelf-3-03        -  no reply    1.00  earlier     12s      0  offline",
        "shelf-3-04        -         -       -  -             -      -  missing",
    ];
    assert_eq!(table.join("\n"), expect.join("\n"));
}

#[test]
fn what_a_pi_says_of_its_server_and_its_disk_is_told_in_words() {
    let (mut collector, fleet) = shelf();
    let mut say = |verdict, fault| {
        let status = Status {
            boot: Some(BootId([1; 16])),
            nfs_verdict: Some(NfsVerdict {
                verdict,
                since_ms: 5_000,
            }),
            disk_trouble: fault,
            ..Status::default()
        };
        let topic = topic(1, Channel::Status);
        collector.handle(&topic, &encode(&status), true, NOW);
        let row = rows(&collector, &fleet, NOW + 12_000).remove(0);
        let [.., notes] = &row.cells;
        (row.cells[2].clone(), notes.text.clone())
    };
    let full = Some(DiskTrouble {
        fault: DiskFault::Full,
        since_ms: 1,
    });
    for (verdict, fault, text, tone, note) in [
        (NfsState::Ok, None, "0.41", Tone::Plain, ""),
        (NfsState::Slow, None, "0.41", Tone::Warn, ""),
        (NfsState::Stalled, None, "stalled", Tone::Bad, ""),
        (NfsState::Stale, full, "stale", Tone::Bad, "disk full"),
        (NfsState::Other(99), None, "0.41", Tone::Plain, ""),
    ] {
        let (nfs, notes) = say(verdict, fault);
        assert_eq!((nfs.text.as_str(), nfs.tone), (text, tone), "{verdict}");
        assert_eq!(notes, note, "{verdict}");
    }
}

#[test]
fn colours_change_no_letter_and_mark_what_is_bad() {
    let (collector, fleet) = shelf();
    let rows = rows(&collector, &fleet, NOW + 12_000);
    let plain = render(&rows, 80, 24, Paint::Plain);
    let coloured = render(&rows, 80, 24, Paint::Colour);
    assert!(
        coloured[2].contains("\x1b[1m\x1b[31mthrottled\x1b[0m"),
        "{:?}",
        coloured[2]
    );
    assert!(!coloured[1].contains('\x1b'), "{:?}", coloured[1]);
    for (plain, coloured) in plain.iter().zip(&coloured) {
        assert_eq!(plain.trim_end(), strip(coloured).trim_end());
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let (collector, fleet) = shelf();
    let rows = rows(&collector, &fleet, NOW + 12_000);
    for width in 20..200 {
        for line in render(&rows, width, 24, Paint::Plain) {
            assert!(line.width() <= width, "{width}: {line:?}");
        }
    }
}

#[test]
fn a_narrow_terminal_leaves_out_what_matters_least() {
    let (collector, fleet) = shelf();
    let rows = rows(&collector, &fleet, NOW + 12_000);
    for (width, head) in [
        (69, "PI TEMP NFS ms LOAD THROTTLE AGE LOST NOTES"),
        (68, "PI TEMP NFS ms LOAD THROTTLE AGE NOTES"),
        (61, "PI TEMP NFS ms LOAD AGE NOTES"),
        (50, "PI TEMP NFS ms AGE NOTES"),
        (42, "PI TEMP AGE NOTES"),
        (32, "PI TEMP NOTES"),
        (26, "PI TEMP"),
    ] {
        let table = render(&rows, width, 24, Paint::Plain);
        let words: Vec<&str> = table[0].split_whitespace().collect();
        assert_eq!(words.join(" "), head, "{width}");
    }
}

#[test]
fn with_too_little_room_what_is_worth_a_look_comes_first() {
    let (collector, fleet) = shelf();
    let rows = rows(&collector, &fleet, NOW + 12_000);
    let table = render(&rows, 80, 3, Paint::Plain);
    assert_eq!(table.len(), 4);
    assert!(table[1].starts_with("shelf-3-02") && table[2].starts_with("shelf-3-03"));
    assert_eq!(table[3], "… and 2 more, for which there is no room");
}

#[test]
fn a_name_can_not_act_on_the_terminal() {
    let fleet = Fleet::new([Pi {
        id: device(1),
        name: Some("\x1b[2J\u{202e}".to_owned()),
        shelf: None,
        position: None,
        power_cycle: None,
    }])
    .unwrap();
    let rows = rows(&Collector::new(Settings::default()), &fleet, NOW);
    let table = render(&rows, 80, 24, Paint::Plain).join("\n");
    assert!(!table.contains(['\x1b', '\u{202e}']), "{table:?}");
    assert!(table.contains("\\u{1b}[2J\\u{202e}"), "{table:?}");
}

/// Four Pis: well, hot with a wrong clock and losses, offline with a dead NFS server, and one that was never heard.
fn shelf() -> (Collector, Fleet) {
    let fleet = Fleet::new((1..=4).map(|number| Pi {
        id: device(number),
        name: Some(format!("shelf-3-{number:02}")),
        shelf: Some("3".to_owned()),
        position: u32::try_from(number).ok(),
        power_cycle: None,
    }))
    .unwrap();
    let mut collector = Collector::new(Settings {
        known: fleet.ids().collect::<BTreeSet<_>>(),
        ..Settings::default()
    });
    let mut say = |number, ahead_ms, lost, readings: &[(MetricId, Reading)]| {
        let batch = batch(ahead_ms, lost, readings);
        let topic = topic(number, Channel::Telemetry);
        collector.handle(&topic, &encode(&batch), false, NOW);
    };
    let well = [
        (metric::SOC_TEMPERATURE, Ok(48_312)),
        (metric::THROTTLED, Ok(0)),
        (metric::LOAD1, Ok(37)),
        (metric::NFS_RTT, Ok(412)),
    ];
    say(1, 0, 0, &well);
    let hot = [
        (metric::SOC_TEMPERATURE, Ok(81_234)),
        (metric::THROTTLED, Ok(0x4_0004)),
        (metric::LOAD1, Err(Gap::Absent)),
        (metric::NFS_RTT, Err(Gap::Idle)),
    ];
    say(2, 90_000, 7, &hot);
    let dead = [
        (metric::SOC_TEMPERATURE, Err(Gap::Absent)),
        (metric::THROTTLED, Ok(0x1_0000)),
        (metric::LOAD1, Ok(100)),
        (metric::NFS_RTT, Ok(400)),
        (metric::NFS_NULL_RTT, Err(Gap::TimedOut)),
    ];
    say(3, 0, 0, &dead);
    let gone = Presence {
        boot: BootId([1; 16]),
        connection: 1,
        online: false,
    };
    let will = topic(3, Channel::Presence);
    collector.handle(&will, &encode(&gone), false, NOW);
    (collector, fleet)
}

fn batch(ahead_ms: i64, lost: u64, readings: &[(MetricId, Reading)]) -> Batch {
    let columns = readings.iter().map(|&(metric, reading)| Column {
        metric,
        readings: vec![reading],
    });
    Batch {
        header: BatchHeader {
            boot: BootId([1; 16]),
            first_tick: 0,
            first_boottime_ms: 5_000,
            period_ms: 10_000,
            stride: 1,
            count: 1,
            wall: WallClock {
                offset_ms: NOW - 5_000 + ahead_ms,
                quality: Quality::Synchronised,
            },
            lost,
        },
        columns: columns.collect(),
    }
}

fn device(number: u64) -> DeviceId {
    DeviceId(number.to_be_bytes())
}

fn topic(number: u64, channel: Channel) -> Topic {
    Topic {
        channel,
        device: device(number),
    }
}

/// The text without its colours.
fn strip(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\x1b') {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}
