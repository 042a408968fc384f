//! picket: does what its command line says, and turns the outcome into an exit code.
#![forbid(unsafe_code)]
use std::process::ExitCode;

use clap::Parser;
use picket::{cli::Cli, cmd};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let exit = cmd::exit_code(cli.run());
    ExitCode::from(exit as u8)
}
