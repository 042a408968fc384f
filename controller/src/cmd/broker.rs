//! `picket broker`: a broker's configuration for the fleet. It starts no broker.
mod mosquitto;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Exit, options::Options};

/// Write the configuration of a broker for the fleet
///
/// docs/BROKERS.md tells of others than Mosquitto.
#[derive(Debug, Clone, Args)]
pub struct Broker {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    Mosquitto(mosquitto::Mosquitto),
}

/// Runs the command.
///
/// # Errors
/// There is no authority, or something can't be written.
pub fn run(args: &Broker, options: &Options) -> Result<Exit> {
    match &args.what {
        What::Mosquitto(args) => mosquitto::run(args, options),
    }
}
