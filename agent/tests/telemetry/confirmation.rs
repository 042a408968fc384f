//! What is forgotten, and at whose word: a PUBACK, the collector's ack, and acks that lie.
use picket_proto::{Ack, BootAck, Channel, TickRange};
use picketd::telemetry::{AckMode, Input};

use crate::rig::{
    NO_FAULTS,
    settings::{BOOT, COLLECTOR, ample, collector_mode},
};

#[test]
fn what_is_not_confirmed_at_a_disconnect_comes_again_as_backlog() {
    let mut rig = ample(AckMode::Puback);
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
    let mut rig = ample(collector_mode());
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
fn a_late_puback_settles_what_was_in_that_publish_and_no_more() {
    let mut rig = ample(AckMode::Puback);
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
fn an_ack_for_what_was_not_sent_settles_nothing() {
    let mut rig = ample(collector_mode());
    rig.run_ticks(30);
    rig.input(Input::Acked(ack_of_everything("watch")));
    assert_eq!(rig.telemetry.progress().settled, 0);
    assert_eq!(rig.telemetry.progress().events_settled, 0);
    rig.connect();
    rig.settle();
    assert_eq!(rig.account(BOOT), (30, 30, 0));
}

#[test]
fn an_ack_settles_nothing_of_a_block_of_which_a_part_was_not_sent() {
    let mut rig = ample(collector_mode());
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
fn another_collectors_ack_settles_nothing() {
    let mut rig = ample(collector_mode());
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
fn a_part_that_the_collector_has_is_not_sent_again() {
    let mut rig = ample(collector_mode());
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
