//! Histories as timelines: these lines, and how it stands then.
use picket_proto::{Action, Command, Privilege};

use super::*;
use crate::audit::{Ended, Halted, OnFailure, PowerCycled, PowerCycling, Resumed, Roll};

const A: DeviceId = DeviceId([0xa; 8]);
const B: DeviceId = DeviceId([0xb; 8]);
const OPERATION: OperationId = OperationId([1; 16]);
const OLD: BootId = BootId([7; 16]);
const NEW: BootId = BootId([8; 16]);

#[test]
fn a_target_is_at_its_end_when_nothing_can_follow() {
    let refused = |reason| report(State::Refused, Some(reason));
    for (entries, end) in [
        (vec![], None),
        (vec![signed(OLD)], None),
        (vec![signed(OLD), state(State::Accepted)], None),
        (
            vec![state(State::Rebooting), state(State::Succeeded)],
            Some(Outcome::Succeeded),
        ),
        (vec![state(State::Failed)], Some(Outcome::Failed)),
        (vec![state(State::Cancelled)], Some(Outcome::Cancelled)),
        (vec![state(State::RolledBack)], Some(Outcome::RolledBack)),
        (vec![state(State::Unknown)], None),
        (vec![refused(Reason::Inhibited)], Some(Outcome::Refused)),
        (vec![report(State::Refused, None)], Some(Outcome::Refused)),
        (vec![refused(Reason::StaleNonce)], None),
        (vec![refused(Reason::Expired)], None),
        (vec![refused(Reason::WrongBoot)], None),
        (vec![refused(Reason::RateLimited)], None),
        (vec![settled(Outcome::Refused)], Some(Outcome::Refused)),
        (vec![settled(Outcome::TimedOut)], None),
        (
            vec![settled(Outcome::TimedOut), state(State::Succeeded)],
            Some(Outcome::Succeeded),
        ),
        (
            vec![state(State::Succeeded), settled(Outcome::TimedOut)],
            Some(Outcome::Succeeded),
        ),
    ] {
        let words = format!("{entries:?}");
        assert_eq!(history(entries).targets[&A].end(), end, "{words}");
    }
}

#[test]
fn the_latest_report_counts_and_what_is_final_stays() {
    for (states, latest) in [
        (&[State::Accepted, State::Rebooting][..], State::Rebooting),
        (
            &[State::Accepted, State::Succeeded, State::Rebooting],
            State::Succeeded,
        ),
        (&[State::Failed, State::Succeeded], State::Failed),
    ] {
        let history = history(states.iter().map(|it| state(*it)).collect());
        assert_eq!(history.targets[&A].latest.as_ref().unwrap().state, latest);
    }
    let cured = history(vec![
        report(State::Refused, Some(Reason::StaleNonce)),
        state(State::Accepted),
    ]);
    assert_eq!(
        cured.targets[&A].latest.as_ref().unwrap().state,
        State::Accepted
    );
}

#[test]
fn a_refusal_is_overtaken_by_what_a_later_run_is_told() {
    let history = history(vec![
        report(State::Refused, Some(Reason::Inhibited)),
        settled(Outcome::Refused),
        state(State::Succeeded),
    ]);
    let target = &history.targets[&A];
    assert_eq!(target.latest.as_ref().unwrap().state, State::Succeeded);
    assert_eq!(target.end(), Some(Outcome::Succeeded), "picket died here");
}

#[test]
fn why_nothing_was_heard_is_kept_until_something_is() {
    let silent = |outcome| {
        Entry::from(Settled {
            device: A,
            outcome,
            detail: Some("it is not connected".to_owned()),
        })
    };
    let why = |entries| history(entries).targets[&A].why.clone();
    let told = Some("it is not connected".to_owned());
    assert_eq!(why(vec![silent(Outcome::TimedOut)]), told);
    assert_eq!(why(vec![silent(Outcome::Failed)]), told, "not signed");
    let reported = vec![state(State::Failed), silent(Outcome::Failed)];
    assert_eq!(why(reported), None, "the report says it");
    let later = vec![silent(Outcome::TimedOut), settled(Outcome::Succeeded)];
    assert_eq!(why(later), None);
}

#[test]
fn a_reboot_keeps_the_first_boot_and_knows_the_last_nonce() {
    let history = history(vec![signed(OLD), signed(NEW)]);
    let target = &history.targets[&A];
    assert_eq!(target.first_boot, Some(OLD));
    let freshness = target.signed.unwrap();
    assert_eq!((freshness.boot, freshness.nonce), (NEW, Nonce([8; 16])));
    assert_eq!(freshness.time, at(2));
}

