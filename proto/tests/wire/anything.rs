//! Any message that can be built, for properties.
use picket_proto::{
    Ack, Action, Batch, BatchHeader, BootAck, BootId, Column, Command, DeviceId, DiskFault,
    DiskTrouble, Event, EventKind, EventReport, Gap, Lifeboat, LifeboatState, MetricId, NfsState,
    NfsVerdict, Nonce, OperationId, Progress, Quality, Reading, Reason, Reinstall, Report,
    RootSlot, Sensor, State, Status, Target, TickRange, TickRanges, UnknownField, WallClock,
    command::ACTIONS, reinstall::MAX_SSH_KEYS,
};
use proptest::{collection::vec, option, prelude::*};

pub(super) fn boot() -> impl Strategy<Value = BootId> {
    any::<[u8; 16]>().prop_map(BootId)
}

fn wall() -> impl Strategy<Value = WallClock> {
    let quality = prop_oneof![
        Just(Quality::Unset),
        Just(Quality::Unsynchronised),
        Just(Quality::Synchronised)
    ];
    (any::<i64>(), quality).prop_map(|(offset_ms, quality)| WallClock { offset_ms, quality })
}

fn header() -> impl Strategy<Value = BatchHeader> {
    let ticks = (
        0..u64::MAX / 2,
        any::<u64>(),
        any::<u32>(),
        1u16..2000,
        1u16..60,
    );
    (boot(), ticks, wall(), any::<u64>()).prop_map(|(boot, ticks, wall, lost)| {
        let (first_tick, first_boottime_ms, period_ms, stride, count) = ticks;
        BatchHeader {
            boot,
            first_tick,
            first_boottime_ms,
            period_ms,
            stride,
            count,
            wall,
            lost,
        }
    })
}

pub(super) fn batch() -> impl Strategy<Value = Batch> {
    let columns = |header: BatchHeader| {
        let rows = usize::from(header.count);
        let columns = prop::collection::btree_map(metric(), vec(reading(), rows), 0..20);
        columns.prop_map(move |columns| Batch {
            header,
            columns: columns
                .into_iter()
                .map(|(metric, readings)| Column { metric, readings })
                .collect(),
        })
    };
    header().prop_flat_map(columns)
}

fn metric() -> impl Strategy<Value = MetricId> {
    prop_oneof![4 => 0u16..80, 1 => any::<u16>()].prop_map(MetricId)
}

fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        6 => (0i64..40).prop_map(|units| Ok(48_850 + 538 * units)),
        2 => any::<i64>().prop_map(Ok),
        1 => any::<u8>().prop_map(|code| Err(Gap::from_code(code))),
    ]
}

pub(super) fn report() -> impl Strategy<Value = EventReport> {
    let events = prop::collection::btree_map(any::<u64>(), (any::<u64>(), event()), 0..30);
    (boot(), wall(), any::<u64>(), events).prop_map(|(boot, wall, lost, events)| EventReport {
        boot,
        wall,
        lost,
        events: events
            .into_iter()
            .map(|(sequence, (boottime_ms, what))| Event {
                sequence,
                boottime_ms,
                what,
            })
            .collect(),
    })
}

fn event() -> impl Strategy<Value = EventKind> {
    prop_oneof![
        ".*".prop_map(|version| EventKind::AgentStarted { version }),
        Just(EventKind::AgentStopping),
        any::<(bool, i32, i32)>().prop_map(|(active, limit, reading)| {
            EventKind::TemperatureLimit {
                active,
                limit,
                reading,
            }
        }),
        any::<bool>().prop_map(|active| EventKind::Throttled { active }),
        any::<bool>().prop_map(|active| EventKind::FrequencyCapped { active }),
        any::<bool>().prop_map(|active| EventKind::UnderVoltage { active }),
        any::<bool>().prop_map(|active| EventKind::ClockSynchronised { active }),
        any::<i64>().prop_map(|by_ms| EventKind::ClockJumped { by_ms }),
        any::<u64>().prop_map(|count| EventKind::TicksLost { count }),
        any::<bool>().prop_map(|active| EventKind::OversizedPacket { active }),
        verdict().prop_map(EventKind::NfsVerdict),
        any::<(bool, u8)>().prop_map(|(active, code)| EventKind::DiskFault {
            active,
            fault: DiskFault::from_code(code),
        }),
        (100u16.., vec(any::<u8>(), 0..40)).prop_map(|(id, body)| EventKind::Unknown { id, body }),
    ]
}

