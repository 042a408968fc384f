//! The command line of picketd: chooses a command, prints its error, and ends with its exit code.
use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};
use picketd::cmd::{check, failure::Failure, guard, metrics, nfs, run, sample};

/// Keeps watch on a netbooted Raspberry Pi.
///
/// Exit codes: 0 success, 1 failure, 2 wrong usage or configuration.
#[derive(Debug, Parser)]
#[command(name = "picketd", version)]
struct Cli {
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
    /// Reboot this machine when it was ordered to reboot and hangs on the way down
    Guard(guard::Args),
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("picketd: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match command {
        Command::Sample(args) => sample::run(args, &mut out),
        Command::Metrics(args) => metrics::run(args, &mut out),
        Command::Nfs(args) => nfs::run(args, &mut out),
        Command::Check(args) => check::run(args, &mut out),
        Command::Run(args) => {
            drop(out);
            run::run(args)
        }
        Command::Guard(args) => {
            drop(out);
            guard::run(args)
        }
    }
}
