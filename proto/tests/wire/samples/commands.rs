//! The samples of commands and of what answers them.
use picket_proto::{
    Action, Command, DeviceId, Lifeboat, LifeboatState, Message, Nonce, OperationId, Ping, Pong,
    Progress, Reason, Reinstall, Report, RootSlot, SignedCommand, State, Status, Target,
    UnknownField,
};

use super::BOOT;

const OPERATION: OperationId = OperationId([
    0x4f, 0x1c, 0x9a, 0x07, 0xd2, 0x5e, 0x43, 0xb8, 0x8e, 0x61, 0x0b, 0xf7, 0xc3, 0x2a, 0x95, 0x10,
]);
const NONCE: Nonce = Nonce([
    0xa9, 0x03, 0x7d, 0xe1, 0x58, 0xc4, 0x2f, 0x96, 0x0b, 0x71, 0xee, 0x34, 0xd8, 0x1a, 0x65, 0xbf,
]);
/// What `ssh-keygen -Y sign -n picket-operate@1` made of the payload `payload_reboot`, without armour. The key is
/// `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2dPSjJewznAXl2YLhsJwCdcTYgkFlkAl2EqyRKrEKa`.
const SIGNATURE: &[u8] = &[
    0x53, 0x53, 0x48, 0x53, 0x49, 0x47, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x33, 0x00, 0x00,
    0x00, 0x0b, 0x73, 0x73, 0x68, 0x2d, 0x65, 0x64, 0x32, 0x35, 0x35, 0x31, 0x39, 0x00, 0x00, 0x00,
    0x20, 0x4d, 0x9d, 0x3d, 0x28, 0xc9, 0x7b, 0x0c, 0xe7, 0x01, 0x79, 0x76, 0x60, 0xb8, 0x6c, 0x27,
    0x00, 0x9d, 0x71, 0x36, 0x20, 0x90, 0x59, 0x64, 0x02, 0x5d, 0x84, 0xab, 0x24, 0x4a, 0xac, 0x42,
    0x9a, 0x00, 0x00, 0x00, 0x10, 0x70, 0x69, 0x63, 0x6b, 0x65, 0x74, 0x2d, 0x6f, 0x70, 0x65, 0x72,
    0x61, 0x74, 0x65, 0x40, 0x31, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x06, 0x73, 0x68, 0x61,
    0x35, 0x31, 0x32, 0x00, 0x00, 0x00, 0x53, 0x00, 0x00, 0x00, 0x0b, 0x73, 0x73, 0x68, 0x2d, 0x65,
    0x64, 0x32, 0x35, 0x35, 0x31, 0x39, 0x00, 0x00, 0x00, 0x40, 0x7d, 0xf2, 0x07, 0x01, 0x6c, 0x85,
    0xc2, 0xbd, 0x74, 0xa8, 0x24, 0x2e, 0x03, 0x29, 0xe1, 0x3d, 0x83, 0xa3, 0x99, 0xb7, 0x50, 0x46,
    0xe3, 0xfe, 0x8c, 0x74, 0xa0, 0x16, 0x7f, 0xba, 0x7d, 0xc6, 0x7d, 0xc7, 0x00, 0xa8, 0xe2, 0xe7,
    0x6e, 0x6f, 0xc9, 0xee, 0x96, 0xee, 0xd5, 0xcf, 0x77, 0xe1, 0x3c, 0x9b, 0x5e, 0xc1, 0x78, 0xd7,
    0x16, 0xc4, 0x2a, 0x12, 0x2b, 0xb9, 0x98, 0x02, 0xad, 0x0d,
];

/// Every message about commands, with the name of its golden file, by kind.
pub(super) fn messages() -> Vec<(&'static str, Message)> {
    vec![
        ("ping", Message::Ping(Ping { token: 0x5eed })),
        ("pong", Message::Pong(pong())),
        ("command", Message::Command(signed())),
        ("report", Message::Report(report())),
        ("report_unread", Message::Report(report_unread())),
        ("report_progress", Message::Report(report_progress())),
        ("report_reinstalled", Message::Report(report_reinstalled())),
    ]
}

/// A payload with each action. The match makes a new action an error here until it has its place in the list.
pub(crate) fn payloads() -> Vec<(&'static str, Command)> {
    let unknown = Action::Unknown {
        id: 999,
        body: vec![0xca, 0xfe],
    };
    match unknown {
        Action::Reboot { .. }
        | Action::Reinstall(_)
        | Action::Activate { .. }
        | Action::Cancel { .. }
        | Action::Query { .. }
        | Action::Identify { .. }
        | Action::Configure { .. }
        | Action::Unknown { .. } => {}
    }
    let configure = Action::Configure {
        sample_every_ms: Some(5_000),
        window_ms: None,
    };
    vec![
        ("payload_reboot", reboot()),
        ("payload_reinstall", short(Action::Reinstall(reinstall()))),
        (
            "payload_activate",
            short(Action::Activate {
                operation: OPERATION,
            }),
        ),
        (
            "payload_cancel",
            short(Action::Cancel {
                operation: OPERATION,
            }),
        ),
        (
            "payload_query",
            short(Action::Query {
                operation: Some(OPERATION),
            }),
        ),
        (
            "payload_query_last",
            short(Action::Query { operation: None }),
        ),
        ("payload_identify", short(Action::Identify { seconds: 300 })),
        ("payload_configure", short(configure)),
        ("payload_unknown", short(unknown)),
    ]
}

