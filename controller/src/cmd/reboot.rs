//! `picket reboot`: a wish for another boot. What happens then is the order's business.
use anyhow::Result;
use clap::Args;
use picket_proto::Action;

use super::{
    Exit,
    options::Options,
    order::{self, Going, How, Signature},
    targets::Targets,
};

/// Reboot Pis, and see them come back
///
/// It has succeeded when a Pi speaks from another boot than the one that was seen
/// when it was asked: that is why a reboot happens once, however often the
/// command is offered. A Pi that isn't there gets the command when it comes; one
/// that doesn't come back is switched off and on, if the inventory has a
/// power_cycle for it.
///
///   picket reboot shelf-3-07 --reason "kernel update"
///   picket reboot --select shelf=3 --max-in-flight 4 --stagger 10s
///   picket reboot --all --keep-going --json
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Reboot {
    #[command(flatten)]
    targets: Targets,
    /// Also where a user of the Pi asked for no reboot, with an inhibit file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    signature: Signature,
    #[command(flatten)]
    going: Going,
}

/// Runs the command.
///
/// # Errors
/// As [`order::give`].
pub async fn run(args: &Reboot, options: &Options) -> Result<Exit> {
    let how = How {
        signature: &args.signature,
        going: &args.going,
        options,
    };
    order::give(Action::Reboot { force: args.force }, &args.targets, how).await
}
