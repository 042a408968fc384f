//! `picket ops`: what was ordered, by whom, and how it went, from the audit log alone. It asks no Pi.
use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::Args;
use picket_proto::OperationId;

use super::{Exit, options::Options, usage};
use crate::{
    audit::{self, History, Line, Problem},
    claim,
    fleet::Fleet,
};

mod columns;
mod export;
mod list;
mod one;

/// Say what was ordered, by whom, and how it went, from the audit log
///
///   picket ops                              the operations, oldest first
///   picket ops OPERATION                    one of them, Pi by Pi
///   picket ops OPERATION --export evidence  its signed commands as files that
///                                           ssh-keygen verifies
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Ops {
    /// The operation, 32 hex digits; the newest ones when none is named
    #[arg(value_name = "OPERATION")]
    operation: Option<OperationId>,
    /// Print one JSON object a line: for each operation, or for each Pi of the one that is named
    #[arg(long)]
    json: bool,
    /// Show at most so many operations, the newest
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        conflicts_with = "operation"
    )]
    last: usize,
    /// Write the signed commands of that operation into this folder, each with its signature, and a script that verifies them
    #[arg(
        long,
        value_name = "DIR",
        requires = "operation",
        conflicts_with = "json"
    )]
    export: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The log or the inventory can't be read, the log doesn't know the operation, or the files can't be written.
pub fn run(args: &Ops, options: &Options) -> Result<Exit> {
    let path = options.audit_path()?;
    let fleet = options.fleet()?;
    let Some(operation) = args.operation else {
        return all(args, &path);
    };
    let mut lines = Vec::new();
    let problems = audit::read(&path, |line| {
        if line.operation == operation {
            lines.push(line);
        }
    });
    tell(&problems.map_err(|error| usage(format!("{error:#}")))?);
    if lines.is_empty() {
        let path = path.display();
        return Err(usage(format!(
            "the audit log {path} doesn't know {operation}"
        )));
    }
    match &args.export {
        Some(folder) => print(&export::write(&lines, folder)?),
        None => print(&of_one(operation, &lines, &fleet, args.json)?),
    }
}

fn of_one(
    operation: OperationId,
    lines: &[Line],
    fleet: &Fleet,
    json: bool,
) -> Result<Vec<String>> {
    let mut history = History::new(operation);
    for line in lines {
        history.take(line);
    }
    match json {
        true => one::json(&history),
        false => Ok(one::table(&history, fleet)),
    }
}

fn all(args: &Ops, path: &Path) -> Result<Exit> {
    if !path.exists() {
        let path = path.display();
        eprintln!("picket: nothing was ordered yet: there is no audit log {path}");
        return Ok(Exit::Succeeded);
    }
    let mut histories = BTreeMap::new();
    let problems = audit::read(path, |line| {
        let operation = line.operation;
        let history = histories.entry(operation);
        history
            .or_insert_with(|| History::new(operation))
            .take(&line);
    })?;
    tell(&problems);
    let mut histories: Vec<History> = histories.into_values().collect();
    histories.sort_by_key(|history| history.began);
    let older = histories.len().saturating_sub(args.last);
    let newest = &histories[older..];
    match args.json {
        true => print(&list::json(newest)?),
        false => print(&list::table(newest, older)),
    }
}

fn tell(problems: &[Problem]) {
    for Problem { line, why, .. } in problems {
        let words = format!("line {line} of the audit log is skipped: {why}");
        eprintln!("picket: {}", claim::escape(&words));
    }
}

fn print(lines: &[String]) -> Result<Exit> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(Exit::Succeeded)
}
