//! Messages whose bytes are kept for ever: one of each kind at least, with every field and every event in use.
use picket_proto::{
    Ack, Batch, BatchHeader, BootAck, BootId, Column, DiskFault, DiskTrouble, Event, EventKind,
    EventReport, Gap, Message, MetricId, NfsState, NfsVerdict, Presence, Quality, Reading, Sensor,
    Status, TickRange, UnknownField, WallClock, frame, metric,
};

mod commands;

pub(crate) use commands::payloads;

const BOOT: BootId = BootId([
    0x6c, 0x45, 0xee, 0x9d, 0x3e, 0x4a, 0x4a, 0x0b, 0xb2, 0xc1, 0x0f, 0x61, 0xde, 0x43, 0xd3, 0xd5,
]);
const WALL: WallClock = WallClock {
    offset_ms: 1_767_225_600_000,
    quality: Quality::Synchronised,
};

/// Every message with the name of its golden file, by kind.
pub(crate) fn messages() -> Vec<(&'static str, Message)> {
    let mut messages = vec![
        ("batch", Message::Batch(batch())),
        ("batch_thinned", Message::Batch(batch_thinned())),
        ("event", Message::Event(event())),
        ("event_nfs", Message::Event(event_nfs())),
        ("status", Message::Status(status())),
        (
            "status_operation",
            Message::Status(commands::status_operation()),
        ),
        ("status_nfs", Message::Status(status_nfs())),
        (
            "status_lifeboat",
            Message::Status(commands::status_lifeboat()),
        ),
        ("status_slot", Message::Status(commands::status_slot())),
        ("presence", Message::Presence(presence())),
        ("ack", Message::Ack(ack())),
    ];
    messages.extend(commands::messages());
    messages
}

/// The frame of any message.
pub(crate) fn encode(message: &Message) -> Vec<u8> {
    match message {
        Message::Batch(body) => frame::encode(body),
        Message::Event(body) => frame::encode(body),
        Message::Status(body) => frame::encode(body),
        Message::Presence(body) => frame::encode(body),
        Message::Ack(body) => frame::encode(body),
        Message::Ping(body) => frame::encode(body),
        Message::Pong(body) => frame::encode(body),
        Message::Command(body) => frame::encode(body),
        Message::Report(body) => frame::encode(body),
    }
}

fn batch() -> Batch {
    let column = |metric, readings: [Reading; 6]| Column {
        metric,
        readings: readings.to_vec(),
    };
    Batch {
        header: BatchHeader {
            boot: BOOT,
            first_tick: 42,
            first_boottime_ms: 441_250,
            period_ms: 10_000,
            stride: 1,
            count: 6,
            wall: WALL,
            lost: 0,
        },
        columns: vec![
            column(
                metric::SOC_TEMPERATURE,
                [
                    Ok(48_312),
                    Ok(48_850),
                    Ok(48_850),
                    Ok(49_388),
                    Ok(48_850),
                    Ok(49_926),
                ],
            ),
            column(metric::CPU_FREQUENCY, [Ok(600_000); 6]),
            column(
                metric::LOAD1,
                [Ok(37), Ok(31), Ok(26), Ok(22), Ok(35), Ok(30)],
            ),
            column(
                metric::UPTIME,
                [Ok(441), Ok(451), Ok(461), Ok(471), Ok(481), Ok(491)],
            ),
            column(
                metric::NFS_RTT,
                [
                    Ok(711),
                    Err(Gap::Idle),
                    Ok(682),
                    Ok(1204),
                    Err(Gap::Idle),
                    Err(Gap::Idle),
                ],
            ),
            column(metric::NFS_RETRANSMITS, [Ok(0); 6]),
            column(metric::AMBIENT_TEMPERATURE_1, [Err(Gap::Absent); 6]),
        ],
    }
}

fn batch_thinned() -> Batch {
    Batch {
        header: BatchHeader {
            boot: BOOT,
            first_tick: 8_640,
            first_boottime_ms: 86_421_250,
            period_ms: 10_000,
            stride: 4,
            count: 2,
            wall: WallClock {
                offset_ms: 0,
                quality: Quality::Unset,
            },
            lost: 1_234,
        },
        columns: vec![Column {
            metric: MetricId(900),
            readings: vec![Ok(-5), Ok(i64::MAX)],
        }],
    }
}

