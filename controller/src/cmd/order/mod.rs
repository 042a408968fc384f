//! What the commands that act on Pis share: from the command line to an order, its audit log and its exit code.
mod aims;
mod exit;
mod ledger;
mod operator;
mod options;
mod past;
mod power;
mod session;
mod show;
mod signing;

use std::io::{self, Write};

use anyhow::Result;
use jiff::Timestamp;
use picket_proto::{Action, DeviceId, OperationId, command::action_name};

use super::{Exit, is_broken_pipe, options::Options, usage};
use crate::{
    audit::{Ended, Entry, Line, Log, Ordered, Resumed, Roll as Turns},
    claim,
    cmd::targets::Targets,
    fleet::Fleet,
    link::{Link, Listening},
    operate::{Order, Roll, Signing, Wait},
    random,
    signer::{Signer, Surroundings},
    view::news,
};

use exit::exit;
pub use options::{Going, Signature};
pub use past::targets_of;
use past::{Past, same};
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
    let past = match how.signature.op_id {
        Some(operation) => Past::read(&how.options.audit_path()?, operation)?,
        None => Past::default(),
    };
    if let Some(ordered) = past
        .history
        .as_ref()
        .and_then(|history| history.ordered.as_ref())
    {
        same(ordered, &action, &devices)?;
    }
    let turns = how.going.roll(options::turns(&action));
    let what = What {
        operation,
        ends_staged: matches!(&action, Action::Reinstall(reinstall) if reinstall.hold),
        action,
        devices,
        past,
        turns,
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
    let past = Past::read(&path, operation)?;
    let Some(ordered) = past
        .history
        .as_ref()
        .and_then(|history| history.ordered.clone())
    else {
        let path = path.display();
        return Err(usage(format!(
            "the audit log {path} doesn't know who ordered {operation}; `picket ops` lists what it knows"
        )));
    };
    let what = What {
        operation,
        ends_staged: false,
        action: ordered.action.clone(),
        devices: ordered.targets.clone(),
        turns: how.going.roll(ordered.roll),
        past,
    };
    follow(what, fleet, how).await
}

/// What is to be done, and what was.
struct What {
    operation: OperationId,
    action: Action,
    devices: Vec<DeviceId>,
    past: Past,
    turns: Turns,
    /// Whether it is followed to the image that is held, not to its end.
    ends_staged: bool,
}

async fn follow(what: What, fleet: Fleet, how: How<'_>) -> Result<Exit> {
    let earlier = what
        .past
        .history
        .as_ref()
        .and_then(|history| history.ordered.clone());
    let source = how.options.key_source()?;
    let signer = Signer::open(&source, &Surroundings::of_this_process()).await;
    let signer = signer.map_err(|error| usage(format!("{error:#}")))?;
    let by = operator::by();
    let order = order(&what, earlier.as_ref(), (&signer, &by), how.signature)?;
    let path = how.options.audit_path()?;
    let mut log = Log::open(&path)?;
    let mut settings = how.options.link(&fleet)?;
    settings.listening = Listening::ORDER;
    settings.known.clone_from(&what.devices);
    announce(&order, &what);
    let link = Link::start(settings).map_err(|error| usage(format!("{error:#}")))?;
    let signing = match signer.needs_touch() {
        true => Signing::Together,
        false => Signing::Each,
    };
    let mut pace = how.going.pace(&what.turns, signing);
    if what.ends_staged && pace.wait == Wait::End {
        pace.wait = Wait::Staged;
    }
    let begun = match earlier {
        Some(_) => Entry::from(Resumed {
            by,
            actor: order.actor.clone(),
        }),
        None => ordered(&order, &what, by).into(),
    };
    log.append(&Line::new(Timestamp::now(), what.operation, begun))?;
    // Safety-order: what another picket signed for this operation until now counts, and it signs nothing more.
    let is_new = what.past.history.is_none() && how.signature.op_id.is_none();
    let history = match is_new {
        true => None,
        false => what.past.again(&path, what.operation)?,
    };
    if let Some(first) = history.as_ref().and_then(|it| it.ordered.as_ref()) {
        same(first, &what.action, &what.devices)?;
    }
    let aims = aims::aims(&what.devices, &fleet, history.as_ref(), Timestamp::now());
    let roll = Roll::new(order, pace, &aims, random::number()?);
    let show = Show::open(how.going.json);
    let mut session = Session::new(roll, fleet, (link, log, signer), show);
    match session.run().await {
        Err(error) if is_broken_pipe(&error) => unheard(session),
        followed => followed.and_then(|()| finish(session, how.going.json)),
    }
}

/// Nobody reads the output any more: the order is left where it is.
fn unheard(mut session: Session) -> Result<Exit> {
    let exit = Exit::Cancelled;
    session.log(Ended { exit: exit as u8 })?;
    let operation = session.roll.order().operation;
    session.show.note(&format!(
        "nobody reads the output any more, so the order is left; `picket resume {operation}` follows it to its end"
    ))?;
    Ok(exit)
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
    let actor = match (earlier, signature.said()) {
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

/// Says what is about to happen, and to how many.
fn announce(order: &Order, what: &What) {
    let action = action_name(order.action.id()).unwrap_or("order");
    let turns = &what.turns;
    let how_many = match what.devices.len() {
        1 => "1 Pi".to_owned(),
        many => format!("{many} Pis, at most {} at a time", turns.max_in_flight),
    };
    let actor = claim::escape(&order.actor);
    let operation = order.operation;
    // An order doesn't depend on who reads this.
    let _ = writeln!(
        io::stderr(),
        "picket: {action} of {how_many}, as {actor}; operation {operation}"
    );
}

fn finish(mut session: Session, is_json: bool) -> Result<Exit> {
    let endings: Vec<_> = session.roll.endings().collect();
    let exit = exit(&endings);
    session.log(Ended { exit: exit as u8 })?;
    let summary = show::summary(&session.roll);
    let line = match is_json {
        true => {
            let order = session.roll.order();
            let record = news::last_record(order, &endings, exit as u8, Timestamp::now());
            Some(claim::json_line(&record)?)
        }
        false => (endings.len() > 1).then_some(summary),
    };
    let printed = line.map_or(Ok(()), |line| session.show.print(&line));
    match printed {
        // It has ended all the same.
        Err(error) if !is_broken_pipe(&error) => Err(error),
        _ => Ok(exit),
    }
}
