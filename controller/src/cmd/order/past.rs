//! What the audit log tells of an operation that goes on, or is spoken of again.
use std::path::Path;

use anyhow::Result;
use picket_proto::{Action, DeviceId, OperationId};

use crate::{
    audit::{self, History, Ordered, Problem},
    claim,
    cmd::{options::Options, targets::Targets, usage},
};

/// These Pis; when none is named, those that the operation was ordered of, as the audit log tells.
///
/// # Errors
/// The log can't be read, or doesn't know the operation.
pub fn targets_of(operation: OperationId, targets: &Targets, options: &Options) -> Result<Targets> {
    if !targets.is_empty() {
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

/// What the log tells of an operation that is ordered again.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// `None` when it knows nothing.
    pub(super) history: Option<History>,
    /// The log's last line, if it is torn. The next one that is appended ends it, and it stays as it is.
    torn: Option<u64>,
}

impl Past {
    /// Reads it.
    ///
    /// # Errors
    /// The log can't be read, or a line of it can't, other than a torn last one.
    pub(super) fn read(path: &Path, operation: OperationId) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let (history, problems) = audit::history(path, operation)?;
        let torn = problems.iter().find(|problem| problem.is_torn);
        let past = Self {
            history,
            torn: torn.map(|problem| problem.line),
        };
        past.check(path, operation, &problems)?;
        tell(&problems);
        Ok(past)
    }

    /// Reads it once more, after something was appended.
    ///
    /// # Errors
    /// As [`Past::read`].
    pub(super) fn again(&self, path: &Path, operation: OperationId) -> Result<Option<History>> {
        let (history, problems) = audit::history(path, operation)?;
        self.check(path, operation, &problems)?;
        Ok(history)
    }

    /// Safety-order: a line that can't be read may tell for which boot a command was signed. Who doesn't know that boot would
    /// sign for another, and the Pi reboots twice. What a torn last line tells was not done.
    fn check(&self, path: &Path, operation: OperationId, problems: &[Problem]) -> Result<()> {
        let mut problems = problems.iter();
        let Some(problem) = problems.find(|problem| Some(problem.line) != self.torn) else {
            return Ok(());
        };
        let (path, line, why) = (path.display(), problem.line, claim::escape(&problem.why));
        Err(usage(format!(
            "line {line} of the audit log {path} can't be read ({why}), and may tell what was signed for {operation}: go on with \
             the picket that wrote it, or repair that line; or see with `picket ops {operation}` what is left and order that anew, \
             without --op-id"
        )))
    }
}

/// What the log tells of it; `None` when it knows nothing.
fn history(path: &Path, operation: OperationId) -> Result<Option<History>> {
    if !path.exists() {
        return Ok(None);
    }
    let (history, problems) = audit::history(path, operation)?;
    tell(&problems);
    Ok(history)
}

fn tell(problems: &[Problem]) {
    for problem in problems {
        let words = format!(
            "line {} of the audit log is skipped: {}",
            problem.line, problem.why
        );
        eprintln!("picket: {}", claim::escape(&words));
    }
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
