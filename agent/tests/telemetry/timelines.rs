//! Timelines: at 125 this arrives, at 190 expect that batch.
use picket_proto::{
    Ack, BatchHeader, BootAck, BootId, Channel, EventKind, MetricId, NfsState, NfsVerdict, Quality,
    TickRange, WallClock, metric,
};
use picketd::{
    config::Periods,
    sampler::Sample,
    telemetry::{AckMode, Input, Resume, Telemetry, TelemetrySettings},
};

use crate::rig::{COLLECTOR, Faults, NO_FAULTS, Rig, collector_mode, numbered, settings};

const SPOOL: usize = 96 * 1024;
const BOOT: BootId = BootId([1; 16]);

#[test]
fn a_window_of_ticks_goes_out_in_the_devices_slot() {
    let mut rig = rig(AckMode::Puback);
    rig.connect();
    rig.run_ms(300_000);
    let times: Vec<u64> = rig.sent.iter().map(|(at, ..)| at % 60_000).collect();
    assert_eq!(times, [times[0]; 5]);
    let shapes: Vec<_> = rig
        .sent
        .iter()
        .map(|(_, channel, first, count)| (*channel, *first, *count))
        .collect();
    let begun = shapes[0].2;
    for (at, shape) in shapes.iter().enumerate().skip(1) {
        assert_eq!(
            *shape,
            (
                Channel::Telemetry,
                u64::from(begun) + 6 * (at as u64 - 1),
                6
            )
        );
    }
}

#[test]
fn after_a_configure_the_open_batch_goes_out_and_the_next_ones_come_at_the_new_times() {
    let mut rig = rig(AckMode::Puback);
    rig.connect();
    rig.run_ms(95_000);
    rig.sent.clear();
    rig.configure(Periods::new(2_000, 20_000).unwrap());
    let (at, _, first, count) = *rig.sent.last().unwrap();
    assert_eq!(
        (rig.sent.len(), at, first + u64::from(count)),
        (1, 100_000, 10)
    );
    rig.run_ms(120_000);
    let (_, shapes) = rig.sent.split_at(2);
    assert_eq!(shapes.len(), 5);
    for pair in shapes.windows(2) {
        let [(at, channel, first, count), (next_at, _, next, _)] = *pair else {
            unreachable!("windows of two");
        };
        assert_eq!((channel, count), (Channel::Telemetry, 10));
        assert_eq!((next_at - at, next - first), (20_000, 10));
    }
    let headers: Vec<BatchHeader> = rig
        .collector
        .batches
        .iter()
        .map(|(_, batch)| batch.header)
        .collect();
    let (old, new): (Vec<BatchHeader>, Vec<BatchHeader>) = headers
        .into_iter()
        .partition(|header| header.first_tick < 10);
    assert!(old.iter().all(|header| header.period_ms == 10_000));
    assert!(new.iter().all(|header| header.period_ms == 2_000));
    assert_eq!(
        new[0].first_boottime_ms, 102_000,
        "a new period after the last tick"
    );
}

#[test]
fn after_a_configure_patience_is_three_of_the_new_windows() {
    let mut rig = rig(collector_mode());
    rig.connect();
    rig.configure(Periods::new(10_000, 600_000).unwrap());
    rig.faults.collector_away = true;
    rig.run_ms(1_200_000);
    let first = rig.sent[0].0;
    rig.run_ms(first + 1_800_000 - 1 - rig.now_ms);
    assert!(times(&rig, Channel::Backlog).is_empty());
    rig.faults = NO_FAULTS;
    rig.run_ms(1);
    rig.settle();
    assert!(!times(&rig, Channel::Backlog).is_empty());
    let (made, have, lost) = rig.account(BOOT);
    assert_eq!((have, lost), (made, 0));
}

