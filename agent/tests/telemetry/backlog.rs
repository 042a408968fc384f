//! How what has waited goes out, and that live goes on meanwhile.
use picket_proto::Channel;
use picketd::telemetry::TelemetrySettings;

use crate::rig::{
    NO_FAULTS, Rig,
    settings::{BOOT, ample, collector_mode, numbered, settings},
    times,
};

#[test]
fn live_goes_on_while_the_backlog_catches_up_a_block_a_second() {
    let mut rig = ample(collector_mode());
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
fn live_goes_on_and_the_backlog_only_probes_while_the_collector_is_away() {
    let mut rig = ample(collector_mode());
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
    let mut rig = ample(collector_mode());
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

/// First ticks of what went out as backlog.
fn firsts(rig: &Rig) -> Vec<u64> {
    let backlog = rig
        .sent
        .iter()
        .filter(|(_, of, ..)| *of == Channel::Backlog);
    backlog.map(|(_, _, first, _)| *first).collect()
}
