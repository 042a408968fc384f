//! What a report means for an order. A report is what a Pi says, and its tenant may be lying: it is believed where nothing that
//! the operator saw himself contradicts it.
use picket_proto::{Action, BootId, OperationId, Reason, Report, State};

use super::order::{Ending, Order};

/// What an order knows of a Pi.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The boot that a reboot is to end; of a reinstall, the one in which it was ordered.
    pub(super) recorded: Option<BootId>,
    /// The newest transition.
    pub(super) latest: Option<Latest>,
}

/// A transition that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Latest {
    pub(super) boot: Option<BootId>,
    pub(super) number: Option<u32>,
    pub(super) state: State,
}

/// What a report means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing that wasn't known, or nothing about this order.
    Nothing,
    /// It goes on.
    Progress(Latest),
    /// It has ended.
    Over(Ending, State),
    /// Another operation's state, which was asked for; that the query was answered comes in a report of its own.
    Answer(OperationId, State),
    /// The command came too late or with a nonce that is used up: another one is needed.
    SignAgain,
    /// It says something that changes nothing.
    Noise,
    /// A success that isn't one.
    Disbelieved(String),
}

/// Judges a report of a Pi that has the order.
pub(super) fn judge(order: &Order, seen: &Seen, report: &Report) -> Verdict {
    let (Some(operation), Some(state)) = (report.operation, report.state) else {
        return Verdict::Nothing;
    };
    if operation != order.operation {
        return match order.action {
            Action::Query { operation: wanted } if wanted.is_none_or(|id| id == operation) => {
                Verdict::Answer(operation, state)
            }
            _ => Verdict::Nothing,
        };
    }
    match state {
        State::Succeeded => success(order, seen, report),
        State::Refused => refusal(order, seen, report.reason),
        State::Failed => Verdict::Over(Ending::Failed, state),
        State::RolledBack => Verdict::Over(Ending::RolledBack, state),
        State::Cancelled => Verdict::Over(Ending::Cancelled, state),
        state => match another_boot(order, seen, report, state) {
            Some(why) => Verdict::Disbelieved(why),
            None => progress(seen, report, state),
        },
    }
}

/// What an image does only when it runs: so a reinstall that has come to it was booted since it was ordered. What is wrong, if that can't be.
fn another_boot(order: &Order, seen: &Seen, report: &Report, state: State) -> Option<String> {
    let is_reinstall = matches!(order.action, Action::Reinstall(_));
    let runs = matches!(
        state,
        State::Trial | State::Committed | State::Cleaning | State::Succeeded
    );
    if !is_reinstall || !runs {
        return None;
    }
    match (seen.recorded, report.boot) {
        (Some(old), Some(new)) if old != new => None,
        (Some(old), Some(_)) => Some(format!(
            "it says that the reinstall is {state}, and still names the boot {old} in which it was ordered"
        )),
        (Some(_), None) => Some(format!(
            "it says that the reinstall is {state}, and names no boot"
        )),
        (None, _) => Some(format!(
            "it says that the reinstall is {state} before anybody asked for one"
        )),
    }
}

fn success(order: &Order, seen: &Seen, report: &Report) -> Verdict {
    if let Some(why) = another_boot(order, seen, report, State::Succeeded) {
        return Verdict::Disbelieved(why);
    }
    if !matches!(order.action, Action::Reboot { .. }) {
        return Verdict::Over(Ending::Succeeded, State::Succeeded);
    }
    match (seen.recorded, report.boot) {
        (Some(old), Some(new)) if old != new => Verdict::Over(Ending::Succeeded, State::Succeeded),
        (Some(old), Some(_)) => Verdict::Disbelieved(format!(
            "it says that the reboot succeeded, and still names the boot {old} that was to end"
        )),
        (Some(_), None) => {
            Verdict::Disbelieved("it says that the reboot succeeded, and names no boot".to_owned())
        }
        (None, _) => Verdict::Disbelieved(
            "it says that the reboot succeeded before anybody asked for one".to_owned(),
        ),
    }
}

fn refusal(order: &Order, seen: &Seen, reason: Option<Reason>) -> Verdict {
    let is_reboot = matches!(order.action, Action::Reboot { .. });
    match reason {
        // Somebody else's copy, or one that was not looked at.
        Some(Reason::Retained | Reason::RateLimited) => Verdict::Noise,
        Some(Reason::StaleNonce | Reason::Expired) => Verdict::SignAgain,
        Some(Reason::WrongBoot) if !is_reboot => Verdict::SignAgain,
        // Once it was taken on, a message that can't be verified is not ours.
        Some(reason) if seen.latest.is_some() && is_about_the_message(reason) => Verdict::Noise,
        _ => Verdict::Over(Ending::Refused, State::Refused),
    }
}

fn is_about_the_message(reason: Reason) -> bool {
    reason.code() <= Reason::WrongBoot.code()
}

fn progress(seen: &Seen, report: &Report, state: State) -> Verdict {
    let now = Latest {
        boot: report.boot,
        number: report.transition,
        state,
    };
    let is_known = seen.latest.is_some_and(|latest| {
        let is_older = latest.number.zip(now.number).map(|(old, new)| new <= old);
        latest.boot == now.boot && is_older.unwrap_or(latest.state == state)
    });
    match is_known {
        true => Verdict::Nothing,
        false => Verdict::Progress(now),
    }
}