#[test]
fn live_goes_on_while_the_backlog_catches_up_a_block_a_second() {
    let mut rig = rig(collector_mode());
    rig.run_ticks(8640);
    rig.connect();
    let connected = rig.now_ms;
    rig.run_ticks(60);
    let backlog: Vec<u64> = times(&rig, Channel::Backlog);
    assert!(backlog.len() > 8, "{} blocks", backlog.len());
    assert!(
        backlog.windows(2).all(|pair| pair[1] - pair[0] >= 1000),
        "{backlog:?}"
    );
    assert!(backlog.last().unwrap() - connected < 60_000, "{backlog:?}");
    assert_eq!(times(&rig, Channel::Telemetry).len(), 10);
    rig.settle();
    assert_eq!(rig.account(BOOT), (8700, 8700, 0));
    assert_eq!(rig.collector.duplicates, 0);
}

#[test]
fn an_edge_goes_out_at_once_with_the_batch_and_not_more_than_five_times_in_a_burst() {
    let mut rig = Rig::new(settings(AckMode::Puback, SPOOL), |tick| {
        let hot = if tick % 2 == 0 { 70_000 } else { 81_000 };
        Sample(vec![(metric::SOC_TEMPERATURE, Ok(hot))])
    });
    rig.connect();
    let reports = rig.collector.reports.len();
    rig.run_ms(5_000);
    rig.run_ms(10_000);
    assert_eq!(rig.collector.reports.len(), reports + 1);
    let edge = &rig.collector.reports.last().unwrap().events.last().unwrap();
    assert_eq!(edge.boottime_ms, 20_000);
    assert_eq!(
        edge.what,
        EventKind::TemperatureLimit {
            active: true,
            limit: 80_000,
            reading: 81_000
        }
    );
    assert_eq!(
        rig.sent.last().unwrap(),
        &(20_000, Channel::Telemetry, 0, 2)
    );
    rig.run_ms(3_600_000);
    let sent = rig.collector.reports.len();
    assert!(sent <= 5 + 360 + 60, "{sent} reports in an hour");
    rig.settle();
    assert_eq!(
        rig.collector.events[&BOOT].len() as u64,
        rig.telemetry.progress().next_event
    );
}

#[test]
fn an_edge_that_somebody_else_found_goes_out_at_once() {
    let mut rig = Rig::new(settings(AckMode::Puback, SPOOL), numbered);
    rig.connect();
    rig.run_ms(5_000);
    let before = rig.collector.reports.len();
    let what = EventKind::NfsVerdict(NfsVerdict {
        verdict: NfsState::Stalled,
        since_ms: 7,
    });
    rig.input(Input::Edge(what.clone()));
    let reports = &rig.collector.reports[before..];
    let told = reports.iter().flat_map(|report| &report.events);
    assert_eq!(told.last().map(|event| event.what.clone()), Some(what));
}

#[test]
fn what_is_not_confirmed_at_a_disconnect_comes_again_as_backlog() {
    let mut rig = rig(AckMode::Puback);
    rig.connect();
    rig.faults.publishes_lost = true;
    rig.run_ticks(12);
    rig.disconnect();
    rig.faults = NO_FAULTS;
    rig.connect();
    rig.settle();
    assert_eq!(rig.account(BOOT), (12, 12, 0));
    assert_eq!(rig.collector.batches[0].0, Channel::Backlog);
    assert_eq!(rig.collector.batches[0].1.header.first_tick, 0);
    assert_eq!(rig.collector.duplicates, 0);
}

#[test]
fn a_puback_is_not_a_collectors_ack() {
    let mut rig = rig(collector_mode());
    rig.connect();
    rig.faults.collector_away = true;
    rig.run_ticks(30);
    assert_eq!(rig.telemetry.progress().settled, 0);
    rig.faults = NO_FAULTS;
    rig.run_ticks(60);
    rig.settle();
    assert_eq!(rig.account(BOOT), (90, 90, 0));
}