fn verdict() -> impl Strategy<Value = NfsVerdict> {
    any::<(u8, u64)>().prop_map(|(code, since_ms)| NfsVerdict {
        verdict: NfsState::from_code(code),
        since_ms,
    })
}

fn trouble() -> impl Strategy<Value = DiskTrouble> {
    any::<(u8, u64)>().prop_map(|(code, since_ms)| DiskTrouble {
        fault: DiskFault::from_code(code),
        since_ms,
    })
}

pub(super) fn status() -> impl Strategy<Value = Status> {
    let texts = (
        option::of(".*"),
        option::of(".*"),
        option::of(".*"),
        option::of(".*"),
        option::of(".*"),
    );
    let numbers = (
        option::of(any::<u64>()),
        option::of(any::<u64>()),
        option::of(any::<u64>()),
        option::of(any::<u32>()),
        option::of(any::<u32>()),
    );
    let sensors = vec((metric(), ".*"), 0..5);
    let lists = (
        option::of(vec(".*", 0..5)),
        option::of(sensors),
        unknown(23),
    );
    let last = (
        option::of(operation()),
        option::of(state()),
        option::of(".*"),
    );
    let lifeboat = (any::<u8>(), ".*").prop_map(|(code, reason)| Lifeboat {
        state: LifeboatState::from_code(code),
        reason,
    });
    let disks = (
        option::of(verdict()),
        option::of(trouble()),
        option::of(lifeboat),
    );
    let slots = (
        option::of(any::<u8>().prop_map(RootSlot::from_code)),
        option::of(any::<bool>()),
        option::of(".*"),
    );
    (
        texts,
        numbers,
        option::of(boot()),
        lists,
        last,
        (disks, slots),
    )
        .prop_map(|(texts, numbers, boot, lists, last, (disks, slots))| {
            let (features, sensors, unknown) = lists;
            let sensor = |(metric, name)| Sensor { metric, name };
            Status {
                agent_version: texts.0,
                model: texts.1,
                kernel: texts.2,
                os: texts.3,
                architecture: texts.4,
                boottime_ms: numbers.0,
                memory_kib: numbers.1,
                config_hash: numbers.2,
                sample_every_ms: numbers.3,
                window_ms: numbers.4,
                boot,
                features,
                sensors: sensors.map(|sensors| sensors.into_iter().map(sensor).collect()),
                last_operation: last.0,
                last_state: last.1,
                last_detail: last.2,
                nfs_verdict: disks.0,
                disk_trouble: disks.1,
                lifeboat: disks.2,
                slot: slots.0,
                on_trial: slots.1,
                image: slots.2,
                unknown,
            }
        })
}

pub(super) fn ack() -> impl Strategy<Value = Ack> {
    let range = any::<(u64, u64)>().prop_map(|(a, b)| TickRange {
        first: a.min(b),
        last: a.max(b).min(a.min(b).saturating_add(1 << 40)),
    });
    let ranges = || {
        let ranges = vec(range.clone(), 0..12);
        ranges.prop_map(|ranges| ranges.into_iter().collect::<TickRanges>().into_vec())
    };
    let boots = (boot(), ranges(), ranges()).prop_map(|(boot, ticks, events)| BootAck {
        boot,
        ticks,
        events,
    });
    (".*", vec(boots, 0..8)).prop_map(|(collector, boots)| Ack { collector, boots })
}

fn operation() -> impl Strategy<Value = OperationId> {
    any::<[u8; 16]>().prop_map(OperationId)
}

