//! `picketd slot guard`: started by the initramfs when it boots a trial. It executes itself once more under a name that systemd's final
//! kill leaves alone, and lives on in memory. Its errors, which are also its last words, go where stderr goes: the kernel's log.
use std::{io::Write, os::unix::process::CommandExt, process::Command, thread, time::Duration};

use rustix::mm::{MlockAllFlags, mlockall};

use super::{Failure, mount::command_line};
use crate::{device_id, host::LastSteps, lifeboat, slots::trial_guard, world::World};

/// systemd leaves processes alone whose name begins so (systemd.io/ROOT_STORAGE_DAEMONS).
const NAME: &str = "@picketd-trial-guard";

/// What `picketd slot guard` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Where the commit is told
    #[arg(long, value_name = "DIR", default_value = "/run/picket")]
    run_dir: std::path::PathBuf,
    /// How long the trial has, instead of what the kernel command line says
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if !lifeboat::root_is_in_memory() {
        return Err(Failure::Usage(
            "only an initramfs starts the guard of a trial: it would reset this machine".to_owned(),
        ));
    }
    if std::env::args_os().next().is_none_or(|name| name != NAME) {
        return Err(begin_anew());
    }
    let world = World::new("/");
    let boot = device_id::boot_id(&world).map_err(|error| Failure::Failed(error.to_string()))?;
    let steps =
        LastSteps::open(&world).map_err(|why| Failure::Failed(format!("no trial guard: {why}")))?;
    let guard = trial_guard::TrialGuard::new(&args.run_dir, boot).map_err(|error| {
        Failure::Failed(format!(
            "no trial guard: {} can't be opened: {error}",
            args.run_dir.display()
        ))
    })?;
    let patience = match args.patience {
        Some(seconds) => Duration::from_secs(seconds),
        None => trial_guard::patience(&command_line(&world)?),
    };
    // A console that hangs up must not end it; it fails where this is a session's leader already.
    let _ = rustix::process::setsid();
    // What is swapped out to a dead server would not come back.
    let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE);
    if guard.watch(patience, thread::sleep) {
        return Ok(());
    }
    say(&format!(
        "the trial was not committed in {} s, so the machine is reset",
        patience.as_secs()
    ));
    let why = steps.take(|step| say(&step));
    Err(Failure::Failed(format!("the machine is still up: {why}")))
}

/// Under the right name. Comes back only if that fails.
fn begin_anew() -> Failure {
    let error = Command::new("/proc/self/exe")
        .arg0(NAME)
        .args(std::env::args_os().skip(1))
        .exec();
    Failure::Failed(format!("/proc/self/exe can't be executed: {error}"))
}

/// In one write, since each is a line of the kernel's log.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(format!("picketd: {text}\n").as_bytes());
}
