//! Genuine signatures of people who may not do that, or not now.
use picket_proto::{
    Action, Command, OperationId, Privilege,
    Quality::{Unset, Unsynchronised},
    Reason::{ClockUnknown, KeyExpired, WrongActor, WrongNamespace, WrongPrivilege},
    frame,
};
use picket_test_keys::{TOUCHED, TestKey};

use super::{Hostile, of};
use crate::scene::{alice, bob, by, carol, dave, guest, reboot, signed_in, token};

pub(super) fn rights() -> Vec<Hostile> {
    use Privilege::{Configure, Operate, Reinstall};
    let configure = Command {
        action: Action::Configure {
            sample_every_ms: Some(1_000),
            window_ms: None,
        },
        ..reboot()
    };
    let reinstall = Command {
        action: Action::Activate {
            operation: OperationId([9; 16]),
        },
        ..by("bob")
    };
    let acts = |key: TestKey, actor: &str| order(&key, Operate, &by(actor));
    let many = acts(alice(), "eve\nalice");
    let toms = acts(token(TOUCHED), "alice");
    [
        of(
            WrongActor,
            [
                ("another's name", acts(alice(), "bob"), "\"bob\""),
                (
                    "a name that is excepted",
                    acts(alice(), "root@example.org"),
                    "line 1",
                ),
                ("a pattern for a name", acts(alice(), "*"), "\"*\""),
                ("no name", acts(alice(), ""), "\"\""),
                ("a name over two lines", many, "eve\\nalice"),
                ("a token's owner by another name", toms, "line 6"),
            ],
        ),
        of(
            WrongNamespace,
            [
                (
                    "a reboot by who may configure",
                    acts(bob(), "bob"),
                    "picket-operate@1",
                ),
                (
                    "a reinstallation by who may configure",
                    order(&bob(), Reinstall, &reinstall),
                    "picket-reinstall@1",
                ),
            ],
        ),
        of(
            WrongPrivilege,
            [
                (
                    "a reboot signed as a configuration",
                    order(&alice(), Configure, &reboot()),
                    "reboot needs",
                ),
                (
                    "a configuration signed as a reboot",
                    order(&alice(), Operate, &configure),
                    "configure needs",
                ),
                (
                    "a reboot signed as a reinstallation",
                    order(&alice(), Reinstall, &reboot()),
                    "picket-reinstall@1",
                ),
            ],
        ),
    ]
    .concat()
}

pub(super) fn times() -> Vec<Hostile> {
    let acts = |key: TestKey, actor: &str| order(&key, Privilege::Operate, &by(actor));
    let clock_is =
        |clock, rows: Vec<Hostile>| rows.into_iter().map(move |row| Hostile { clock, ..row });
    let (carols, today) = (acts(carol(), "carol"), acts(guest(), "guest"));
    let unknown = of(
        ClockUnknown,
        [
            ("a clock in 1970", today.clone(), "line 5"),
            (
                "a key of yesterday by a clock in 1970",
                carols.clone(),
                "line 3",
            ),
        ],
    );
    let doubted = of(
        ClockUnknown,
        [("a clock that nobody vouches for", today, "synchronised")],
    );
    let mut rows = of(
        KeyExpired,
        [
            ("a key of yesterday", carols, "until 2025-12-31"),
            ("a key of tomorrow", acts(dave(), "dave"), "from 2026-01-02"),
        ],
    );
    rows.extend(clock_is(Unset, unknown));
    rows.extend(clock_is(Unsynchronised, doubted));
    rows
}

fn order(key: &TestKey, privilege: Privilege, command: &Command) -> Vec<u8> {
    frame::encode(&signed_in(key, privilege, command))
}
