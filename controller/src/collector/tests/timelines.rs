//! What comes in which order, and what the collector makes of it.
use picket_proto::{Event, EventKind, EventReport, Status};
use proptest::prelude::*;

use super::*;

#[test]
fn every_tick_is_reported_once_whatever_order_batches_come_in() {
    let mut collector = collector();
    for (channel, first, count, new, missing, latest) in [
        (Channel::Telemetry, 0, 3, vec![0, 1, 2], 0, 2),
        (Channel::Telemetry, 6, 2, vec![6, 7], 3, 7),
        (Channel::Telemetry, 6, 2, vec![], 3, 7),
        (Channel::Backlog, 2, 3, vec![3, 4], 1, 7),
        (Channel::Telemetry, 8, 1, vec![8], 1, 8),
        (Channel::Backlog, 0, 9, vec![5], 0, 8),
    ] {
        let updates = send(&mut collector, channel, &batch(BOOT, first, count));
        assert_eq!(ticks(&updates), new, "{channel} {first}+{count}");
        assert_eq!(warnings(&updates), [], "{channel} {first}+{count}");
        let known = collector.device(device(7)).unwrap();
        assert_eq!(known.missing(), missing, "{channel} {first}+{count}");
        assert_eq!(
            known.latest().unwrap().tick,
            latest,
            "{channel} {first}+{count}"
        );
    }
}

#[test]
fn a_thinned_batch_brings_each_of_its_ticks_and_leaves_holes() {
    let mut collector = collector();
    let mut thinned = batch(BOOT, 10, 4);
    thinned.header.stride = 3;
    thinned.header.lost = 6;
    assert_eq!(
        ticks(&send(&mut collector, Channel::Backlog, &thinned)),
        [10, 13, 16, 19]
    );
    let known = collector.device(device(7)).unwrap();
    assert_eq!((known.lost(), known.missing()), (6, 6));
    assert_eq!(
        known.gaps(BOOT),
        [range(11, 12), range(14, 15), range(17, 18)]
    );
    let (_, ack) = &collector.acks()[0];
    assert_eq!(
        ack.boots[0].ticks,
        [range(10, 10), range(13, 13), range(16, 16), range(19, 19)]
    );
}

#[test]
fn acks_name_what_came_since_the_last_ack_and_repetitions_again() {
    let mut collector = collector();
    assert_eq!(acked(&mut collector), []);
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 5, 2));
    assert_eq!(acked(&mut collector), [range(5, 6)]);
    assert_eq!(acked(&mut collector), [], "nothing came since");
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 5, 2));
    assert_eq!(acked(&mut collector), [range(5, 6)], "the ack was lost");
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 7, 2));
    assert_eq!(
        acked(&mut collector),
        [range(5, 8)],
        "grown to what is known"
    );
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 20, 1));
    assert_eq!(acked(&mut collector), [range(20, 20)]);
}

#[test]
fn who_is_no_collector_acks_nothing() {
    let mut listener = Collector::new(Settings::default());
    send(&mut listener, Channel::Telemetry, &batch(BOOT, 0, 2));
    assert_eq!(listener.acks(), []);
}

#[test]
fn ticks_of_each_boot_are_counted_apart_and_keep_their_boot() {
    let mut collector = collector();
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 0, 3));
    send(&mut collector, Channel::Telemetry, &batch(OTHER, 0, 2));
    let late = send(&mut collector, Channel::Backlog, &batch(BOOT, 3, 2));
    assert_eq!(ticks(&late), [3, 4]);
    let known = collector.device(device(7)).unwrap();
    assert_eq!(
        known.latest().unwrap().boot,
        OTHER,
        "the backlog is not the present"
    );
    assert_eq!(known.boots().collect::<Vec<_>>(), [BOOT, OTHER]);
    let acks = collector.acks();
    assert_eq!(acks.len(), 1);
    assert_eq!(acks[0].1.collector, "roof");
    let boots: Vec<_> = acks[0]
        .1
        .boots
        .iter()
        .map(|b| (b.boot, b.ticks.clone()))
        .collect();
    assert_eq!(
        boots,
        [(BOOT, vec![range(0, 4)]), (OTHER, vec![range(0, 1)])]
    );
}

