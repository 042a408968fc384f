//! The Pi, the clock and the order that the tests are about.
use picket_proto::{
    Action, BootId, Command, DeviceId, Nonce, OperationId, Privilege, Quality, SignedCommand,
    Target, WallClock,
};
use picket_test_keys::TestKey;
use picketd::trust::{AllowedSigners, Refusal, Unjudged, Verified, verify};

/// 2026-01-01 00:00:00 UTC, in ms.
pub(crate) const NEW_YEAR_MS: i64 = 1_767_225_600_000;
pub(crate) const BOOTTIME_MS: u64 = 60_000;
pub(crate) const ACTOR: &str = "alice@example.org";

/// Alice reboots one Pi.
pub(crate) fn reboot() -> Command {
    Command {
        operation: OperationId([1; 16]),
        targets: vec![target(1)],
        actor: ACTOR.to_owned(),
        on_behalf_of: String::new(),
        reason: "it hangs".to_owned(),
        action: Action::Reboot { force: false },
    }
}

pub(crate) fn target(number: u64) -> Target {
    Target {
        device: DeviceId(number.to_be_bytes()),
        boot: BootId([2; 16]),
        nonce: Nonce([3; 16]),
        not_after_ms: 1_000_000,
    }
}

/// Midnight of the new year, by a clock that deserves that much trust.
pub(crate) fn clock(quality: Quality) -> WallClock {
    WallClock {
        offset_ms: NEW_YEAR_MS - BOOTTIME_MS as i64,
        quality,
    }
}

pub(crate) fn signers(text: &str) -> AllowedSigners {
    let (signers, problems) = AllowedSigners::parse(text);
    assert_eq!(problems, [], "{text}");
    signers
}

/// What an agent with that file says at midnight, with its clock synchronised.
pub(crate) fn judge(file: &str, signed: &SignedCommand) -> Result<Verified, Refusal> {
    let wall = clock(Quality::Synchronised);
    verify(&signers(file), signed, wall, BOOTTIME_MS, Unjudged::Refuse)
}

pub(crate) fn signed_in(key: &TestKey, privilege: Privilege, command: &Command) -> SignedCommand {
    let payload = command.payload();
    SignedCommand {
        signature: key.sign(privilege.namespace(), &payload),
        payload,
    }
}