#[test]
fn live_goes_on_and_the_backlog_only_probes_while_the_collector_is_away() {
    let mut rig = rig(collector_mode());
    rig.connect();
    rig.faults.collector_away = true;
    rig.run_ticks(8640);
    assert_eq!(times(&rig, Channel::Telemetry).len(), 1440);
    let probes = times(&rig, Channel::Backlog).len();
    assert!((20..60).contains(&probes), "{probes} probes");
    rig.faults = NO_FAULTS;
    rig.run_ticks(60);
    rig.settle();
    assert_eq!(rig.account(BOOT), (8700, 8700, 0));
}

#[test]
fn with_ten_batches_a_second_and_no_ack_live_goes_on_and_nothing_is_lost() {
    let settings = TelemetrySettings {
        period_ms: 100,
        window_ms: 100,
        ..settings(collector_mode(), 1024 * 1024)
    };
    let mut rig = Rig::new(settings, numbered);
    rig.connect();
    rig.faults.acks_lost = true;
    rig.run_ticks(3_000);
    let live = rig
        .collector
        .batches
        .iter()
        .filter(|(channel, _)| *channel == Channel::Telemetry);
    assert!(live.count() > 2_900);
    rig.faults = NO_FAULTS;
    rig.settle();
    let (made, have, lost) = rig.account(rig.settings.boot);
    assert_eq!((have, lost), (made, 0));
    assert_eq!(rig.telemetry.progress().settled, made);
}

#[test]
fn a_block_that_is_not_confirmed_in_time_takes_all_behind_it_along() {
    let mut rig = rig(collector_mode());
    rig.run_ticks(8640);
    rig.faults.collector_away = true;
    rig.connect();
    rig.faults = NO_FAULTS;
    rig.run_ms(10_000);
    rig.faults.collector_away = true;
    rig.run_ms(100_000);
    let sent = firsts(&rig);
    let blocks = [&sent[..1], &sent[sent.len() - 3..]].concat();
    assert!(sent.len() > 8, "{sent:?}");
    rig.faults = NO_FAULTS;
    rig.sent.clear();
    rig.run_ticks(60);
    rig.settle();
    let again = firsts(&rig);
    assert_eq!(again[..4], blocks);
    assert!(again.is_sorted(), "{again:?}");
    let (made, have, lost) = rig.account(BOOT);
    assert_eq!((have, lost), (made, 0));
}

#[test]
fn an_ack_settles_nothing_of_a_block_of_which_a_part_was_not_sent() {
    let mut rig = rig(collector_mode());
    rig.faults.acks_lost = true;
    rig.connect();
    rig.run_ticks(7);
    rig.disconnect();
    rig.run_ticks(400);
    rig.input(Input::Acked(ack_of_everything(COLLECTOR)));
    rig.faults = NO_FAULTS;
    rig.connect();
    rig.settle();
    assert_eq!(rig.account(BOOT), (407, 407, 0));
}

#[test]
fn after_a_day_without_a_call_the_next_deadline_lies_ahead() {
    for faults in [
        NO_FAULTS,
        Faults {
            publishes_lost: true,
            ..NO_FAULTS
        },
        Faults {
            acks_lost: true,
            ..NO_FAULTS
        },
        Faults {
            pubacks_lost: true,
            ..NO_FAULTS
        },
    ] {
        let mut rig = rig(collector_mode());
        rig.run_ticks(500);
        rig.faults = faults;
        rig.connect();
        rig.run_ticks(7);
        for input in [Input::Deadline, Input::Disconnected, Input::Connected] {
            rig.pass(86_400_000);
            rig.input(input);
        }
    }
}

#[test]
fn an_ack_for_what_was_not_sent_settles_nothing() {
    let mut rig = rig(collector_mode());
    rig.run_ticks(30);
    rig.input(Input::Acked(ack_of_everything("watch")));
    assert_eq!(rig.telemetry.progress().settled, 0);
    assert_eq!(rig.telemetry.progress().events_settled, 0);
    rig.connect();
    rig.settle();
    assert_eq!(rig.account(BOOT), (30, 30, 0));
}

