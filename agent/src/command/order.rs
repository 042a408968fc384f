//! An order: what is left of a command once it was verified and found fresh. Knows no signatures and no time.
use picket_proto::{
    BootId, Command, Nonce, OperationId,
    command::{Action, Target},
};

/// What is to be done, under which name, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) operation: OperationId,
    pub(super) action: Action,
    /// The principal whose key was verified.
    pub(super) actor: String,
    /// Tells operations apart that bear the same id.
    pub(super) fingerprint: u64,
}

impl Order {
    pub(super) fn new(command: Command, target: &Target) -> Self {
        Self {
            operation: command.operation,
            fingerprint: fingerprint(&command.action, target),
            actor: command.actor,
            action: command.action,
        }
    }
}

/// FNV-1a, 64 bits, of what makes an operation what it is: its action and, for a reboot, the boot that it wishes to leave. Not of what
/// only makes the command fresh, for a command that is signed again is the same operation; nor of who says so.
fn fingerprint(action: &Action, target: &Target) -> u64 {
    let boot = match action {
        Action::Reboot { .. } => target.boot,
        _ => BootId([0; 16]),
    };
    let bare = Command {
        operation: OperationId([0; 16]),
        targets: vec![Target {
            device: target.device,
            boot,
            nonce: Nonce([0; 16]),
            not_after_ms: 0,
        }],
        actor: String::new(),
        on_behalf_of: String::new(),
        reason: String::new(),
        action: action.clone(),
    };
    let bytes = bare.payload();
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use picket_proto::DeviceId;

    use super::*;

    const TARGET: Target = Target {
        device: DeviceId([1; 8]),
        boot: BootId([1; 16]),
        nonce: Nonce([1; 16]),
        not_after_ms: 1,
    };

    #[test]
    fn what_is_signed_again_is_the_same_operation_and_what_differs_is_not() {
        let again = Target {
            nonce: Nonce([2; 16]),
            not_after_ms: 2,
            ..TARGET
        };
        let other_boot = Target {
            boot: BootId([2; 16]),
            ..again
        };
        let reboot = |force| Action::Reboot { force };
        let identify = |seconds| Action::Identify { seconds };
        for (one, other, same) in [
            ((reboot(false), TARGET), (reboot(false), again), true),
            ((reboot(false), TARGET), (reboot(true), again), false),
            ((reboot(false), TARGET), (reboot(false), other_boot), false),
            ((identify(5), TARGET), (identify(5), other_boot), true),
            ((identify(5), TARGET), (identify(6), TARGET), false),
            ((identify(1), TARGET), (reboot(true), TARGET), false),
        ] {
            let prints = [&one, &other].map(|(action, target)| fingerprint(action, target));
            assert_eq!(prints[0] == prints[1], same, "{one:?} {other:?}");
        }
    }

    /// It lies in journals, so an agent of tomorrow must find the same.
    #[test]
    fn the_fingerprint_never_changes() {
        let configure = Action::Configure {
            sample_every_ms: Some(1_000),
            window_ms: None,
        };
        assert_eq!(fingerprint(&configure, &TARGET), 0x9da4_5db4_ec93_b832);
    }
}
