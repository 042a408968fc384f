//! What is lost, and that each lost tick is told.
use picket_proto::{BootId, EventKind};

use crate::rig::{
    Rig,
    settings::{BOOT, ample, collector_mode, noisy, settings},
};

#[test]
fn slots_without_a_sample_have_numbers_and_count_as_lost() {
    let mut rig = ample(collector_mode());
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
fn a_crash_loses_what_was_not_settled_and_says_so() {
    let mut rig = ample(collector_mode());
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
