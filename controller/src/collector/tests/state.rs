//! What is known of a device besides its ticks: clock, clashes, presence, status, age.
use picket_proto::Status;

use super::*;

#[test]
fn a_clock_that_is_off_is_told_when_it_begins() {
    use ClockState::{Off, Right, Unknown, Unset};
    let mut collector = collector();
    for (tick, channel, late_ms, quality, state, told) in [
        (
            0,
            Channel::Backlog,
            90_000,
            Quality::Synchronised,
            Unknown,
            vec![],
        ),
        (1, Channel::Telemetry, 0, Quality::Unset, Unset, vec![]),
        (
            2,
            Channel::Telemetry,
            19_000,
            Quality::Unsynchronised,
            Right,
            vec![],
        ),
        (
            3,
            Channel::Telemetry,
            90_000,
            Quality::Unsynchronised,
            Right,
            vec![],
        ),
        (
            4,
            Channel::Telemetry,
            90_000,
            Quality::Unsynchronised,
            Off(-80_000),
            vec![-80_000],
        ),
        (
            5,
            Channel::Telemetry,
            91_000,
            Quality::Unsynchronised,
            Off(-81_000),
            vec![],
        ),
        (
            6,
            Channel::Telemetry,
            -9_000,
            Quality::Unsynchronised,
            Right,
            vec![],
        ),
        (
            7,
            Channel::Telemetry,
            -11_000,
            Quality::Unsynchronised,
            Off(11_000),
            vec![11_000],
        ),
    ] {
        let mut sent = batch(BOOT, tick, 1);
        sent.header.wall.quality = quality;
        let arrival = made(&sent) + late_ms;
        let updates = collector.handle(&topic(channel), &encode(&sent), false, arrival);
        let expect: Vec<_> = told.into_iter().map(Warning::ClockOff).collect();
        assert_eq!(warnings(&updates), expect, "tick {tick}");
        assert_eq!(
            collector.device(device(7)).unwrap().clock(),
            state,
            "tick {tick}"
        );
    }
}

#[test]
fn two_boots_that_are_live_in_turns_are_a_clash() {
    let mut collector = collector();
    let third = BootId([3; 16]);
    for (boot, tick, clash) in [
        (third, 0, None),
        (BOOT, 0, None),
        (OTHER, 0, None),
        (BOOT, 1, None),
        (OTHER, 1, None),
        (BOOT, 1, None),
        (BOOT, 2, Some(Clash::Boots(OTHER, BOOT))),
        (OTHER, 2, None),
    ] {
        let updates = send(&mut collector, Channel::Telemetry, &batch(boot, tick, 1));
        let expect: Vec<_> = clash.into_iter().map(Warning::Clash).collect();
        assert_eq!(warnings(&updates), expect, "{boot} {tick}");
    }
    let known = collector.device(device(7)).unwrap();
    assert!(known.clash(NOW + 60_000).is_some(), "a clash stands");
    assert!(known.clash(NOW + 3_600_000).is_none(), "until it is over");
}

#[test]
fn reboots_and_their_backlog_are_no_clash() {
    let mut collector = collector();
    for (channel, boot, tick) in [
        (Channel::Telemetry, BOOT, 0),
        (Channel::Telemetry, OTHER, 0),
        (Channel::Backlog, BOOT, 1),
        (Channel::Telemetry, OTHER, 1),
        (Channel::Backlog, BOOT, 2),
        (Channel::Telemetry, OTHER, 2),
        (Channel::Telemetry, BootId([3; 16]), 0),
    ] {
        let updates = send(&mut collector, channel, &batch(boot, tick, 1));
        assert_eq!(warnings(&updates), []);
    }
}

#[test]
fn one_tick_with_two_times_is_a_clash() {
    let mut collector = collector();
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 4, 3));
    let mut twin = batch(BOOT, 5, 3);
    twin.header.first_boottime_ms += 4_000;
    assert_eq!(
        warnings(&send(&mut collector, Channel::Telemetry, &twin)),
        [],
        "jitter"
    );
    twin.header.first_boottime_ms += 60_000;
    let updates = send(&mut collector, Channel::Telemetry, &twin);
    assert_eq!(warnings(&updates), [Warning::Clash(Clash::Tick(BOOT, 5))]);
}

#[test]
fn the_will_of_an_older_connection_is_ignored() {
    let mut collector = collector();
    for (boot, connection, online, heard, up) in [
        (BOOT, 1, true, true, true),
        (BOOT, 2, true, true, true),
        (BOOT, 1, false, false, true),
        (BOOT, 2, false, true, false),
        (BOOT, 2, true, false, false),
        (BOOT, 3, true, true, true),
        (OTHER, 1, true, true, true),
        (BOOT, 3, false, false, true),
        (OTHER, 1, false, true, false),
    ] {
        let said = Presence {
            boot,
            connection,
            online,
        };
        let updates = collector.handle(&topic(Channel::Presence), &encode(&said), false, NOW);
        assert_eq!(!updates.is_empty(), heard, "{said:?}");
        let known = collector.device(device(7)).unwrap().presence().unwrap();
        assert_eq!(known.online, up, "{said:?}");
    }
}

#[test]
fn a_retained_batch_is_read_but_is_not_the_present() {
    let mut collector = collector();
    let old = batch(BOOT, 0, 1);
    let updates = collector.handle(
        &topic(Channel::Telemetry),
        &encode(&old),
        true,
        NOW + 86_400_000,
    );
    assert_eq!(ticks(&updates), [0]);
    let known = collector.device(device(7)).unwrap();
    assert_eq!(
        (known.clock(), known.heard_ms()),
        (ClockState::Unknown, None)
    );
}

#[test]
fn status_is_told_when_it_changes() {
    let mut collector = collector();
    for (model, told) in [("Pi 3", true), ("Pi 3", false), ("Pi 4", true)] {
        let status = Status {
            model: Some(model.to_owned()),
            ..Status::default()
        };
        let updates = collector.handle(&topic(Channel::Status), &encode(&status), true, NOW);
        assert_eq!(updates.len(), usize::from(told), "{model}");
    }
    assert_eq!(
        collector.handle(&topic(Channel::Status), &[], true, NOW),
        []
    );
}

#[test]
fn age_is_the_time_since_the_newest_tick_arrived() {
    let mut collector = collector();
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 0, 1));
    let known = collector.device(device(7)).unwrap();
    assert_eq!(known.age_ms(NOW + 61_000), Some(61_000));
    assert_eq!(known.age_ms(NOW - 5), Some(0), "our clock was set back");
    assert_eq!(known.reading(metric::SOC_TEMPERATURE), Some(Ok(40_000)));
    assert_eq!(known.reading(metric::NFS_RTT), None);
}
