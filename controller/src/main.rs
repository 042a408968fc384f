//! The command line of picket. It parses, starts one command and turns its outcome into an exit code.
#![forbid(unsafe_code)]
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use picket::cmd::{self, Exit, decode, demo, options::Options, watch};

/// Watch a fleet of netbooted Raspberry Pis
///
/// Each Pi runs picketd, which sends its readings over MQTT. picket is the operator's side of it.
///
///   picket demo                              try it: this machine and five simulated Pis
///   picket watch --broker mqtt://broker      a live table of the fleet
///   picket watch --json --collector roof     receive for good, one JSON object a line
///   picket decode frame.bin                  what is in a message
#[derive(Debug, Parser)]
#[command(name = "picket", version, verbatim_doc_comment, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 succeeded, 2 wrong usage, 11 failed, 13 timed out (nothing was heard)";

#[derive(Debug, Subcommand)]
enum Command {
    Watch(watch::Watch),
    Decode(decode::Decode),
    Demo(demo::Demo),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let exit = cmd::exit_code(run(cli));
    ExitCode::from(exit as u8)
}

fn run(cli: Cli) -> Result<Exit> {
    if let Command::Decode(args) = &cli.command {
        return decode::run(args);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Watch(args) => watch::run(&args, &cli.options).await,
            Command::Demo(args) => demo::run(&args, &cli.options).await,
            Command::Decode(args) => decode::run(&args),
        }
    })
}