#[test]
fn ticks_of_1970_get_their_time_once_it_is_known_and_keep_their_order() {
    const TEN_YEARS: i64 = 10 * 365 * 86_400_000;
    let right = NOW - 20_000;
    let mut collector = collector();
    let mut seen = Vec::new();
    for (first, offset_ms, quality, news, time_of_tick_0) in [
        (0, 0, Quality::Unset, false, None),
        (
            2,
            right - TEN_YEARS,
            Quality::Unsynchronised,
            true,
            Some(NOW - TEN_YEARS),
        ),
        (
            4,
            right + TEN_YEARS,
            Quality::Unsynchronised,
            true,
            Some(NOW + TEN_YEARS),
        ),
        (6, right, Quality::Synchronised, true, Some(NOW)),
        (
            8,
            right + 300,
            Quality::Synchronised,
            false,
            Some(NOW + 300),
        ),
        (
            10,
            right - TEN_YEARS,
            Quality::Unsynchronised,
            false,
            Some(NOW + 300),
        ),
        (12, 0, Quality::Unset, false, Some(NOW + 300)),
    ] {
        let mut sent = batch(BOOT, first, 2);
        sent.header.wall = WallClock { offset_ms, quality };
        let updates = send(&mut collector, Channel::Telemetry, &sent);
        let told = updates.iter().any(|u| matches!(u, Update::Clock { .. }));
        assert_eq!(told, news, "at tick {first}");
        seen.extend(ticks(&updates));
        let known = collector.device(device(7)).unwrap();
        assert_eq!(
            known.time(BOOT, 20_000).0,
            time_of_tick_0,
            "at tick {first}"
        );
        for update in updates {
            if let Update::Tick(tick) = update {
                assert_eq!(tick.unix_ms, known.time(BOOT, tick.boottime_ms).0);
            }
        }
    }
    assert_eq!(seen, (0..14).collect::<Vec<_>>());
}

#[test]
fn the_anchor_of_a_late_backlog_does_not_replace_a_newer_one() {
    let mut collector = collector();
    send(&mut collector, Channel::Telemetry, &batch(BOOT, 50, 1));
    let mut old = batch(BOOT, 0, 10);
    old.header.wall.offset_ms -= 5_000;
    send(&mut collector, Channel::Backlog, &old);
    assert_eq!(
        collector.device(device(7)).unwrap().time(BOOT, 20_000).0,
        Some(NOW)
    );
}

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
fn every_event_is_reported_once_and_acked() {
    let mut collector = collector();
    for (numbers, new) in [
        (vec![0, 1], vec![0, 1]),
        (vec![1, 2], vec![2]),
        (vec![5], vec![5]),
    ] {
        let report = EventReport {
            boot: BOOT,
            wall: batch(BOOT, 0, 1).header.wall,
            lost: 0,
            events: numbers.into_iter().map(event).collect(),
        };
        let updates = collector.handle(&topic(Channel::Event), &encode(&report), false, NOW);
        let seen: Vec<_> = updates
            .iter()
            .filter_map(|update| match update {
                Update::Event(seen) => Some((seen.event.sequence, seen.unix_ms)),
                _ => None,
            })
            .collect();
        let expect: Vec<_> = new.into_iter().map(|n| (n, Some(NOW + 1_000))).collect();
        assert_eq!(seen, expect);
    }
    assert_eq!(
        collector.acks()[0].1.boots[0].events,
        [range(0, 2), range(5, 5)]
    );
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

proptest! {
    #[test]
    fn any_shuffle_with_repetitions_gives_each_tick_once_and_acks_them_all(
        pieces in prop::collection::vec((0u64..200, 1u16..20, 1u16..4, any::<bool>(), any::<bool>()), 1..60),
    ) {
        let mut collector = collector();
        let mut made = BTreeSet::new();
        let mut got = Vec::new();
        let mut acked = picket_proto::TickRanges::new();
        for (first, count, stride, live, ack) in pieces {
            let mut sent = batch(BOOT, first, count);
            sent.header.stride = stride;
            made.extend((0..count).map(|row| sent.header.tick(row)));
            let channel = if live { Channel::Telemetry } else { Channel::Backlog };
            got.extend(ticks(&send(&mut collector, channel, &sent)));
            if ack {
                collect(&mut collector, &mut acked);
            }
        }
        collect(&mut collector, &mut acked);
        got.sort_unstable();
        prop_assert_eq!(&got, &made.iter().copied().collect::<Vec<_>>());
        let acked: Vec<u64> = acked.iter().flat_map(|r| r.first..=r.last).collect();
        prop_assert_eq!(acked, got);
    }
}

fn collect(collector: &mut Collector, into: &mut picket_proto::TickRanges) {
    for (_, ack) in collector.acks() {
        into.extend(ack.boots.into_iter().flat_map(|boot| boot.ticks));
    }
}

fn acked(collector: &mut Collector) -> Vec<TickRange> {
    let acks: Vec<(DeviceId, Ack)> = collector.acks();
    acks.into_iter()
        .flat_map(|(_, ack)| ack.boots)
        .flat_map(|boot| boot.ticks)
        .collect()
}

fn event(sequence: u64) -> Event {
    Event {
        sequence,
        boottime_ms: 21_000,
        what: EventKind::Throttled { active: true },
    }
}
