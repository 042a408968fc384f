//! Which Pis an order is meant for, and what the audit log says was done there before. Knows no broker.
use jiff::Timestamp;
use picket_proto::DeviceId;

use crate::{
    audit::{History, Outcome},
    fleet::Fleet,
    operate::{Aim, Before, Ending, Power},
};

/// The Pis, with what an earlier run of the same operation did there before `now`.
pub(super) fn aims(
    devices: &[DeviceId],
    fleet: &Fleet,
    history: Option<&History>,
    now: Timestamp,
) -> Vec<Aim> {
    let aim = |device: &DeviceId| Aim {
        device: *device,
        power: match fleet.power_cycle(*device) {
            Some(_) => Power::Switched,
            None => Power::Fixed,
        },
        before: history.map_or(Before::Nothing, |history| before(history, *device, now)),
    };
    devices.iter().map(aim).collect()
}

fn before(history: &History, device: DeviceId, now: Timestamp) -> Before {
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
        (None, None) => target.power_cycled_at.map_or(Before::Nothing, |at| {
            // After a clock was set back it is too little: at worst no boot counts, and nothing is signed.
            let ago = now.duration_since(at).as_millis();
            Before::PowerCycled(u64::try_from(ago).unwrap_or(0))
        }),
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
    use picket_proto::{Action, BootId, Command, Nonce, OperationId, Privilege, Target};

    use super::*;
    use crate::audit::{Entry, Line, PowerCycling, Settled, Signed};

    const OPERATION: OperationId = OperationId([1; 16]);

    #[test]
    fn a_later_run_keeps_the_first_boot_and_leaves_alone_what_has_ended() {
        let device = |number| DeviceId([number; 8]);
        let boot = |number| BootId([number; 16]);
        let mut history = History::new(OPERATION);
        let mut take = |entry| history.take(&Line::new(Timestamp::UNIX_EPOCH, OPERATION, entry));
        for (number, boots) in [(1, [1, 9]), (2, [2, 9]), (3, [3, 9]), (4, [4, 9])] {
            for at in boots {
                take(Entry::from(signed(device(number), boot(at))));
            }
        }
        for (number, outcome) in [
            (1, Outcome::Succeeded),
            (2, Outcome::TimedOut),
            (3, Outcome::Refused),
        ] {
            take(Entry::from(Settled {
                device: device(number),
                outcome,
                detail: None,
            }));
        }
        let devices = [1, 2, 3, 4, 5].map(device);
        let aims = aims(
            &devices,
            &Fleet::default(),
            Some(&history),
            Timestamp::UNIX_EPOCH,
        );
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

    #[test]
    fn a_later_run_knows_since_when_a_pi_that_never_answered_is_without_its_power() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let device = DeviceId([1; 8]);
        let mut history = History::new(OPERATION);
        let mut take = |s, entry: Entry| history.take(&Line::new(at(s), OPERATION, entry));
        for s in [100, 200] {
            let argv = Vec::new();
            take(s, PowerCycling { device, argv }.into());
            let settled = Settled {
                device,
                outcome: Outcome::TimedOut,
                detail: None,
            };
            take(s, settled.into());
        }
        let aim = |history: &History, s| {
            aims(&[device], &Fleet::default(), Some(history), at(s))[0].before
        };
        assert_eq!(aim(&history, 300), Before::PowerCycled(200_000));
        assert_eq!(aim(&history, 99), Before::PowerCycled(0));
        let boot = BootId([1; 16]);
        history.take(&Line::new(at(300), OPERATION, signed(device, boot)));
        assert_eq!(aim(&history, 300), Before::Signed(boot));
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
