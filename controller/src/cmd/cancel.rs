//! `picket cancel`: giving an operation up.
use anyhow::Result;
use clap::Args;
use picket_proto::{Action, OperationId};

use super::{
    Exit,
    options::Options,
    order::{self, Going, How, Signature},
    targets::Targets,
};

/// Give an operation up, where it isn't too late
///
/// A reboot can be cancelled until the machine is told to go down. Without a PI
/// it is cancelled wherever it was ordered, as the audit log tells.
///
///   picket cancel 00112233445566778899aabbccddeeff
///   picket cancel 00112233445566778899aabbccddeeff shelf-3-07
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Cancel {
    /// The operation
    #[arg(value_name = "OPERATION")]
    operation: OperationId,
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    signature: Signature,
    #[command(flatten)]
    going: Going,
}

/// Runs the command.
///
/// # Errors
/// As [`order::give`].
pub async fn run(args: &Cancel, options: &Options) -> Result<Exit> {
    let how = How {
        signature: &args.signature,
        going: &args.going,
        options,
    };
    let action = Action::Cancel {
        operation: args.operation,
    };
    let targets = order::targets_of(args.operation, &args.targets, options)?;
    order::give(action, &targets, how).await
}
