//! The command line of picketd: which commands there are, and which function does each. What they do is theirs.
use std::io;

use clap::{Parser, Subcommand};

use crate::cmd::{
    check, failure::Failure, guard, install, metrics, nfs, reinstall_child, run, sample, slot,
};

/// Keeps watch on a netbooted Raspberry Pi.
///
/// Exit codes: 0 success, 1 failure, 2 wrong usage or configuration.
#[derive(Debug, Parser)]
#[command(name = "picketd", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print one set of readings
    Sample(sample::Args),
    /// Print the registry of metrics
    Metrics(metrics::Args),
    /// Print what the kernel counted for each NFS mount
    Nfs(nfs::Args),
    /// Validate a configuration and print the settings in force
    Check(check::Args),
    /// Run the agent
    Run(run::Args),
    /// Install an image into the idle slot, as standard input orders: for the agent, not for people
    #[command(hide = true)]
    ReinstallChild(reinstall_child::Args),
    /// Reboot this machine when it was ordered to reboot and hangs on the way down
    Guard(guard::Args),
    /// Put picketd into a root filesystem that isn't running
    Install(install::Args),
    /// The two root filesystems of this Pi's export: show, choose, arm, commit
    Slot(slot::Args),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// The command's own.
    pub fn run(&self) -> Result<(), Failure> {
        run(&self.command)
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match command {
        Command::Sample(args) => sample::run(args, &mut out),
        Command::Metrics(args) => metrics::run(args, &mut out),
        Command::Nfs(args) => nfs::run(args, &mut out),
        Command::Check(args) => check::run(args, &mut out),
        Command::Install(args) => install::run(args, &mut out),
        Command::Slot(args) => slot::run(args, &mut out),
        Command::Run(args) => {
            drop(out);
            run::run(args)
        }
        Command::ReinstallChild(args) => {
            drop(out);
            reinstall_child::run(args)
        }
        Command::Guard(args) => {
            drop(out);
            guard::run(args)
        }
    }
}
