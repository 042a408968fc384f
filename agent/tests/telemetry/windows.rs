//! When batches and events go out: the device's slot in each window, new periods, edges.
use picket_proto::{BatchHeader, Channel, EventKind, NfsState, NfsVerdict, metric};
use picketd::{
    config::Periods,
    sampler::Sample,
    telemetry::{AckMode, Input},
};

use crate::rig::{
    Faults, NO_FAULTS, Rig,
    settings::{BOOT, SPOOL, ample, collector_mode, noisy, numbered, settings},
    times,
};

#[test]
fn a_window_of_ticks_goes_out_in_the_devices_slot() {
    let mut rig = ample(AckMode::Puback);
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
    let mut rig = ample(AckMode::Puback);
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
    let mut rig = ample(collector_mode());
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
fn a_broker_that_withholds_pubacks_gets_two_live_batches_and_then_waits() {
    let mut rig = ample(AckMode::Puback);
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
        let mut rig = ample(collector_mode());
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
