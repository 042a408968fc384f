//! What comes back from an image, in the same boot and in the next.
use picket_proto::{BootId, Quality, WallClock, metric};
use picketd::{
    sampler::Sample,
    telemetry::{AckMode, Input, Resume, Telemetry},
};

use crate::rig::settings::{BOOT, SPOOL, ample, collector_mode, settings};

#[test]
fn an_orderly_restart_in_the_same_boot_loses_nothing() {
    let mut rig = ample(collector_mode());
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
        let mut rig = ample(collector_mode());
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
    let mut rig = ample(collector_mode());
    rig.run_ticks(1);
    let image = rig.telemetry.save();
    rig.start(BOOT, Some(&image));
    rig.connect();
    rig.settle();
    assert_eq!(rig.account(BOOT), (1, 1, 0));
}

#[test]
fn a_reboot_keeps_the_boot_id_of_old_ticks_and_the_best_clock_of_their_boot() {
    let second = BootId([2; 16]);
    let mut rig = ample(collector_mode());
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
