//! picketd: does what its command line says, prints the error, and ends with its exit code.
use std::process::ExitCode;

use clap::Parser;
use picketd::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("picketd: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
