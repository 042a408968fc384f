//! Commands that nobody may give, each with the reason that it is refused for and a word of what people are told.
mod blobs;
mod changed;
mod forgeries;
mod people;
mod wire;

use std::collections::BTreeSet;

use picket_proto::{
    Action, Command, Privilege,
    Quality::{self, Synchronised, Unset, Unsynchronised},
    Reason, SignedCommand, frame,
};
use picket_test_keys::TOUCHED;
use picketd::trust::{Refusal, Unjudged, Verified, decode, verify};

use crate::scene::{
    self, BOOTTIME_MS, alice, bob, by, carol, clock, guest, reboot, signed_in, signers, token,
};

/// One of them.
#[derive(Clone)]
struct Hostile {
    what: &'static str,
    message: Vec<u8>,
    reason: Reason,
    /// Stands in what people are told.
    word: &'static str,
    clock: Quality,
}

/// Refused for that reason, by a synchronised clock: what it is, the message, and the word.
fn of<const N: usize>(
    reason: Reason,
    rows: [(&'static str, Vec<u8>, &'static str); N],
) -> Vec<Hostile> {
    let hostile = |(what, message, word)| Hostile {
        what,
        message,
        reason,
        word,
        clock: Synchronised,
    };
    rows.into_iter().map(hostile).collect()
}

#[test]
fn every_hostile_command_is_refused_with_its_own_reason() {
    let mut told = BTreeSet::new();
    let rows = rows();
    for row in &rows {
        let refusal = judge(&row.message, row.clock).expect_err(row.what);
        assert_eq!(refusal.reason, row.reason, "{}: {refusal}", row.what);
        let detail = refusal.to_string();
        assert!(detail.contains(row.word), "{}: {detail}", row.what);
        assert!(
            detail.contains(';'),
            "no way out for {}: {detail}",
            row.what
        );
        assert!(detail.len() < 400, "{}: {detail}", row.what);
        assert!(!detail.contains(char::is_control), "{}: {detail}", row.what);
        told.insert(detail);
    }
    println!(
        "{} hostile commands, {} different details",
        rows.len(),
        told.len()
    );
    assert!(rows.len() >= 85 && told.len() >= 65, "{told:#?}");
}

/// Every reason of the table, and that of an agent without signers.
pub(crate) fn reasons() -> BTreeSet<String> {
    let reasons = rows().into_iter().map(|row| row.reason);
    reasons
        .chain([Reason::NoSigners])
        .map(|reason| reason.to_string())
        .collect()
}

/// Everyone's key does what its owner may: so the rows above fail for what is wrong with them.
#[test]
fn the_keys_of_the_table_are_good_for_what_they_may() {
    for (key, actor, clock) in [
        (alice(), "alice@example.org", Unset),
        (token(TOUCHED), "tom", Unset),
        (guest(), "guest", Synchronised),
    ] {
        let message = frame::encode(&signed_in(&key, Privilege::Operate, &by(actor)));
        assert_eq!(judge(&message, clock).unwrap().command.actor, actor);
    }
    let configure = Action::Configure {
        sample_every_ms: None,
        window_ms: None,
    };
    let command = Command {
        action: configure,
        ..by("bob")
    };
    assert_eq!(
        judge(&bob().frame(&command), Unset).unwrap().privilege,
        Privilege::Configure
    );
}

#[test]
fn an_agent_without_signers_says_so() {
    let operation = Some(reboot().operation);
    let refusal = Refusal::no_signers(operation);
    assert_eq!(refusal.reason, Reason::NoSigners);
    assert_eq!(refusal.operation, operation);
    assert!(
        refusal.to_string().contains("set allowed_signers"),
        "{refusal}"
    );
}

#[test]
fn a_refusal_names_the_operation_as_far_as_it_can_be_read() {
    let good = alice().command(&reboot());
    for (length, known) in [(0, false), (1, false), (16, false), (17, true), (30, true)] {
        let signed = SignedCommand {
            payload: good.payload[..length].to_vec(),
            ..good.clone()
        };
        let refusal = judge(&frame::encode(&signed), Synchronised).unwrap_err();
        assert_eq!(
            refusal.operation,
            known.then_some(reboot().operation),
            "{length}"
        );
    }
}

/// A key may stand on several lines: while one is being replaced, or for different people.
#[test]
fn of_several_lines_with_a_key_the_closest_says_why() {
    let key = alice();
    let line = |restriction: &str| key.line(restriction);
    let other = line("bob");
    let elsewhere = line(r#"alice namespaces="git""#);
    let old = line(r#"alice valid-before="20251231Z""#);
    for (lines, reason) in [
        ([&other, &other, &other], Reason::WrongActor),
        ([&other, &elsewhere, &other], Reason::WrongNamespace),
        ([&elsewhere, &other, &other], Reason::WrongNamespace),
        ([&old, &elsewhere, &other], Reason::KeyExpired),
        ([&other, &elsewhere, &old], Reason::KeyExpired),
    ] {
        let text: String = lines.into_iter().map(String::as_str).collect();
        let order = signed_in(&key, Privilege::Operate, &by("alice"));
        let refusal = scene::judge(&text, &order).unwrap_err();
        assert_eq!(refusal.reason, reason, "{text}");
        let more = text + &line("alice");
        scene::judge(&more, &order).expect("the fourth line admits her");
    }
}

#[test]
fn a_line_with_times_waits_for_the_clock_or_is_believed_as_configured() {
    let message = frame::encode(&signed_in(&guest(), Privilege::Operate, &by("guest")));
    for (quality, unjudged, accepted) in [
        (Synchronised, Unjudged::Refuse, true),
        (Synchronised, Unjudged::Accept, true),
        (Unsynchronised, Unjudged::Refuse, false),
        (Unsynchronised, Unjudged::Accept, true),
        (Unset, Unjudged::Refuse, false),
        (Unset, Unjudged::Accept, true),
    ] {
        let signed = decode(&message).unwrap();
        let result = verify(signers(), &signed, clock(quality), BOOTTIME_MS, unjudged);
        assert_eq!(result.is_ok(), accepted, "{quality:?} {unjudged:?}");
    }
    // A clock that is known is believed, whatever is done without one.
    let message = frame::encode(&signed_in(&carol(), Privilege::Operate, &by("carol")));
    let signed = decode(&message).unwrap();
    let wall = clock(Synchronised);
    let refusal = verify(signers(), &signed, wall, BOOTTIME_MS, Unjudged::Accept).unwrap_err();
    assert_eq!(refusal.reason, Reason::KeyExpired);
}

fn rows() -> Vec<Hostile> {
    [
        wire::messages(),
        wire::targets(),
        wire::payloads(),
        blobs::lengths(),
        blobs::fields(),
        blobs::kinds(),
        forgeries::forgeries(),
        forgeries::tokens(),
        forgeries::strangers(),
        people::rights(),
        people::times(),
    ]
    .concat()
}

fn judge(message: &[u8], quality: Quality) -> Result<Verified, Refusal> {
    let signed = decode(message)?;
    verify(
        signers(),
        &signed,
        clock(quality),
        BOOTTIME_MS,
        Unjudged::Refuse,
    )
}