pub(super) fn nonce() -> impl Strategy<Value = Nonce> {
    any::<[u8; 16]>().prop_map(Nonce)
}

fn state() -> impl Strategy<Value = State> {
    any::<u8>().prop_map(State::from_code)
}

fn unknown(first: u16) -> impl Strategy<Value = Vec<UnknownField>> {
    let fields = prop::collection::btree_map(first.., vec(any::<u8>(), 0..20), 0..5);
    fields.prop_map(|fields| {
        let fields = fields.into_iter();
        fields.map(|(id, body)| UnknownField { id, body }).collect()
    })
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    let target = (boot(), nonce(), any::<u64>());
    let targets = prop::collection::btree_map(any::<[u8; 8]>(), target, 1..=128);
    let texts = (".{0,32}", ".{0,32}", ".{0,128}");
    (operation(), targets, texts, action()).prop_map(|(operation, targets, texts, action)| {
        let target = |(device, (boot, nonce, not_after_ms))| Target {
            device: DeviceId(device),
            boot,
            nonce,
            not_after_ms,
        };
        Command {
            operation,
            targets: targets.into_iter().map(target).collect(),
            actor: texts.0,
            on_behalf_of: texts.1,
            reason: texts.2,
            action,
        }
    })
}

fn action() -> impl Strategy<Value = Action> {
    let periods = (option::of(any::<u32>()), option::of(any::<u32>()));
    prop_oneof![
        any::<bool>().prop_map(|force| Action::Reboot { force }),
        reinstall().prop_map(Action::Reinstall),
        operation().prop_map(|operation| Action::Activate { operation }),
        operation().prop_map(|operation| Action::Cancel { operation }),
        option::of(operation()).prop_map(|operation| Action::Query { operation }),
        any::<u16>().prop_map(|seconds| Action::Identify { seconds }),
        periods.prop_map(|(sample_every_ms, window_ms)| Action::Configure {
            sample_every_ms,
            window_ms
        }),
        (100u16.., vec(any::<u8>(), 0..40)).prop_map(|(id, body)| Action::Unknown { id, body }),
    ]
}

fn reinstall() -> impl Strategy<Value = Reinstall> {
    let keys = vec(".{0,200}", 0..=MAX_SSH_KEYS);
    let how = (any::<bool>(), any::<bool>(), any::<u8>());
    let names = ("[ -~]{0,64}", option::of("[ -~]{0,64}"));
    (names, any::<[u8; 32]>(), keys, how).prop_map(|(names, digest, ssh_keys, how)| Reinstall {
        image: names.0,
        digest,
        hostname: names.1,
        ssh_keys,
        hold: how.0,
        discard_old: how.1,
        keep_old_days: how.2,
    })
}

fn progress() -> impl Strategy<Value = Progress> {
    (state(), any::<[u64; 4]>()).prop_map(|(stage, [bytes, of_bytes, entries, of_entries])| {
        Progress {
            stage,
            bytes,
            of_bytes,
            entries,
            of_entries,
        }
    })
}

pub(super) fn operation_report() -> impl Strategy<Value = Report> {
    let what = (
        option::of(operation()),
        option::of(state()),
        option::of(any::<u16>().prop_map(Reason::from_code)),
        option::of(0..=ACTIONS.len() as u16),
    );
    let when = (
        option::of(boot()),
        option::of(any::<u64>()),
        option::of(any::<u32>()),
    );
    let words = (
        option::of(".*"),
        option::of(".*"),
        option::of(vec(".*", 0..5)),
    );
    let reinstalls = (option::of(progress()), option::of(vec(".*", 0..5)));
    let more = (reinstalls, unknown(13));
    (what, when, words, more).prop_map(|(what, when, words, (reinstalls, unknown))| Report {
        operation: what.0,
        state: what.1,
        reason: what.2,
        action: what.3,
        boot: when.0,
        boottime_ms: when.1,
        transition: when.2,
        detail: words.0,
        actor: words.1,
        warnings: words.2,
        progress: reinstalls.0,
        host_keys: reinstalls.1,
        unknown,
    })
}