/// What a status says of the last operation.
pub(super) fn status_operation() -> Status {
    Status {
        boot: Some(BOOT),
        last_operation: Some(OPERATION),
        last_state: Some(State::Failed),
        last_detail: Some("systemd did not go down within 90 s".to_owned()),
        ..Status::default()
    }
}

/// What a status says of the lifeboat.
pub(super) fn status_lifeboat() -> Status {
    Status {
        boot: Some(BOOT),
        lifeboat: Some(Lifeboat {
            state: LifeboatState::Unavailable,
            reason: "unshare: EPERM".to_owned(),
        }),
        ..Status::default()
    }
}

fn target(device: u8, boot: picket_proto::BootId, nonce: Nonce) -> Target {
    Target {
        device: DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, device]),
        boot,
        nonce,
        not_after_ms: 561_250,
    }
}

fn reboot() -> Command {
    let other_boot = picket_proto::BootId([0x11; 16]);
    Command {
        operation: OPERATION,
        targets: vec![
            target(0xd4, BOOT, NONCE),
            target(0xd5, other_boot, Nonce([0x22; 16])),
        ],
        actor: "anna@example.org".to_owned(),
        on_behalf_of: "customer 4711".to_owned(),
        reason: "hangs since noon".to_owned(),
        action: Action::Reboot { force: false },
    }
}

fn short(action: Action) -> Command {
    Command {
        operation: OperationId([0x33; 16]),
        targets: vec![target(0xd4, BOOT, NONCE)],
        actor: "anna".to_owned(),
        on_behalf_of: String::new(),
        reason: String::new(),
        action,
    }
}

fn reinstall() -> Reinstall {
    let mut digest = [0xd1; 32];
    digest[31] = 0x1d;
    Reinstall {
        image: "debian-13".to_owned(),
        digest,
        hostname: Some("pi-12".to_owned()),
        ssh_keys: vec!["ssh-ed25519 AAAA a".to_owned()],
        hold: true,
        discard_old: false,
        keep_old_days: 7,
    }
}

fn report_progress() -> Report {
    Report {
        operation: Some(OPERATION),
        state: Some(State::Unpacking),
        boot: Some(BOOT),
        boottime_ms: Some(445_250),
        action: Some(2),
        progress: Some(Progress {
            stage: State::Unpacking,
            bytes: 100_000_000,
            of_bytes: 400_000_000,
            entries: 3_000,
            of_entries: 12_000,
        }),
        ..Report::default()
    }
}

fn report_reinstalled() -> Report {
    Report {
        operation: Some(OPERATION),
        state: Some(State::Succeeded),
        boot: Some(BOOT),
        action: Some(2),
        host_keys: Some(vec!["256 SHA256:q83v pi-12 (ED25519)".to_owned()]),
        ..Report::default()
    }
}

/// What a status says where there are slots.
pub(super) fn status_slot() -> Status {
    Status {
        boot: Some(BOOT),
        slot: Some(RootSlot::B),
        on_trial: Some(true),
        image: Some("debian-13".to_owned()),
        ..Status::default()
    }
}

fn pong() -> Pong {
    Pong {
        token: 0x5eed,
        nonce: NONCE,
        boot: BOOT,
        boottime_ms: 441_250,
    }
}

fn signed() -> SignedCommand {
    SignedCommand {
        payload: reboot().payload(),
        signature: SIGNATURE.to_vec(),
    }
}

fn report() -> Report {
    Report {
        operation: Some(OPERATION),
        state: Some(State::Refused),
        reason: Some(Reason::Inhibited),
        detail: Some("a backup runs until 18:00".to_owned()),
        boot: Some(BOOT),
        boottime_ms: Some(441_900),
        action: Some(1),
        actor: Some("anna@example.org".to_owned()),
        transition: Some(2),
        warnings: Some(vec!["/boot has no kernel".to_owned()]),
        unknown: vec![UnknownField {
            id: 999,
            body: vec![0xca, 0xfe],
        }],
        ..Report::default()
    }
}

/// What answers bytes that name no operation.
fn report_unread() -> Report {
    Report {
        state: Some(State::Other(200)),
        reason: Some(Reason::Other(2_000)),
        action: Some(999),
        boot: Some(BOOT),
        ..Report::default()
    }
}
