//! `picketd reinstall-child`: installs an image into the idle slot. The agent starts it; people have `picket reinstall`.
//!
//! Exit codes: 0 done, 1 not done (the last event says why), 2 standard input holds no order.
use super::failure::Failure;
use crate::reinstall::child;

/// What `picketd reinstall-child` takes: nothing, since its order comes by standard input.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {}

/// Does what is ordered.
///
/// # Errors
/// [`Failure::Usage`] without an order, [`Failure::Failed`] if it could not be done.
pub fn run(_: &Args) -> Result<(), Failure> {
    match child::run().map_err(Failure::Usage)? {
        true => Ok(()),
        false => Err(Failure::Failed("not done".to_owned())),
    }
}
