//! `picketd slot rescue`: asks for the rescue system at the next boots, or not any more.
use super::{Failure, Where, not_changed};
use crate::slots::change;

/// What `picketd slot rescue` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Where,
    /// Not any more
    #[arg(long)]
    off: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let export = args.place.open()?;
    let changed = match args.off {
        true => change::no_rescue(&export),
        false => change::ask_for_rescue(&export),
    };
    changed.map_err(not_changed)
}
