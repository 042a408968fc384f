//! Which Pis an order is meant for, and what the audit log says was done there before. Knows no broker.
use picket_proto::DeviceId;

use crate::{
    audit::{History, Outcome},
    fleet::Fleet,
    operate::{Aim, Before, Ending, Power},
};

/// The Pis, with what an earlier run of the same operation did there.
pub(super) fn aims(devices: &[DeviceId], fleet: &Fleet, history: Option<&History>) -> Vec<Aim> {
    let aim = |device: &DeviceId| Aim {
        device: *device,
        power: match fleet.power_cycle(*device) {
            Some(_) => Power::Switched,
            None => Power::Fixed,
        },
        before: history.map_or(Before::Nothing, |history| before(history, *device)),
    };
    devices.iter().map(aim).collect()
}

fn before(history: &History, device: DeviceId) -> Before {
    let Some(target) = history.targets.get(&device) else {
        return Before::Nothing;
    };
    let ended = target
        .end()
        .map(ending)
        .filter(|ending| ending.is_settled());
    match (ended, target.first_boot) {
        (Some(ending), _) => Before::Ended(ending),
        (None, Some(boot)) => Before::Signed(boot),
        (None, None) => Before::Nothing,
    }
}

fn ending(outcome: Outcome) -> Ending {
    match outcome {
        Outcome::Succeeded => Ending::Succeeded,
        Outcome::Refused => Ending::Refused,
        Outcome::Failed => Ending::Failed,
        Outcome::RolledBack => Ending::RolledBack,
        Outcome::TimedOut => Ending::TimedOut,
        Outcome::Cancelled => Ending::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use picket_proto::{Action, BootId, Command, Nonce, OperationId, Privilege, Target};

    use super::*;
    use crate::audit::{Line, Settled, Signed};

    const OPERATION: OperationId = OperationId([1; 16]);

    #[test]
    fn a_later_run_keeps_the_first_boot_and_leaves_alone_what_has_ended() {
        let device = |number| DeviceId([number; 8]);
        let boot = |number| BootId([number; 16]);
        let mut history = History::new(OPERATION);
        let mut take = |entry| history.take(&Line::new(Timestamp::UNIX_EPOCH, OPERATION, entry));
        for (number, boots) in [(1, [1, 9]), (2, [2, 9]), (3, [3, 9]), (4, [4, 9])] {
            for at in boots {
                take(crate::audit::Entry::from(signed(device(number), boot(at))));
            }
        }
        for (number, outcome) in [
            (1, Outcome::Succeeded),
            (2, Outcome::TimedOut),
            (3, Outcome::Refused),
        ] {
            take(crate::audit::Entry::from(Settled {
                device: device(number),
                outcome,
                detail: None,
            }));
        }
        let devices = [1, 2, 3, 4, 5].map(device);
        let aims = aims(&devices, &Fleet::default(), Some(&history));
        let before: Vec<_> = aims.iter().map(|aim| aim.before).collect();
        assert_eq!(
            before,
            [
                Before::Ended(Ending::Succeeded),
                Before::Signed(boot(2)),
                Before::Signed(boot(3)),
                Before::Signed(boot(4)),
                Before::Nothing,
            ]
        );
    }

    fn signed(device: DeviceId, boot: BootId) -> Signed {
        let command = Command {
            operation: OPERATION,
            targets: vec![Target {
                device,
                boot,
                nonce: Nonce([0; 16]),
                not_after_ms: 0,
            }],
            actor: "me".to_owned(),
            on_behalf_of: String::new(),
            reason: String::new(),
            action: Action::Reboot { force: false },
        };
        Signed::new(&command, Privilege::Operate, Vec::new(), String::new())
    }
}
