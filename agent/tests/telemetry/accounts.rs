//! Whatever happens in whatever order, the account closes.
use picket_proto::{Ack, BootAck, BootId, DiskFault, EventKind, TickRange};
use picketd::{
    config::{Periods, WINDOWS_MS},
    telemetry::{AckMode, Input, Resume, Telemetry},
};
use proptest::prelude::*;

use crate::rig::{
    Faults, NO_FAULTS, Rig,
    settings::{COLLECTOR, collector_mode, numbered, settings},
};

#[derive(Debug, Clone)]
enum Step {
    Ticks(u64),
    Miss(u64),
    Connect,
    Disconnect,
    Fault(bool, bool, bool, bool),
    AckAgain,
    LatePubacks,
    StrangeAck(u8, u64, u64),
    Flush,
    Configure(u32, u32),
    Oversized,
    Edge,
    Restart,
    Reboot,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u64..80).prop_map(Step::Ticks),
        1 => (300u64..1200).prop_map(Step::Ticks),
        1 => (1u64..9).prop_map(Step::Miss),
        4 => Just(Step::Connect),
        3 => Just(Step::Disconnect),
        4 => any::<[bool; 4]>().prop_map(|[a, b, c, d]| Step::Fault(a, b, c, d)),
        2 => Just(Step::Fault(false, false, false, false)),
        2 => Just(Step::AckAgain),
        2 => Just(Step::LatePubacks),
        2 => (0u8..4, 0u64..4000, 0u64..4000).prop_map(|(b, f, l)| Step::StrangeAck(b, f, l)),
        1 => Just(Step::Flush),
        2 => (prop::sample::select(vec![100, 2_000, 10_000, 60_000]), 1u32..400)
            .prop_map(|(period_ms, ticks)| Step::Configure(period_ms, ticks)),
        1 => Just(Step::Oversized),
        1 => Just(Step::Edge),
        1 => Just(Step::Restart),
        1 => Just(Step::Reboot),
        1 => Just(Step::Crash),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Memory is ample and nothing dies, so nothing may be lost but missed slots.
    #[test]
    fn every_tick_arrives_or_is_counted(steps in steps(), puback in any::<bool>()) {
        let mut rig = Rig::new(settings(mode(puback), 1024 * 1024), numbered);
        let mut missed = 0;
        let steps = steps.into_iter().filter(|step| !matches!(step, Step::Crash | Step::StrangeAck(..)));
        for step in steps {
            missed += match step { Step::Miss(slots) => slots, _ => 0 };
            perform(&mut rig, step);
        }
        finish(&mut rig);
        let mut lost_in_all = 0;
        for &boot in rig.made.clone().keys() {
            let (made, have, lost) = rig.account(boot);
            prop_assert_eq!(made, have + lost, "boot {}", boot);
            lost_in_all += lost;
        }
        prop_assert!(lost_in_all <= missed, "{} lost, {} missed", lost_in_all, missed);
    }

    /// Memory is short, the agent dies, acks lie: nothing goes missing without being counted.
    #[test]
    fn nothing_goes_missing_unseen(steps in steps(), puback in any::<bool>()) {
        let mut rig = Rig::new(settings(mode(puback), 16 * 1024), numbered);
        for step in steps {
            perform(&mut rig, step);
        }
        finish(&mut rig);
        let boot = rig.settings.boot;
        let (made, have, lost) = rig.account(boot);
        prop_assert!(made <= have + lost, "{} made, {} there, {} lost", made, have, lost);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A tenant with root can write any image with a right checksum, and any progress.
    #[test]
    fn a_forged_image_does_no_harm(
        numbers in prop::array::uniform6(prop_oneof![0u64..300, any::<u64>()]),
        boot in 1u8..4,
        resume in prop::array::uniform6(prop_oneof![0u64..300, any::<u64>()]),
    ) {
        let mut source = Rig::new(settings(collector_mode(), 96 * 1024), numbered);
        source.run_ticks(200);
        let mut image = source.telemetry.save();
        for (at, number) in numbers.iter().enumerate() {
            image[21 + 8 * at..29 + 8 * at].copy_from_slice(&number.to_le_bytes());
        }
        image[5..21].fill(boot);
        let end = image.len() - 4;
        let crc = crc32(&image[..end]);
        image[end..].copy_from_slice(&crc.to_le_bytes());
        let [next_tick, settled, lost, next_event, events_settled, events_lost] = resume;
        let resume = Resume { next_tick, settled, lost, next_event, events_settled, events_lost };
        let mut telemetry = Telemetry::new(settings(collector_mode(), 16 * 1024), resume, Some(&image));
        prop_assert_eq!(telemetry.image_error(), None);
        telemetry.handle(Input::Connected, 1_000);
        for tick in 0..30 {
            let sample = numbered(tick);
            let wall = source.wall;
            telemetry.handle(Input::Tick { boottime_ms: tick * 10_000, missed: tick, wall, sample }, tick * 10_000);
            prop_assert!(telemetry.memory() <= 16 * 1024);
        }
    }
}