/// One of each kind. The match makes a new kind of event an error here until it has its place in the list.
fn events() -> Vec<EventKind> {
    let last = EventKind::Unknown {
        id: 999,
        body: vec![1, 2, 3],
    };
    match last {
        EventKind::AgentStarted { .. }
        | EventKind::AgentStopping
        | EventKind::TemperatureLimit { .. }
        | EventKind::Throttled { .. }
        | EventKind::FrequencyCapped { .. }
        | EventKind::UnderVoltage { .. }
        | EventKind::ClockSynchronised { .. }
        | EventKind::ClockJumped { .. }
        | EventKind::TicksLost { .. }
        | EventKind::OversizedPacket { .. }
        | EventKind::NfsVerdict(_)
        | EventKind::DiskFault { .. }
        | EventKind::Unknown { .. } => {}
    }
    vec![
        EventKind::AgentStarted {
            version: "0.1.0".to_owned(),
        },
        EventKind::TemperatureLimit {
            active: true,
            limit: 80_000,
            reading: 80_592,
        },
        EventKind::Throttled { active: true },
        EventKind::FrequencyCapped { active: false },
        EventKind::UnderVoltage { active: true },
        EventKind::ClockSynchronised { active: true },
        EventKind::ClockJumped { by_ms: -1500 },
        EventKind::TicksLost { count: 300 },
        EventKind::OversizedPacket { active: true },
        EventKind::AgentStopping,
        last,
    ]
}

/// What came after the first release of the list above.
fn later_events() -> Vec<EventKind> {
    vec![
        EventKind::NfsVerdict(NfsVerdict {
            verdict: NfsState::Stalled,
            since_ms: 441_250,
        }),
        EventKind::DiskFault {
            active: true,
            fault: DiskFault::ReadOnly,
        },
    ]
}

fn event_nfs() -> EventReport {
    let event = |(what, sequence): (EventKind, u64)| Event {
        sequence,
        boottime_ms: 445_250,
        what,
    };
    EventReport {
        boot: BOOT,
        wall: WALL,
        lost: 0,
        events: later_events().into_iter().zip(3..).map(event).collect(),
    }
}

fn event() -> EventReport {
    let event = |(what, sequence): (EventKind, u64)| Event {
        sequence,
        boottime_ms: 21_000 + 1_000 * sequence,
        what,
    };
    EventReport {
        boot: BOOT,
        wall: WALL,
        lost: 2,
        events: events().into_iter().zip(5..).map(event).collect(),
    }
}

fn status() -> Status {
    Status {
        agent_version: Some("0.1.0".to_owned()),
        boot: Some(BOOT),
        boottime_ms: Some(21_250),
        model: Some("Raspberry Pi 3 Model B Rev 1.2".to_owned()),
        kernel: Some("6.1.0-50-arm64".to_owned()),
        os: Some("Debian GNU/Linux 12 (bookworm)".to_owned()),
        architecture: Some("aarch64".to_owned()),
        memory_kib: Some(946_424),
        features: Some(vec!["telemetry".to_owned()]),
        config_hash: Some(0xcbf2_9ce4_8422_2325),
        sample_every_ms: Some(10_000),
        window_ms: Some(60_000),
        sensors: Some(vec![Sensor {
            metric: metric::AMBIENT_TEMPERATURE_1,
            name: "cold aisle".to_owned(),
        }]),
        unknown: vec![UnknownField {
            id: 999,
            body: vec![0xca, 0xfe],
        }],
        ..Status::default()
    }
}

fn status_nfs() -> Status {
    Status {
        boot: Some(BOOT),
        nfs_verdict: Some(NfsVerdict {
            verdict: NfsState::Slow,
            since_ms: 441_250,
        }),
        disk_trouble: Some(DiskTrouble {
            fault: DiskFault::Full,
            since_ms: 401_250,
        }),
        ..Status::default()
    }
}

fn presence() -> Presence {
    Presence {
        boot: BOOT,
        connection: 3,
        online: true,
    }
}

fn ack() -> Ack {
    let range = |first, last| TickRange { first, last };
    Ack {
        collector: "watch".to_owned(),
        boots: vec![BootAck {
            boot: BOOT,
            ticks: vec![range(0, 41), range(48, 300)],
            events: vec![range(0, 4)],
        }],
    }
}
