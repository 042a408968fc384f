//! The Pi, the clock and the order that the tests are about.
use std::sync::LazyLock;

use picket_proto::{
    Action, BootId, Command, DeviceId, Nonce, OperationId, Privilege, Quality, SignedCommand,
    Target, WallClock,
};
use picket_test_keys::{TOUCHED, TestKey};
use picketd::trust::{AllowedSigners, Refusal, Unjudged, Verified, verify};

/// 2026-01-01 00:00:00 UTC, in ms.
pub(crate) const NEW_YEAR_MS: i64 = 1_767_225_600_000;
/// The same, as ssh-keygen writes times.
pub(crate) const MIDNIGHT: &str = "20260101000000Z";
pub(crate) const OPERATE: &str = "picket-operate@1";
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

/// What an agent with that file says at midnight, with its clock synchronised.
pub(crate) fn judge(file: &str, signed: &SignedCommand) -> Result<Verified, Refusal> {
    let wall = clock(Quality::Synchronised);
    let (signers, _) = AllowedSigners::parse(file);
    verify(&signers, signed, wall, BOOTTIME_MS, Unjudged::Refuse)
}

pub(crate) fn signed_in(key: &TestKey, privilege: Privilege, command: &Command) -> SignedCommand {
    let payload = command.payload();
    SignedCommand {
        signature: key.sign(privilege.namespace(), &payload),
        payload,
    }
}

/// May do everything.
pub(crate) fn alice() -> TestKey {
    TestKey::new(1)
}

/// May configure.
pub(crate) fn bob() -> TestKey {
    TestKey::new(2)
}

/// Might do everything, until yesterday.
pub(crate) fn carol() -> TestKey {
    TestKey::new(3)
}

/// May do everything from tomorrow on.
pub(crate) fn dave() -> TestKey {
    TestKey::new(4)
}

/// May do everything today.
pub(crate) fn guest() -> TestKey {
    TestKey::new(5)
}

/// May do everything with a token, whose flags are these.
pub(crate) fn token(flags: u8) -> TestKey {
    TestKey::of_token(6, flags)
}

/// Stands in no file.
pub(crate) fn mallory() -> TestKey {
    TestKey::new(66)
}

/// The `allowed_signers` of that cast.
pub(crate) fn signers() -> &'static AllowedSigners {
    static SIGNERS: LazyLock<AllowedSigners> = LazyLock::new(cast);
    &SIGNERS
}

fn cast() -> AllowedSigners {
    let configure = r#"bob namespaces="picket-configure@1""#;
    let yesterday = r#"carol valid-before="20251231Z""#;
    let tomorrow = r#"dave valid-after="20260102Z""#;
    let today = r#"guest valid-after="20260101Z",valid-before="20260102Z""#;
    let text = [
        alice().line("*@example.org,!root@*"),
        bob().line(configure),
        carol().line(yesterday),
        dave().line(tomorrow),
        guest().line(today),
        token(TOUCHED).line("tom"),
    ];
    let (signers, problems) = AllowedSigners::parse(&text.concat());
    assert_eq!(problems, []);
    signers
}

/// The order of [`reboot`], by somebody else.
pub(crate) fn by(actor: &str) -> Command {
    Command {
        actor: actor.to_owned(),
        ..reboot()
    }
}
