//! What comes in which order, and what the collector makes of it.
use picket_proto::{Event, EventKind, EventReport};
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