#[test]
fn another_collectors_ack_settles_nothing() {
    let mut rig = rig(collector_mode());
    rig.faults.acks_lost = true;
    rig.connect();
    rig.run_ticks(12);
    for (collector, settled) in [("other", 0), ("", 0), ("watch", 6)] {
        rig.input(Input::Acked(ack_of_everything(collector)));
        let progress = rig.telemetry.progress();
        assert!(progress.settled >= settled, "{collector}: {progress:?}");
        assert_eq!(progress.settled > 0, settled > 0, "{collector}");
        assert_eq!(progress.events_settled > 0, settled > 0, "{collector}");
    }
}

#[test]
fn a_late_puback_settles_what_was_in_that_publish_and_no_more() {
    let mut rig = rig(AckMode::Puback);
    rig.connect();
    rig.faults.pubacks_lost = true;
    rig.run_ticks(13);
    assert_eq!(rig.telemetry.progress().settled, 0);
    rig.disconnect();
    rig.run_ticks(60);
    rig.late_pubacks();
    let settled = rig.telemetry.progress().settled;
    assert!(settled <= 13, "{settled}");
    rig.faults = NO_FAULTS;
    rig.connect();
    rig.settle();
    assert_eq!(rig.account(BOOT), (73, 73, 0));
}

#[test]
fn slots_without_a_sample_have_numbers_and_count_as_lost() {
    let mut rig = rig(collector_mode());
    rig.connect();
    rig.run_ticks(10);
    rig.miss(7);
    rig.run_ticks(10);
    rig.settle();
    assert_eq!(rig.account(BOOT), (27, 20, 7));
    let told = rig
        .collector
        .reports
        .iter()
        .flat_map(|report| &report.events);
    let told: Vec<_> = told
        .filter(|event| matches!(event.what, EventKind::TicksLost { .. }))
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].what, EventKind::TicksLost { count: 7 });
}

#[test]
fn a_full_spool_is_thinned_then_dropped_and_every_lost_tick_is_told() {
    // How wide the oldest ones are at the end, before the next one of them is dropped, hangs on a few bytes of memory.
    for (ticks, stride) in [(3_000, 2), (40_000, 16)] {
        let mut rig = Rig::new(settings(collector_mode(), 20 * 1024), noisy);
        rig.run_ticks(ticks);
        rig.connect();
        rig.run_ticks(60);
        rig.settle();
        let (made, have, lost) = rig.account(BOOT);
        assert_eq!(made, have + lost);
        assert!(lost > ticks / 4, "{lost} of {made}");
        let widest = rig
            .collector
            .batches
            .iter()
            .map(|(_, batch)| batch.header.stride)
            .max();
        assert!(widest.unwrap() >= stride, "{widest:?} after {ticks}");
        let newest: Vec<u64> = rig.collector.ticks[&BOOT]
            .range(made - 60..)
            .copied()
            .collect();
        assert_eq!(newest.len(), 60, "the newest ticks are whole");
    }
}

#[test]
fn an_orderly_restart_in_the_same_boot_loses_nothing() {
    let mut rig = rig(collector_mode());
    rig.run_ticks(100);
    rig.restart(BOOT);
    rig.run_ticks(50);
    rig.connect();
    rig.run_ticks(10);
    rig.settle();
    assert_eq!(rig.account(BOOT), (160, 160, 0));
    let events = &rig.collector.events[&BOOT];
    assert_eq!(events.len() as u64, rig.telemetry.progress().next_event);
}

#[test]
fn every_tick_keeps_its_time_when_the_agent_was_away_within_a_boot() {
    for away_ms in [0, 900, 1_100, 35_000, 3_600_000] {
        let mut rig = rig(collector_mode());
        rig.run_ticks(100);
        rig.restart(BOOT);
        rig.pass(away_ms);
        rig.run_ticks(500);
        rig.connect();
        rig.run_ticks(10);
        rig.settle();
        assert_eq!(rig.account(BOOT), (610, 610, 0), "away for {away_ms} ms");
    }
}

