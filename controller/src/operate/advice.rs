//! What to do when a Pi does not answer or does not do it, in words.
use picket_proto::{Action as Wish, OperationId, Reason, State};

use super::{
    pi::{Phase, Pi},
    turn::Turn,
};

/// The Pi doesn't answer pings.
pub(super) fn unanswered(pi: &Pi) -> String {
    match (&pi.presence, &pi.features) {
        (Some(presence), _) if !presence.online => {
            "it is not connected to the broker; the command waits for it".to_owned()
        }
        (_, Some(features)) if !features.iter().any(|name| name == "commands") => {
            "it takes no commands: its picketd has no allowed_signers".to_owned()
        }
        (Some(_), _) => {
            "it is connected and does not answer pings: is the broker's access list in the way?"
                .to_owned()
        }
        (None, _) => {
            "the broker knows nothing of it yet: is the id right, is picketd running?".to_owned()
        }
    }
}

/// Why there was no end in time, and what to do.
pub(super) fn timed_out(pi: &Pi, turn: &Turn) -> String {
    let again = format!("`picket resume {}` tries again", turn.order.operation);
    let is_reboot = matches!(turn.order.action, Wish::Reboot { .. });
    if turn.connected_ms.is_none() {
        return format!("there is no connection to the broker; {again}");
    }
    if pi.boot.is_none() {
        return format!("{}; {again}", unanswered(pi));
    }
    let has_gone_down = pi
        .seen
        .latest
        .is_some_and(|latest| latest.state == State::Rebooting);
    match has_gone_down {
        true if is_reboot && pi.cycled_ms.is_some() => format!(
            "it did not come back, not even after its power was cut: look at its boot server, its network and its lamp; {again}"
        ),
        true if is_reboot => format!(
            "it went down and did not come back: cut its power (power_cycle in fleet.toml does it), then look at its boot \
             server; {again}"
        ),
        _ if matches!(pi.phase, Phase::Signing { .. }) => {
            format!("its command was not signed in time: does the key wait for a touch? {again}")
        }
        _ if pi.seen.latest.is_some() => {
            format!(
                "it took the command on and has not ended it: `picket query {}` asks how it stands; {again}",
                turn.order.operation
            )
        }
        _ if is_reboot && pi.was_cycled() && pi.seen.recorded.is_none() => {
            "it answers from a boot that began before its power was cut: does power_cycle switch the right port? Order it anew, \
             without --op-id"
                .to_owned()
        }
        _ if pi.is_offered => format!(
            "it answers pings and says nothing of the command: may it read its command topic, and write its report topic, at \
             the broker? {again}"
        ),
        _ => again,
    }
}

/// Words for a refusal that leave the operator with something to do; the Pi's own come first.
pub(super) fn refused(reason: Option<Reason>, said: Option<String>) -> Option<String> {
    let way_out = match reason {
        Some(Reason::Busy) => {
            "another operation is under way there: `picket query` shows it, `picket cancel` may end it, or wait and order again"
        }
        Some(Reason::Inhibited) => "--force overrides the wish of its user",
        Some(Reason::NoSigners) => "its picketd has no allowed_signers: it only observes",
        Some(Reason::UnknownSigner) => {
            "add the line that `picket keys` prints to the allowed_signers of its picketd"
        }
        Some(Reason::WrongActor) => {
            "--actor must be a principal of the key's line in its allowed_signers"
        }
        Some(Reason::WrongNamespace) => {
            "the key's line in its allowed_signers has no such namespace"
        }
        Some(Reason::OperationReused) => {
            "that --op-id was used for something else; leave it out, or take another"
        }
        Some(Reason::UnknownOperation) => "`picket ops` lists what was ordered from here",
        _ => return said,
    };
    Some(match said {
        Some(said) => format!("{said} ({way_out})"),
        None => way_out.to_owned(),
    })
}

/// Nobody waits any more.
pub(super) fn left(operation: OperationId) -> String {
    format!("it may still be under way; `picket resume {operation}` follows it to its end")
}
