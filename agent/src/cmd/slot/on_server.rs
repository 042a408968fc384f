//! What `slot fill` and `slot wipe` have in common: both are done on the file server, while the Pi is off, and are recorded.
use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::Failure;
use crate::{
    fileserver::{
        Content,
        record::{self, Filled, Line, Record, State, Who},
        signs,
    },
    slots::{Slot, layout::Export},
};

/// What both take.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OnServer {
    /// Go on although something on the export was changed a short time ago, as a running Pi does
    #[arg(long)]
    pub(super) force: bool,
    /// Where lines of JSON tell of it; never on the export
    #[arg(long, value_name = "FILE", default_value = record::DEFAULT_PATH)]
    record: PathBuf,
}

/// A job, and where it will be recorded.
pub(super) struct Job<'a> {
    pub(super) export: Export,
    path: &'a Path,
    action: &'static str,
    record: Record,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) removed: Content,
    pub(super) filled: Option<Filled>,
    pub(super) failed: Option<String>,
}

impl OnServer {
    /// Opens the export and the record, and looks whether the Pi is off.
    pub(super) fn open<'a>(
        &self,
        path: &'a Path,
        action: &'static str,
    ) -> Result<Job<'a>, Failure> {
        let export = Export::open(path).map_err(|error| {
            Failure::Usage(format!("can't open the export {}: {error}", path.display()))
        })?;
        let record = Record::open(&self.record).map_err(|error| {
            let record = self.record.display();
            Failure::Failed(format!(
                "nothing is done, as it could not be recorded: {record}: {error}; name another file with --record"
            ))
        })?;
        if !self.force {
            is_off(&export)?;
        }
        Ok(Job {
            export,
            path,
            action,
            record,
        })
    }
}

impl<'a> Job<'a> {
    /// Records that it begins: on that slot, or on all of the export.
    pub(super) fn begin(&mut self, slot: Option<Slot>) -> Result<(), Failure> {
        let begun = self.line(State::Begun, slot);
        self.record.add(&begun).map_err(|error| {
            let path = self.record.path().display();
            Failure::Failed(format!(
                "nothing is done, as it can't be recorded: {path}: {error}"
            ))
        })
    }

    /// Records what came of it.
    pub(super) fn end(&mut self, slot: Option<Slot>, outcome: Outcome) -> Result<(), Failure> {
        let state = match outcome.failed {
            None => State::Done,
            Some(_) => State::Failed,
        };
        let done = Line {
            removed: Some(outcome.removed),
            filled: outcome.filled,
            failed: outcome.failed,
            ..self.line(state, slot)
        };
        self.record.add(&done).map_err(|error| {
            let path = self.record.path().display();
            Failure::Failed(format!(
                "it was done and can't be recorded: {path}: {error}"
            ))
        })
    }

    fn line(&self, state: State, slot: Option<Slot>) -> Line<'a> {
        Line {
            time: unix_time().unsigned_abs(),
            action: self.action,
            state,
            export: self.path,
            slot,
            removed: None,
            filled: None,
            by: Who::this(),
            failed: None,
        }
    }
}

fn is_off(export: &Export) -> Result<(), Failure> {
    match signs::of_life(export.root(), unix_time()) {
        None => Ok(()),
        Some(sign) => Err(Failure::Failed(format!(
            "the Pi seems to run: {} was changed {} s ago; switch it off, wait {} minutes or say --force. None of this could show \
             a Pi that hangs: that it is off only its switch knows",
            sign.path.display(),
            sign.ago.as_secs(),
            signs::RECENT.as_secs() / 60
        ))),
    }
}

fn unix_time() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}
