//! Hostile senders: what they say is refused or forgotten, and memory stays bounded.
use picket_proto::{DecodeError, Report, Status};

use super::*;

#[test]
fn a_flood_of_devices_forgets_the_most_silent_but_never_the_inventory() {
    let mut collector = Collector::new(Settings {
        known: [device(7)].into(),
        max_devices: 100,
        ..collector().settings
    });
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 0, 1));
    for number in 1_000..101_000 {
        let topic = Topic {
            channel: Channel::Telemetry,
            device: device(number),
        };
        collector.handle(&topic, &encode(&batch(BOOT, 0, 1)), false, NOW);
        assert!(collector.devices.len() <= 100 && collector.idle.len() <= 100);
    }
    assert_eq!(collector.devices.len(), 100);
    assert!(collector.device(device(7)).is_some());
    assert!(collector.device(device(100_999)).is_some());
    assert_eq!(collector.acks().len(), 100);
}

#[test]
fn a_forgotten_device_is_told() {
    let mut collector = Collector::new(Settings {
        max_devices: 1,
        ..Settings::default()
    });
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 0, 1));
    let other = Topic {
        channel: Channel::Telemetry,
        device: device(8),
    };
    let updates = collector.handle(&other, &encode(&batch(BOOT, 0, 1)), false, NOW);
    assert_eq!(
        updates[0],
        Update::warning(device(7), Warning::DeviceForgotten)
    );
}

#[test]
fn a_flood_of_boots_keeps_the_newest_and_the_count_of_lost_ticks() {
    let mut collector = collector();
    for number in 0u32..100_000 {
        let mut boot = [0; 16];
        boot[..4].copy_from_slice(&number.to_be_bytes());
        let mut sent = batch(BootId(boot), 0, 1);
        sent.header.lost = 2;
        let updates = send(&mut collector, Channel::Backlog, &sent);
        let forgotten = usize::from(number >= 16);
        assert_eq!(warnings(&updates).len(), forgotten, "boot {number}");
    }
    let known = collector.device(device(7)).unwrap();
    assert_eq!(known.boots.len(), 16);
    assert_eq!(known.lost(), 200_000);
}

#[test]
fn a_flood_of_holes_closes_the_oldest_and_acks_only_what_came() {
    let mut collector = collector();
    for number in 0..100_000 {
        let updates = send(
            &mut collector,
            Channel::Backlog,
            &batch(BOOT, number * 2, 1),
        );
        assert_eq!(ticks(&updates), [number * 2]);
        if number % 1_000 == 0 {
            let known = collector.device(device(7)).unwrap();
            assert!(known.gaps(BOOT).len() < 512);
        }
    }
    let known = collector.device(device(7)).unwrap();
    assert_eq!(known.missing(), 99_999, "closed holes stay missing");
    let acks = collector.acks();
    assert!(acks.len() >= 2);
    for (_, ack) in acks {
        let named: usize = ack.boots.iter().map(|b| b.ticks.len()).sum();
        assert!((1..=256).contains(&named), "{named} ranges");
        assert!(encode(&ack).len() < 4096);
        for range in &ack.boots[0].ticks {
            assert!(
                range.first == range.last && range.first % 2 == 0,
                "{range:?}"
            );
        }
    }
}

#[test]
fn numbers_beyond_reason_are_refused_by_name() {
    type Change = fn(&mut BatchHeader);
    let table: [(&str, Change); 5] = [
        ("tick number", |h| h.first_tick = 1 << 60),
        ("tick number", |h| h.first_tick = (1 << 53) - 1),
        ("boottime", |h| h.first_boottime_ms = 1 << 60),
        ("count of lost ticks", |h| h.lost = 1 << 60),
        ("period", |h| h.period_ms = 0),
    ];
    for (what, change) in table {
        let mut collector = collector();
        let mut sent = batch(BOOT, 0, 2);
        change(&mut sent.header);
        let updates = collector.handle(&topic(Channel::Telemetry), &encode(&sent), false, NOW);
        let refused = Warning::Refused(Channel::Telemetry, Refusal::OutOfRange(what));
        assert_eq!(warnings(&updates), [refused]);
        assert!(ticks(&updates).is_empty());
        assert!(collector.device(device(7)).unwrap().boots.is_empty());
    }
}

