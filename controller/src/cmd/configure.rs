//! `picket configure`: other times between ticks and batches.
use std::time::Duration;

use anyhow::Result;
use clap::{ArgGroup, Args};
use picket_proto::Action;

use super::{
    Exit,
    options::Options,
    order::{self, Going, How, Signature},
    targets::Targets,
    usage,
};
use crate::duration;

/// Let Pis sample and speak at other times
///
/// What isn't given is as the Pi's own configuration says. It is kept over
/// restarts and reboots; --reset ends it. The key needs the namespace
/// picket-configure@1 in the agents' allowed_signers.
///
///   picket configure --select shelf=3 --sample-every 1s --window 10s
///   picket configure --all --reset
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
#[command(group(ArgGroup::new("times").args(["sample_every", "window", "reset"]).required(true).multiple(true)))]
pub struct Configure {
    #[command(flatten)]
    targets: Targets,
    /// Time between two ticks, as in 10s
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    sample_every: Option<Duration>,
    /// Time between two batches, as in 60s
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    window: Option<Duration>,
    /// All as the Pi's own configuration says
    #[arg(long, conflicts_with_all = ["sample_every", "window"])]
    reset: bool,
    #[command(flatten)]
    signature: Signature,
    #[command(flatten)]
    going: Going,
}

/// Runs the command.
///
/// # Errors
/// As [`order::give`].
pub async fn run(args: &Configure, options: &Options) -> Result<Exit> {
    let how = How {
        signature: &args.signature,
        going: &args.going,
        options,
    };
    let action = Action::Configure {
        sample_every_ms: ms("--sample-every", args.sample_every)?,
        window_ms: ms("--window", args.window)?,
    };
    order::give(action, &args.targets, how).await
}

/// The agent knows its ranges; here it only must have room.
fn ms(option: &str, duration: Option<Duration>) -> Result<Option<u32>> {
    let ms = duration.map(|duration| u32::try_from(duration.as_millis()));
    ms.transpose()
        .map_err(|_| usage(format!("{option} is too long")))
}