#[test]
fn an_image_holds_the_open_batch_too() {
    let mut rig = rig(collector_mode());
    rig.run_ticks(1);
    let image = rig.telemetry.save();
    rig.start(BOOT, Some(&image));
    rig.connect();
    rig.settle();
    assert_eq!(rig.account(BOOT), (1, 1, 0));
}

#[test]
fn a_crash_loses_what_was_not_settled_and_says_so() {
    let mut rig = rig(collector_mode());
    rig.run_ticks(100);
    rig.crash();
    rig.run_ticks(50);
    rig.connect();
    rig.settle();
    assert_eq!(rig.account(BOOT), (150, 50, 100));
    let progress = rig.telemetry.progress();
    let (seen, lost) = (
        rig.collector.events[&BOOT].len() as u64,
        rig.collector.events_lost[&BOOT],
    );
    assert_eq!(seen + lost, progress.next_event);
    assert_eq!(
        lost, 2,
        "the start and the synchronised clock of the one that died"
    );
}

#[test]
fn a_reboot_keeps_the_boot_id_of_old_ticks_and_the_best_clock_of_their_boot() {
    let second = BootId([2; 16]);
    let mut rig = rig(collector_mode());
    let synchronised = rig.wall;
    rig.run_ticks(20);
    rig.wall = WallClock {
        offset_ms: 5,
        quality: Quality::Unsynchronised,
    };
    rig.run_ticks(20);
    rig.restart(second);
    rig.wall = WallClock {
        offset_ms: 6,
        quality: Quality::Unset,
    };
    rig.run_ticks(10);
    rig.connect();
    rig.settle();
    assert_eq!(rig.account(BOOT), (40, 40, 0));
    assert_eq!(rig.account(second), (10, 10, 0));
    for (_, batch) in &rig.collector.batches {
        let expect = if batch.header.boot == BOOT {
            synchronised
        } else {
            rig.wall
        };
        assert_eq!(batch.header.wall, expect, "{:?}", batch.header);
    }
    assert_eq!(
        rig.collector.batches[0].1.header.boot, BOOT,
        "the earlier boot goes first"
    );
}

#[test]
fn the_losses_of_an_earlier_boot_reach_the_collector() {
    let second = BootId([2; 16]);
    let mut rig = Rig::new(settings(collector_mode(), 16 * 1024), noisy);
    rig.run_ticks(1_000);
    rig.restart(second);
    rig.run_ticks(30_000);
    rig.connect();
    rig.run_ticks(60);
    rig.settle();
    for boot in [BOOT, second] {
        let (made, have, lost) = rig.account(boot);
        assert_eq!(made, have + lost, "{boot}");
        assert!(have >= 1 && lost > made / 4, "{boot}: {have} of {made}");
    }
}

#[test]
fn a_part_that_the_collector_has_is_not_sent_again() {
    let mut rig = rig(collector_mode());
    rig.run_ticks(120);
    rig.faults.acks_lost = true;
    rig.connect();
    rig.run_ms(5_000);
    let (_, first) = rig.collector.batches[0].clone();
    let part = BootAck {
        boot: BOOT,
        ticks: vec![
            TickRange { first: 0, last: 1 },
            TickRange { first: 5, last: 6 },
        ],
        events: vec![],
    };
    let before = rig.telemetry.progress().settled;
    rig.input(Input::Acked(Ack {
        collector: "watch".into(),
        boots: vec![part],
    }));
    assert_eq!(rig.telemetry.progress().settled - before, 4);
    assert!(first.header.count > 6);
    rig.disconnect();
    rig.collector.batches.clear();
    rig.faults = NO_FAULTS;
    rig.connect();
    rig.settle();
    let again: Vec<_> = rig
        .collector
        .batches
        .iter()
        .map(|(_, batch)| batch.header.range())
        .collect();
    assert!(
        again
            .iter()
            .all(|range| [0, 1, 5, 6].iter().all(|tick| !range.contains(*tick))),
        "{again:?}"
    );
    assert_eq!(rig.account(BOOT), (121, 121, 0));
}

