//! Whatever may happen to an agent, at random, and which transitions may come of it.
use picket_proto::{Action as Wanted, State};
use picketd::{
    host::{HostEvent, Preflight},
    journal::Outcome,
};
use proptest::prelude::*;

use super::orders::{self, CONFIGURE, FORCED, IDENTIFY, QUERY_LAST, REBOOT};

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Move {
    Order(u8, usize, Flaw),
    Replay(usize),
    Noise(Vec<u8>),
    Ping,
    Connect,
    Disconnect,
    Puback(usize),
    Refused(usize),
    Written,
    Journal(Outcome),
    Host(HostEvent),
    Configured(Result<(), String>),
    /// The host does what it was told.
    GoesDown,
    PowerCut,
    /// The process dies after so many further actions.
    DiesAfter(usize),
    Pass(u64),
}

/// What is wrong with a command.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flaw {
    None,
    Nonce,
    Late,
    Target,
    Boot,
    Forged,
    Retained,
}

/// What may be ordered.
pub(super) fn actions() -> [Wanted; 9] {
    let unknown = Wanted::Unknown {
        id: 99,
        body: Vec::new(),
    };
    [
        REBOOT,
        FORCED,
        CONFIGURE,
        IDENTIFY,
        orders::cancel(0),
        orders::cancel(1),
        orders::query(1),
        QUERY_LAST,
        unknown,
    ]
}

fn flaw() -> impl Strategy<Value = Flaw> {
    prop_oneof![
        8 => Just(Flaw::None),
        1 => Just(Flaw::Nonce),
        1 => Just(Flaw::Late),
        1 => Just(Flaw::Target),
        1 => Just(Flaw::Boot),
        1 => Just(Flaw::Forged),
        1 => Just(Flaw::Retained),
    ]
}

fn preflight() -> impl Strategy<Value = HostEvent> {
    prop_oneof![3 => Just(None), 1 => Just(Some("a backup runs".to_owned()))].prop_map(
        |inhibited| {
            HostEvent::Preflighted(Preflight {
                inhibited,
                warnings: vec!["w".repeat(1_000); 20],
            })
        },
    )
}

/// Anything that may happen next.
pub(super) fn one() -> impl Strategy<Value = Move> {
    let order =
        || (0..8_u8, 0..9_usize, flaw()).prop_map(|(id, at, flaw)| Move::Order(id, at, flaw));
    prop_oneof![
        10 => order(),
        4 => any::<usize>().prop_map(Move::Replay),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Move::Noise),
        1 => Just(Move::Ping),
        2 => Just(Move::Connect),
        1 => Just(Move::Disconnect),
        6 => (0..4_usize).prop_map(Move::Puback),
        1 => (0..4_usize).prop_map(Move::Refused),
        3 => Just(Move::Written),
        1 => Just(Move::Journal(Outcome::Failed("no space left".to_owned()))),
        1 => Just(Move::Journal(Outcome::Unknown)),
        5 => preflight().prop_map(Move::Host),
        1 => Just(Move::Host(HostEvent::Rung("systemd".to_owned()))),
        1 => Just(Move::Host(HostEvent::Stayed("nothing worked".to_owned()))),
        1 => Just(Move::Host(HostEvent::Down)),
        2 => Just(Move::Host(HostEvent::Identified(Ok(())))),
        1 => Just(Move::Host(HostEvent::Identified(Err("no LED".to_owned())))),
        3 => Just(Move::Configured(Ok(()))),
        1 => Just(Move::Configured(Err("out of timers".to_owned()))),
        3 => Just(Move::GoesDown),
        1 => Just(Move::PowerCut),
        2 => (0..8_usize).prop_map(Move::DiesAfter),
        3 => (0..30_000_u64).prop_map(Move::Pass),
    ]
}

/// The arrows of the machine's diagram.
pub(super) fn is_legal(action: u16, before: Option<State>, after: State) -> bool {
    use State::{Accepted, Cancelled, Failed, Preflight, Rebooting, Refused, Succeeded, Unknown};
    matches!(
        (action, before, after),
        (1 | 6 | 7, None, Accepted)
            | (1, Some(Accepted), Preflight)
            | (1, Some(Preflight), Rebooting | Refused | Cancelled)
            | (1, Some(Rebooting), Rebooting | Failed | Cancelled)
            | (7, Some(Accepted), Succeeded | Refused | Unknown | Failed)
            | (7, Some(Unknown), Succeeded | Refused | Failed)
            | (6, Some(Accepted), Succeeded | Failed)
            | (4, None, Succeeded | Refused)
    )
}
