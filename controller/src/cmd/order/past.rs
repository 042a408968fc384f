//! What the audit log tells of an operation that goes on, or is spoken of again.
use std::path::Path;

use anyhow::Result;
use picket_proto::{Action, DeviceId, OperationId};

use crate::{
    audit::{self, History, Ordered},
    claim,
    cmd::{options::Options, targets::Targets, usage},
};

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

/// What the log tells of it; `None` when it knows nothing.
pub(super) fn history(path: &Path, operation: OperationId) -> Result<Option<History>> {
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
pub(super) fn same(ordered: &Ordered, action: &Action, devices: &[DeviceId]) -> Result<()> {
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