#[test]
fn what_was_signed_is_the_payload_and_not_what_stands_beside_it() {
    let Entry::Signed(mut signed) = signed(OLD) else {
        unreachable!("it is a signature")
    };
    signed.targets[0].boot = NEW;
    let history_of = |signed: Signed| history(vec![signed.into()]).targets[&A].first_boot;
    assert_eq!(history_of(signed.clone()), Some(OLD));
    signed.payload.truncate(20);
    assert_eq!(history_of(signed), None);
}

#[test]
fn an_operation_that_was_halted_goes_on_where_it_was() {
    let halted = vec![
        signed(OLD),
        state(State::Succeeded),
        Halted {
            why: "interrupted".to_owned(),
        }
        .into(),
        Ended { exit: 14 }.into(),
    ];
    let history_then = history(halted.clone());
    assert_eq!(history_then.halted.as_deref(), Some("interrupted"));
    assert_eq!(history_then.exit, Some(14));
    assert_eq!(history_then.unfinished().collect::<Vec<_>>(), [B]);
    let resumed = Resumed {
        by: "b@h".to_owned(),
        actor: "b".to_owned(),
    };
    let history_now = history([halted, vec![resumed.into()]].concat());
    assert_eq!((history_now.halted.clone(), history_now.exit), (None, None));
    assert_eq!(history_now.unfinished().collect::<Vec<_>>(), [B]);
}

#[test]
fn unfinished_targets_keep_the_order_of_the_order() {
    assert_eq!(history(vec![]).unfinished().collect::<Vec<_>>(), [B, A]);
}

#[test]
fn a_second_order_under_the_same_id_changes_nothing() {
    let mut other = ordered();
    other.targets = vec![DeviceId([0xc; 8])];
    other.actor = "mallory".to_owned();
    let history = history(vec![other.into()]);
    assert_eq!(history.ordered, Some(ordered()));
    assert_eq!(history.targets.keys().copied().collect::<Vec<_>>(), [A, B]);
}

#[test]
fn lines_of_other_operations_and_of_newer_pickets_change_nothing() {
    let mut history = history(vec![]);
    let before = history.clone();
    history.take(&Line::new(
        at(9),
        OperationId([2; 16]),
        state(State::Failed),
    ));
    history.take(&Line::new(at(9), OPERATION, Entry::Unknown));
    assert_eq!(history, before);
}

#[test]
fn power_cycles_are_counted_by_target() {
    let argv = vec!["poe".to_owned()];
    let begun = PowerCycling {
        device: A,
        argv: argv.clone(),
    };
    let ended = PowerCycled {
        device: A,
        argv,
        result: "exit status: 1".to_owned(),
        output: String::new(),
    };
    // Of the second run nobody saw the end.
    let history = history(vec![begun.clone().into(), ended.into(), begun.into()]);
    let cycles = [A, B].map(|device| history.targets[&device].power_cycles);
    assert_eq!(cycles, [2, 0]);
}

/// The order of two Pis at second 0, then these entries, a second apart.
fn history(entries: Vec<Entry>) -> History {
    let mut history = History::new(OPERATION);
    history.take(&Line::new(at(0), OPERATION, ordered()));
    for (second, entry) in (1..).zip(entries) {
        history.take(&Line::new(at(second), OPERATION, entry));
    }
    assert_eq!(history.began, at(0));
    history
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn ordered() -> Ordered {
    Ordered {
        action: Action::Reboot { force: false },
        targets: vec![B, A],
        actor: "anna".to_owned(),
        on_behalf_of: String::new(),
        reason: String::new(),
        by: "anna@laptop".to_owned(),
        roll: Roll {
            max_in_flight: 1,
            stagger_ms: 0,
            timeout_ms: 1,
            on_failure: OnFailure::KeepGoing,
        },
    }
}

fn signed(boot: BootId) -> Entry {
    let command = Command {
        operation: OPERATION,
        targets: vec![Target {
            device: A,
            boot,
            nonce: Nonce(boot.0),
            not_after_ms: 1,
        }],
        actor: "anna".to_owned(),
        on_behalf_of: String::new(),
        reason: String::new(),
        action: Action::Reboot { force: false },
    };
    Signed::new(&command, Privilege::Operate, vec![1], String::new()).into()
}

fn state(state: State) -> Entry {
    report(state, None)
}

fn report(state: State, reason: Option<Reason>) -> Entry {
    Entry::from(Transition {
        device: A,
        state,
        reason,
        detail: None,
        boot_id: None,
        boottime_ms: None,
        transition: None,
        warnings: Vec::new(),
    })
}

fn settled(outcome: Outcome) -> Entry {
    Entry::from(Settled {
        device: A,
        outcome,
        detail: None,
    })
}
