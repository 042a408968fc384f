//! What the commands that act on Pis share: from the command line to an order, its audit log and its exit code.
mod aims;
mod ledger;
mod operator;
mod options;
mod power;
mod session;
mod show;
mod signing;

use std::path::Path;

use anyhow::Result;
use picket_proto::{Action, DeviceId, OperationId, command::action_name};

use super::{Exit, options::Options, usage};
use crate::{
    audit::{self, Ended, History, Log, Ordered, Resumed, Roll as Turns},
    claim,
    cmd::targets::Targets,
    fleet::Fleet,
    link::{Link, Listening},
    operate::{Ending, Order, Roll, Signing},
    random,
    signer::{Signer, Surroundings},
    view::news,
};

pub use options::{Going, Signature};
use session::Session;
use show::Show;

/// What a command line says beside its action and its Pis.
#[derive(Debug, Clone, Copy)]
pub struct How<'a> {
    /// Under whose name and number.
    pub signature: &'a Signature,
    /// How fast, and what is waited for.
    pub going: &'a Going,
    /// Broker, inventory, key and audit log.
    pub options: &'a Options,
}

/// Gives an order for these Pis and follows it.
///
/// # Errors
/// Wrong usage, no key, an audit log that can't be written.
pub async fn give(action: Action, targets: &Targets, how: How<'_>) -> Result<Exit> {
    let fleet = how.options.fleet()?;
    let devices = targets.resolve(&fleet)?;
    let operation = match how.signature.op_id {
        Some(operation) => operation,
        None => OperationId(random::bytes()?),
    };
    let history = match how.signature.op_id {
        Some(operation) => history(&how.options.audit_path()?, operation)?,
        None => None,
    };
    if let Some(ordered) = history
        .as_ref()
        .and_then(|history| history.ordered.as_ref())
    {
        same(ordered, &action, &devices)?;
    }
    let what = What {
        operation,
        action,
        devices,
        history,
        turns: how.going.roll(None),
    };
    follow(what, fleet, how).await
}

/// Goes on with an order of the audit log.
///
/// # Errors
/// As [`give`]; the log doesn't know the operation.
pub async fn resume(operation: OperationId, how: How<'_>) -> Result<Exit> {
    let fleet = how.options.fleet()?;
    let path = how.options.audit_path()?;
    let history = history(&path, operation)?;
    let Some((history, ordered)) =
        history.and_then(|history| Some((history.clone(), history.ordered?)))
    else {
        let path = path.display();
        return Err(usage(format!(
            "the audit log {path} doesn't know who ordered {operation}; `picket ops` lists what it knows"
        )));
    };
    let what = What {
        operation,
        action: ordered.action.clone(),
        devices: ordered.targets.clone(),
        turns: how.going.roll(Some(ordered.roll)),
        history: Some(history),
    };
    follow(what, fleet, how).await
}

/// What is to be done, and what was.
struct What {
    operation: OperationId,
    action: Action,
    devices: Vec<DeviceId>,
    history: Option<History>,
    turns: Turns,
}

async fn follow(what: What, fleet: Fleet, how: How<'_>) -> Result<Exit> {
    let earlier = what
        .history
        .as_ref()
        .and_then(|history| history.ordered.clone());
    let source = how.options.key_source()?;
    let signer = Signer::open(&source, &Surroundings::of_this_process()).await;
    let signer = signer.map_err(|error| usage(format!("{error:#}")))?;
    let by = operator::by();
    let order = order(&what, earlier.as_ref(), (&signer, &by), how.signature)?;
    let log = Log::open(&how.options.audit_path()?)?;
    let mut settings = how.options.link(&fleet)?;
    settings.listening = Listening::ORDER;
    settings.known.clone_from(&what.devices);
    announce(&order, &what);
    let link = Link::start(settings).map_err(|error| usage(format!("{error:#}")))?;
    let signing = match signer.needs_touch() {
        true => Signing::Together,
        false => Signing::Each,
    };
    let pace = how.going.pace(&what.turns, signing);
    let aims = aims::aims(&what.devices, &fleet, what.history.as_ref());
    let actor = order.actor.clone();
    let roll = Roll::new(order, pace, &aims, random::number()?);
    let show = Show::open(how.going.json);
    let mut session = Session::new(roll, fleet, (link, log, signer), show);
    match earlier {
        Some(_) => session.log(Resumed { by, actor })?,
        None => session.log(ordered(session.roll.order(), &what, by))?,
    }
    session.run().await?;
    finish(session, how.going.json)
}

/// Who orders, as --actor says, else as the commands that act take it from the key's comment and from the system.
pub(super) fn actor(said: Option<&str>, comment: &str) -> String {
    let signature = Signature {
        actor: said.map(str::to_owned),
        ..Signature::default()
    };
    signature.actor(comment, &operator::by())
}

/// The order; who goes on with one doesn't change for whom it was, and why.
fn order(
    what: &What,
    earlier: Option<&Ordered>,
    (signer, by): (&Signer, &str),
    signature: &Signature,
) -> Result<Order> {
    let comment = signer.public().comment();
    let actor = match (earlier, &signature.actor) {
        (Some(earlier), None) => earlier.actor.clone(),
        _ => signature.actor(comment, by),
    };
    signature.check(&actor)?;
    let text = |given: &Option<String>, earlier: Option<&String>| {
        given.as_ref().or(earlier).cloned().unwrap_or_default()
    };
    Ok(Order {
        operation: what.operation,
        action: what.action.clone(),
        actor,
        on_behalf_of: text(
            &signature.on_behalf_of,
            earlier.map(|earlier| &earlier.on_behalf_of),
        ),
        reason: text(&signature.reason, earlier.map(|earlier| &earlier.reason)),
    })
}