#[test]
fn extreme_clocks_are_no_time() {
    for offset_ms in [i64::MIN, i64::MAX, 0, -1, 7_258_118_400_000] {
        let mut collector = collector();
        let mut sent = batch(BOOT, 0, 1);
        sent.header.wall.offset_ms = offset_ms;
        let updates = collector.handle(&topic(Channel::Telemetry), &encode(&sent), false, i64::MIN);
        assert!(matches!(&updates[..], [Update::Tick(tick)] if tick.unix_ms.is_none()));
        assert_eq!(
            collector.device(device(7)).unwrap().clock(),
            ClockState::Unset
        );
    }
}

#[test]
fn garbage_is_told_once_until_something_good_comes() {
    let mut collector = collector();
    for (payload, told) in [
        (&b"\x01"[..], Some(DecodeError::Empty)),
        (&b"junk"[..], None),
        (&encode(&batch(BOOT, 0, 1))[..], None),
        (
            &b"\x01\x04"[..],
            Some(DecodeError::Unexpected {
                wanted: 1,
                found: 4,
            }),
        ),
    ] {
        let updates = collector.handle(&topic(Channel::Telemetry), payload, false, NOW);
        let expect: Vec<_> = told
            .map(|error| Warning::Refused(Channel::Telemetry, Refusal::Decode(error)))
            .into_iter()
            .collect();
        assert_eq!(warnings(&updates), expect, "{payload:?}");
    }
    assert_eq!(collector.device(device(7)).unwrap().refused(), 3);
}

#[test]
fn what_is_said_to_agents_is_not_listened_to() {
    let mut collector = collector();
    for channel in [Channel::Ack, Channel::Command, Channel::Ping, Channel::Pong] {
        assert_eq!(
            collector.handle(&topic(channel), b"anything", false, NOW),
            []
        );
    }
    assert_eq!(collector.devices().count(), 0);
}

#[test]
fn texts_of_a_status_are_cut() {
    let mut collector = collector();
    let long = "ä".repeat(800);
    let status = Status {
        model: Some(long.clone()),
        features: Some(vec![long; 64]),
        ..Status::default()
    };
    collector.handle(&topic(Channel::Status), &encode(&status), true, NOW);
    let kept = collector.device(device(7)).unwrap().status().unwrap();
    assert_eq!(kept.model.as_ref().unwrap().chars().count(), 400);
    let features = kept.features.as_ref().unwrap();
    assert_eq!((features.len(), features[0].chars().count()), (64, 400));
}

#[test]
fn an_ack_is_one_that_an_agent_accepts() {
    let mut collector = collector();
    for number in 0..2_000 {
        send(
            &mut collector,
            Channel::Backlog,
            &batch(BOOT, number * 3, 1),
        );
    }
    for (_, ack) in collector.acks() {
        assert!(ack.boots.iter().all(|boot| boot.ticks.len() <= MAX_RANGES));
        assert_eq!(picket_proto::frame::decode::<Ack>(&encode(&ack)), Ok(ack));
    }
}

#[test]
fn a_report_is_told_each_time_with_its_texts_cut_unless_the_broker_kept_it() {
    let mut collector = collector();
    let report = Report {
        detail: Some("ä".repeat(1_000)),
        warnings: Some(vec!["w".repeat(1_000); 64]),
        ..Report::default()
    };
    let mut heard = Vec::new();
    for retained in [false, true, false] {
        heard.extend(collector.handle(&topic(Channel::Report), &encode(&report), retained, NOW));
    }
    assert_eq!(heard.len(), 2);
    let Update::Report { report, .. } = &heard[0] else {
        panic!("{heard:?}");
    };
    let warnings = report.warnings.as_ref().unwrap();
    let lengths = (
        report.detail.as_ref().unwrap().chars().count(),
        warnings.len(),
        warnings[0].len(),
    );
    assert_eq!(lengths, (400, 16, 400));
}
