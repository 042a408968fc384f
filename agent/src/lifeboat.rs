//! The lifeboat: a root of the agent's own, in memory, so that it goes on when the server of the root file system doesn't answer.
//!
//! The agent that boards ends no process and starts none: it copies its binary into a tmpfs that only it sees, makes that its
//! root, and executes the copy, with the same pid, arguments and descriptors. This second life finds a mark in its
//! environment, looks whether it is true, locks its memory and drops its capabilities. Aboard, `/proc`, `/sys`, `/dev` and `/run` are
//! the machine's, and its disk is at `/host` ([`crate::world::HOST`]). When the agent ends, however it ends, the kernel takes the
//! lifeboat away with it. It knows neither telemetry nor commands.
mod binary;
mod board;
mod mark;
mod names;
mod output;
mod secure;
mod step;

use std::path::Path;

use picket_proto::{Lifeboat, LifeboatState};
use rustix::fs::statfs;

use crate::world::World;

pub use mark::{Mark, WrongMark};
pub use names::Names;
pub use step::{NotBoarded, Step};

/// What the configuration wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Board, and go on without where that isn't possible.
    #[default]
    Auto,
    /// Don't board.
    Off,
    /// Board, or don't start.
    Required,
}

/// How the agent stands to its lifeboat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is aboard; what is less than perfect there.
    Aboard {
        /// What an operator should know, with the way out.
        warnings: Vec<String>,
    },
    /// It shall not board.
    Off,
    /// It need not board: why.
    NotNeeded(&'static str),
    /// It can't board.
    Unavailable(NotBoarded),
}

impl Standing {
    /// What `status` says of it.
    #[must_use]
    pub fn status(&self) -> Lifeboat {
        let (state, reason) = match self {
            Self::Aboard { .. } => (LifeboatState::Aboard, String::new()),
            Self::Off => (LifeboatState::Off, String::new()),
            Self::NotNeeded(why) => (LifeboatState::NotNeeded, (*why).to_owned()),
            Self::Unavailable(why) => (LifeboatState::Unavailable, why.short()),
        };
        Lifeboat { state, reason }
    }

    /// Says it in the log.
    pub fn tell(&self) {
        match self {
            Self::Aboard { warnings } => {
                tracing::info!("aboard the lifeboat: nothing of the root file system is needed");
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
            }
            Self::Off => tracing::info!("the lifeboat is off: lifeboat = \"off\""),
            Self::NotNeeded(why) => tracing::info!("no lifeboat is needed: {why}"),
            Self::Unavailable(why) => tracing::warn!(
                "{why}; without it the agent stops as soon as the root file system's server does"
            ),
        }
    }
}

/// The world of this process: as it is aboard, if the environment says so and it is true.
///
/// # Errors
/// The environment says so, and it isn't true.
pub fn world(root: &Path) -> Result<World, WrongMark> {
    let world = World::new(root);
    match Mark::from_environment()? {
        Some(mark) if world.is_machine() => {
            mark.check()?;
            Ok(World::aboard(mark.started_in))
        }
        _ => Ok(world),
    }
}

/// Boards, if that is wanted and possible. Then this doesn't return, and the process begins anew with [`world`], which gives an aboard
/// one; with that, this secures what was reached. Must be called before any thread is started.
///
/// # Errors
/// It is required and can't be had.
pub fn enter(world: &World, wanted: Wanted) -> Result<Standing, NotBoarded> {
    if world.is_aboard() {
        let mut warnings = secure::secure();
        warnings.extend(output::warnings());
        return Ok(Standing::Aboard { warnings });
    }
    if wanted == Wanted::Off {
        return Ok(Standing::Off);
    }
    if let Some(why) = not_needed(world) {
        return Ok(Standing::NotNeeded(why));
    }
    match board::board(world) {
        Ok(aboard) => match aboard {},
        Err(error) if wanted == Wanted::Required => Err(error),
        Err(error) => Ok(Standing::Unavailable(error)),
    }
}

/// Why the agent outlives its root file system as it is, if it does.
fn not_needed(world: &World) -> Option<&'static str> {
    if !world.is_machine() {
        return Some("--root names a tree and no machine");
    }
    (root_is_in_memory() && in_memory("/proc/self/exe"))
        .then_some("the root file system is in memory")
}

/// Whether this process's root lies in memory, as an initramfs does.
pub(crate) fn root_is_in_memory() -> bool {
    in_memory("/")
}

fn in_memory(path: &str) -> bool {
    statfs(path).is_ok_and(|fs| step::is_memory(fs.f_type as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_needs_no_lifeboat_and_off_means_off() {
        let tree = tempfile::tempdir().unwrap();
        let tree = World::new(tree.path());
        for (wanted, state) in [
            (Wanted::Auto, LifeboatState::NotNeeded),
            (Wanted::Required, LifeboatState::NotNeeded),
            (Wanted::Off, LifeboatState::Off),
        ] {
            let standing = enter(&tree, wanted).unwrap();
            assert_eq!(standing.status().state, state, "{wanted:?}");
        }
    }

    #[test]
    fn the_status_names_the_step_that_failed() {
        let failed = NotBoarded::failed(Step::Unshare, rustix::io::Errno::PERM);
        let status = Standing::Unavailable(failed).status();
        assert_eq!(status.state, LifeboatState::Unavailable);
        assert_eq!(status.reason, "unshare: EPERM");
    }
}
