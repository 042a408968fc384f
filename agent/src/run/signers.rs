//! Who may command this Pi: reads `allowed_signers` at the start and at SIGHUP, and says what of it counts.
use std::path::Path;

use picket_proto::Status;

use crate::{
    log::chain,
    trust::{self, AllowedSigners},
};

/// Whoever may sign. `None` when nobody may: then the agent only observes, at the start as after a SIGHUP, so that whoever
/// takes the file away takes the right away.
pub(super) fn load(path: Option<&Path>) -> Option<AllowedSigners> {
    let Some(path) = path else {
        tracing::info!("allowed_signers is not set: this agent only observes");
        return None;
    };
    let loaded = match trust::load(path) {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::error!("{}; until then this agent only observes", chain(&error));
            return None;
        }
    };
    let path = path.display();
    for problem in &loaded.problems {
        tracing::warn!("{path}, {problem}; this line doesn't count");
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let (good, bad) = (loaded.signers.iter().count(), loaded.problems.len());
    tracing::info!("{path}: {good} lines say who may command this Pi, {bad} don't count");
    Some(loaded.signers).filter(|signers| !signers.is_empty())
}

/// What the agent can do, in `status`.
pub(super) fn tell(signers: Option<&AllowedSigners>, status: &mut Status) {
    let commands = signers.map(|_| "commands".to_owned());
    let features = ["telemetry".to_owned()].into_iter().chain(commands);
    status.features = Some(features.collect());
}