/// CRC-32 as in IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn mode(puback: bool) -> AckMode {
    match puback {
        true => AckMode::Puback,
        false => collector_mode(),
    }
}

fn perform(rig: &mut Rig, step: Step) {
    match step {
        Step::Ticks(ticks) => rig.run_ticks(ticks),
        Step::Miss(slots) => rig.miss(slots),
        Step::Connect => {
            rig.disconnect();
            rig.connect();
        }
        Step::Disconnect => rig.disconnect(),
        Step::Fault(publishes_lost, pubacks_lost, collector_away, acks_lost) => {
            rig.faults = Faults {
                publishes_lost,
                pubacks_lost,
                collector_away,
                acks_lost,
            };
        }
        Step::AckAgain => rig.ack_again(),
        Step::LatePubacks => rig.late_pubacks(),
        Step::StrangeAck(boot, first, last) => {
            rig.input(Input::Acked(strange_ack(boot, first, last)))
        }
        Step::Flush => rig.input(Input::Flush),
        Step::Configure(period_ms, ticks) => {
            let window_ms = (period_ms * ticks).min(*WINDOWS_MS.end());
            rig.configure(Periods::new(period_ms, window_ms).unwrap());
        }
        Step::Oversized => rig.input(Input::OversizedPacket { active: true }),
        Step::Edge => rig.input(Input::Edge(EventKind::DiskFault {
            active: true,
            fault: DiskFault::Full,
        })),
        Step::Restart => rig.restart(rig.settings.boot),
        Step::Reboot => {
            let next = rig.made.len() as u8 + 1;
            rig.restart(BootId([next; 16]));
        }
        Step::Crash => rig.crash(),
    }
}

/// An ack for boots that are not there, and ranges that were never sent, backwards, or overlapping.
fn strange_ack(boot: u8, first: u64, last: u64) -> Ack {
    let ranges = vec![
        TickRange {
            first: 1_000_000 + first,
            last: u64::MAX,
        },
        TickRange {
            first: 1_000_000 + last,
            last: first,
        },
    ];
    Ack {
        collector: COLLECTOR.into(),
        boots: vec![
            BootAck {
                boot: BootId([boot; 16]),
                ticks: ranges.clone(),
                events: ranges,
            },
            BootAck {
                boot: BootId([0xee; 16]),
                ticks: vec![TickRange {
                    first: 0,
                    last: u64::MAX,
                }],
                events: vec![],
            },
        ],
    }
}

/// The world heals, and everything comes to rest.
fn finish(rig: &mut Rig) {
    rig.faults = NO_FAULTS;
    rig.disconnect();
    rig.run_ticks(3);
    rig.connect();
    rig.settle();
    let progress = rig.telemetry.progress();
    assert_eq!(progress.settled, progress.next_tick, "{progress:?}");
    assert_eq!(progress.events_settled, progress.next_event, "{progress:?}");
}
