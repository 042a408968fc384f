//! `picketd slot`: the two root filesystems of an export. On a running Pi, in its initramfs, and on its fileserver.
//!
//! Exit codes: 0 done, 1 it could not be done, 2 wrong usage.
mod arm;
mod choose;
mod commit;
mod fill;
mod guard;
mod mount;
mod on_server;
mod rescue;
mod show;
mod wipe;

use std::{io::Write, path::PathBuf};

use clap::Subcommand;

use super::failure::Failure;
use crate::slots::{change::NotChanged, layout};

/// What `picketd slot` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Print which slots there are, and what the boot record says
    Show(show::Args),
    /// Choose what is booted: in the initramfs, once a boot, since it takes an attempt off a trial
    Choose(choose::Args),
    /// Put a slot on trial: the next boots are of it, until it is committed
    Arm(arm::Args),
    /// Make the slot on trial, or the one that is named, the active one
    Commit(commit::Args),
    /// Ask for the rescue system at the next boots
    Rescue(rescue::Args),
    /// On the file server: put an image into a slot and arm it
    Fill(Box<fill::Args>),
    /// On the file server: end a tenancy
    Wipe(wipe::Args),
    /// Mount the export that the kernel command line names: in the initramfs
    Mount(mount::Args),
    /// Reset this machine unless its trial is committed in time: in the initramfs
    Guard(guard::Args),
}

/// Where the export is.
#[derive(Debug, Clone, clap::Args)]
struct Where {
    /// The export, as a directory
    #[arg(long, value_name = "DIR", default_value = layout::ON_THE_MACHINE)]
    export: PathBuf,
}

impl Where {
    fn open(&self) -> Result<layout::Export, Failure> {
        layout::Export::open(&self.export).map_err(|error| {
            Failure::Failed(format!(
                "there is no export at {}: {error}; name it with --export DIR",
                self.export.display()
            ))
        })
    }
}

/// Does it.
///
/// # Errors
/// [`Failure`], with the way out.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    match &args.command {
        Command::Show(args) => show::run(args, out),
        Command::Choose(args) => choose::run(args, out),
        Command::Arm(args) => arm::run(args, out),
        Command::Commit(args) => commit::run(args, out),
        Command::Rescue(args) => rescue::run(args),
        Command::Fill(args) => fill::run(args, out),
        Command::Wipe(args) => wipe::run(args, out),
        Command::Mount(args) => mount::run(args),
        Command::Guard(args) => guard::run(args),
    }
}

fn not_changed(error: NotChanged) -> Failure {
    Failure::Failed(crate::log::chain(&error))
}

#[cfg(test)]
mod tests;
