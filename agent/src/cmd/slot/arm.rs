//! `picketd slot arm`: puts a slot on trial, so that the next boot is of it. For an operator who filled it by hand.
use std::io::Write;

use picket_proto::OperationId;

use super::{Failure, Where, not_changed};
use crate::slots::{Slot, boot_record::ATTEMPTS, change};

/// What `picketd slot arm` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Where,
    /// The slot
    #[arg(value_name = "a|b")]
    slot: Slot,
    /// The operation that it belongs to, 32 hex digits; by default a new one
    #[arg(long, value_name = "ID")]
    operation: Option<OperationId>,
}

pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let export = args.place.open()?;
    let operation = match args.operation {
        Some(operation) => operation,
        None => random()?,
    };
    change::arm(&export, args.slot, operation).map_err(not_changed)?;
    writeln!(
        out,
        "slot {} is booted {ATTEMPTS} times, until it is committed; operation {operation}",
        args.slot
    )
    .map_err(Failure::output)
}

pub(super) fn random() -> Result<OperationId, Failure> {
    let mut id = [0; 16];
    let got = rustix::rand::getrandom(&mut id, rustix::rand::GetRandomFlags::empty());
    match got {
        Ok(16) => Ok(OperationId(id)),
        _ => Err(Failure::Failed(
            "the kernel has no random numbers yet; say it again in a minute".to_owned(),
        )),
    }
}
