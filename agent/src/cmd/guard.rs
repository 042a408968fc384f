//! `picketd guard`: brings the machine down when it was ordered to reboot and hangs on the way. Started by picketd-guard.service.
//!
//! Exit codes: 1 it can't guard (this is a test, no run directory), 2 wrong usage. Otherwise it doesn't end.
use std::{ops::ControlFlow, path::Path, time::Duration};

use tracing::level_filters::LevelFilter;

use super::failure::Failure;
use crate::{
    clock::boottime_ms,
    device_id, guard,
    host::LastSteps,
    lifeboat::{self, Wanted},
    log,
    notify::{Notifier, Word},
};

/// What `picketd guard` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How long systemd may take to bring the machine down, at most: the agent says less on a dead root. By default the agent,
    /// should it still be there, comes first
    #[arg(long, value_name = "SECONDS", default_value_t = 95, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub patience: u32,
}

/// Guards until the machine is down.
///
/// # Errors
/// [`Failure::Failed`]: why it can't.
pub fn run(args: &Args) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| Failure::Failed(log::chain(error));
    let world = lifeboat::world(Path::new("/")).map_err(Failure::usage)?;
    let lifeboat = lifeboat::enter(&world, Wanted::Auto).map_err(|error| failed(&error))?;
    let boot = device_id::boot_id(&world).map_err(|error| failed(&error))?;
    let steps =
        LastSteps::open(&world).map_err(|why| Failure::Failed(format!("no guard: {why}")))?;
    let _log = log::start(LevelFilter::INFO, &world);
    lifeboat.tell();
    Notifier::from_env(&world).say(&Word::Ready);
    let patience = Duration::from_secs(args.patience.into());
    let run_dir = world.run_dir();
    let guarded = guard::run(&run_dir, boot, patience, |order| {
        let waited_ms = boottime_ms().saturating_sub(order.asked_ms);
        tracing::warn!(
            "systemd was asked to reboot, had {} s for it, and did not",
            waited_ms / 1000
        );
        let why = steps.take(|step| tracing::warn!("{step}"));
        tracing::error!("the machine is still up: {why}");
        ControlFlow::Continue(())
    });
    guarded.map_err(|error| Failure::Failed(format!("can't watch {}: {error}", run_dir.display())))
}