fn ordered(order: &Order, what: &What, by: String) -> Ordered {
    Ordered {
        action: order.action.clone(),
        targets: what.devices.clone(),
        actor: order.actor.clone(),
        on_behalf_of: order.on_behalf_of.clone(),
        reason: order.reason.clone(),
        by,
        roll: what.turns,
    }
}

fn history(path: &Path, operation: OperationId) -> Result<Option<History>> {
    if !path.exists() {
        return Ok(None);
    }
    let (history, problems) = audit::history(path, operation)?;
    for problem in problems {
        let words = format!(
            "line {} of the audit log is skipped: {}",
            problem.line, problem.why
        );
        eprintln!("picket: {}", claim::escape(&words));
    }
    Ok(history)
}

/// An operation id names one thing.
fn same(ordered: &Ordered, action: &Action, devices: &[DeviceId]) -> Result<()> {
    let advice = "leave --op-id out, or take another";
    if ordered.action != *action {
        return Err(usage(format!(
            "that --op-id was used for another command; {advice}"
        )));
    }
    match devices
        .iter()
        .find(|device| !ordered.targets.contains(device))
    {
        Some(device) => Err(usage(format!(
            "that --op-id was used for other Pis, and {device} is none of them; {advice}"
        ))),
        None => Ok(()),
    }
}

/// Says what is about to happen, and to how many.
fn announce(order: &Order, what: &What) {
    let action = action_name(order.action.id()).unwrap_or("order");
    let turns = &what.turns;
    let how_many = match what.devices.len() {
        1 => "1 Pi".to_owned(),
        many => format!("{many} Pis, at most {} at a time", turns.max_in_flight),
    };
    let actor = claim::escape(&order.actor);
    eprintln!(
        "picket: {action} of {how_many}, as {actor}; operation {}",
        order.operation
    );
}

fn finish(mut session: Session, is_json: bool) -> Result<Exit> {
    let endings: Vec<_> = session.roll.endings().collect();
    let exit = exit(&endings);
    session.log(Ended { exit: exit as u8 })?;
    let summary = show::summary(&session.roll);
    if is_json {
        let record = news::last_record(
            session.roll.order(),
            &endings,
            exit as u8,
            jiff::Timestamp::now(),
        );
        session.show.print(&claim::json_line(&record)?)?;
    } else if endings.len() > 1 {
        session.show.print(&summary)?;
    }
    Ok(exit)
}

/// The exit code of all endings: their own when they are of one kind, else that some failed.
fn exit(endings: &[Ending]) -> Exit {
    let mut exits: Vec<_> = endings.iter().map(|ending| exit_of(*ending)).collect();
    exits.dedup();
    match exits[..] {
        [] => Exit::Succeeded,
        [exit] => exit,
        _ => Exit::Partly,
    }
}

fn exit_of(ending: Ending) -> Exit {
    match ending {
        Ending::Succeeded | Ending::Accepted | Ending::Offered => Exit::Succeeded,
        Ending::Refused => Exit::Refused,
        Ending::Failed => Exit::Failed,
        Ending::RolledBack => Exit::RolledBack,
        Ending::TimedOut => Exit::TimedOut,
        Ending::Cancelled | Ending::NotStarted | Ending::Left => Exit::Cancelled,
    }
}

/// These Pis; when none is named, those that the operation was ordered of, as the audit log tells.
///
/// # Errors
/// The log can't be read, or doesn't know the operation.
pub fn targets_of(operation: OperationId, targets: &Targets, options: &Options) -> Result<Targets> {
    if targets.all || !targets.pis.is_empty() || !targets.select.is_empty() {
        return Ok(targets.clone());
    }
    let path = options.audit_path()?;
    let history = history(&path, operation)?;
    let Some(ordered) = history.and_then(|history| history.ordered) else {
        let path = path.display();
        return Err(usage(format!(
            "the audit log {path} doesn't know of which Pis {operation} was ordered: name them"
        )));
    };
    let ids = ordered.targets.iter().map(|id| id.to_string().parse());
    let pis: Result<_, String> = ids.collect();
    Ok(Targets {
        pis: pis.map_err(anyhow::Error::msg)?,
        ..Targets::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_of_one_kind_have_their_exit_code_and_others_are_partly() {
        use Ending::{
            Accepted, Cancelled, Failed, Left, NotStarted, Offered, Refused, RolledBack, Succeeded,
            TimedOut,
        };
        for (endings, code) in [
            (&[Succeeded][..], 0),
            (&[Succeeded, Accepted, Offered], 0),
            (&[Refused], 10),
            (&[Failed, Failed], 11),
            (&[RolledBack], 12),
            (&[TimedOut], 13),
            (&[Cancelled, NotStarted, Left], 14),
            (&[Succeeded, Failed], 15),
            (&[Refused, NotStarted], 15),
            (&[Succeeded, Failed, Succeeded], 15),
        ] {
            assert_eq!(exit(endings) as u8, code, "{endings:?}");
        }
    }
}