#[test]
fn a_window_larger_than_an_open_batch_goes_out_in_pieces() {
    let mut settings = settings(AckMode::Puback, SPOOL);
    settings.window_ms = 24 * 3_600_000;
    let mut rig = Rig::new(settings, noisy);
    rig.connect();
    rig.run_ticks(2000);
    rig.settle();
    assert_eq!(rig.account(BOOT), (2000, 2000, 0));
    assert_eq!(rig.collector.duplicates, 0);
}

#[test]
fn a_broker_that_withholds_pubacks_gets_two_live_batches_and_then_waits() {
    let mut rig = rig(AckMode::Puback);
    rig.connect();
    rig.faults = Faults {
        pubacks_lost: true,
        ..NO_FAULTS
    };
    rig.run_ms(170_000);
    assert_eq!(times(&rig, Channel::Telemetry).len(), 2);
    rig.late_pubacks();
    assert_eq!(times(&rig, Channel::Telemetry).len(), 3);
}

fn rig(ack: AckMode) -> Rig {
    Rig::new(settings(ack, SPOOL), numbered)
}

fn ack_of_everything(collector: &str) -> Ack {
    let everything = vec![TickRange {
        first: 0,
        last: u64::MAX,
    }];
    Ack {
        collector: collector.into(),
        boots: vec![BootAck {
            boot: BOOT,
            ticks: everything.clone(),
            events: everything,
        }],
    }
}

fn times(rig: &Rig, channel: Channel) -> Vec<u64> {
    let sent = rig.sent.iter().filter(|(_, of, ..)| *of == channel);
    sent.map(|(at, ..)| *at).collect()
}

/// First ticks of what went out as backlog.
fn firsts(rig: &Rig) -> Vec<u64> {
    let backlog = rig
        .sent
        .iter()
        .filter(|(_, of, ..)| *of == Channel::Backlog);
    backlog.map(|(_, _, first, _)| *first).collect()
}

/// Readings that hardly compress.
fn noisy(tick: u64) -> Sample {
    let noise = |salt: u64| {
        (tick
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(salt)
            >> 33) as i64
            % 100_000
    };
    Sample(
        (1..=8)
            .map(|id| (MetricId(100 + id), Ok(noise(u64::from(id) << 40))))
            .collect(),
    )
}

#[test]
fn what_a_collector_would_refuse_does_not_come_back_from_a_file() {
    let sane = 1 << 30;
    for (boottime_ms, pending) in [(sane, true), (1 << 60, false)] {
        let mut before = Telemetry::new(settings(AckMode::Puback, SPOOL), Resume::default(), None);
        let wall = WallClock {
            offset_ms: 0,
            quality: Quality::Unset,
        };
        let sample = Sample(vec![(metric::LOAD1, Ok(37))]);
        let tick = Input::Tick {
            boottime_ms,
            missed: 0,
            wall,
            sample,
        };
        before.handle(tick, boottime_ms);
        let saved = before.save();
        let mut later = settings(AckMode::Puback, SPOOL);
        later.boot = BootId([2; 16]);
        let after = Telemetry::new(later, Resume::default(), Some(&saved));
        assert_eq!(after.restored_pending(), pending, "boottime {boottime_ms}");
    }
    let forged = Resume {
        next_tick: u64::MAX,
        ..Resume::default()
    };
    let after = Telemetry::new(settings(AckMode::Puback, SPOOL), forged, None);
    assert_eq!(after.progress().next_tick, 0);
}
