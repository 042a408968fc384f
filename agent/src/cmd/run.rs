//! `picketd run`: the daemon.
//!
//! Exit codes: 0 after an orderly stop, 1 it can't run (another one runs, no run directory, an unreadable key, a wrong
//! `picket.id=` on the kernel command line, no lifeboat though it is required), 2 the
//! configuration isn't valid or the root is no machine.
use std::path::PathBuf;

use super::{failure::Failure, waiting::Waiting};
use crate::{
    config::{self, Loaded},
    lifeboat,
    log::chain,
    run,
    world::World,
};

/// What `picketd run` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The configuration's file; without it /run/picket/export/picket/picketd.toml where there is one, else
    /// /etc/picket/picketd.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The machine's root; any other than / is a tree that stands for a machine, and nothing outside of it is touched
    /// but the configuration, the state directory and the network
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// [`Failure::Usage`] for what a configuration can mend, [`Failure::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), Failure> {
    // The command line is read once, and its code is much; so is the configuration's.
    run::give_back_code();
    let world = lifeboat::world(&args.root).map_err(Failure::usage)?;
    world.check().map_err(Failure::usage)?;
    let (path, loaded) = configuration(args, &world)?;
    run::give_back_code();
    let lifeboat = lifeboat::enter(&world, loaded.settings.lifeboat)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    run::run(&world, &path, loaded, &lifeboat).map_err(|error| Failure::Failed(chain(&error)))
}

/// It waits as long as the disk takes, and says so: another server, or another identity, than the file names would be worse than none.
fn configuration(args: &Args, world: &World) -> Result<(PathBuf, Loaded), Failure> {
    let path = match &args.config {
        Some(path) => path.clone(),
        None => default(world),
    };
    // Safety-order: its thread is gone when this returns, as no thread may be there when the lifeboat is boarded.
    let _waiting = Waiting::for_file(&path, world);
    let loaded = config::load(&path, world).map_err(Failure::usage)?;
    Ok((path, loaded))
}

/// On an export with slots it lies beside them, since it must outlive every image.
fn default(world: &World) -> PathBuf {
    let exports = PathBuf::from(config::EXPORTS_PATH);
    let _waiting = Waiting::for_file(&exports, world);
    match world.is_machine() && exports.is_file() {
        true => exports,
        false => config::DEFAULT_PATH.into(),
    }
}
