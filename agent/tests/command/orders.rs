//! What operators send: signed commands, in every state of freshness. It doesn't know what an agent makes of them.
use picket_proto::{
    BootId, Command, DeviceId, Nonce, OperationId, Reinstall,
    command::{Action, Target},
};
use picket_test_keys::TestKey;

pub(super) const DEVICE: DeviceId = DeviceId([0xd; 8]);
pub(super) const STRANGER: DeviceId = DeviceId([0xe; 8]);
pub(super) const REBOOT: Action = Action::Reboot { force: false };
pub(super) const FORCED: Action = Action::Reboot { force: true };
pub(super) const IDENTIFY: Action = Action::Identify { seconds: 5 };
pub(super) const CONFIGURE: Action = Action::Configure {
    sample_every_ms: Some(1_000),
    window_ms: None,
};
pub(super) const QUERY_LAST: Action = Action::Query { operation: None };

/// An image, with the hold or without.
pub(super) fn reinstall(hold: bool) -> Action {
    Action::Reinstall(Reinstall {
        image: "debian-13".to_owned(),
        digest: [0xd1; 32],
        hostname: Some("pi-12".to_owned()),
        ssh_keys: vec!["ssh-ed25519 AAAA anna".to_owned()],
        hold,
        discard_old: false,
        keep_old_days: 0,
    })
}

pub(super) fn activate(other: u8) -> Action {
    Action::Activate {
        operation: operation(other),
    }
}

/// The operation with that number.
pub(super) fn operation(number: u8) -> OperationId {
    OperationId([number; 16])
}

pub(super) fn boot(number: u8) -> BootId {
    BootId([number; 16])
}

pub(super) fn cancel(other: u8) -> Action {
    Action::Cancel {
        operation: operation(other),
    }
}

pub(super) fn query(other: u8) -> Action {
    Action::Query {
        operation: Some(operation(other)),
    }
}

/// The key that the agent knows, for `ops@noc`.
pub(super) fn key() -> TestKey {
    TestKey::new(1)
}

/// A command as an operator makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) operation: u8,
    pub(super) action: Action,
    pub(super) target: Target,
}

impl Order {
    pub(super) fn new(operation: u8, action: Action, boot: BootId, nonce: Nonce) -> Self {
        Self {
            operation,
            action,
            target: Target {
                device: DEVICE,
                boot,
                nonce,
                not_after_ms: u64::MAX,
            },
        }
    }

    /// The bytes to publish, signed by that key.
    pub(super) fn signed_by(&self, key: &TestKey) -> Vec<u8> {
        key.frame(&Command {
            operation: operation(self.operation),
            targets: vec![self.target],
            actor: "ops@noc".to_owned(),
            on_behalf_of: String::new(),
            reason: String::new(),
            action: self.action.clone(),
        })
    }
}
