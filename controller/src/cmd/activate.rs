//! `picket activate`: lets a reinstall go on that was held when its image was staged.
use anyhow::Result;
use clap::Args;
use picket_proto::{Action, OperationId};

use super::{
    Exit,
    options::Options,
    order::{self, Going, How, Signature},
    targets::Targets,
};

/// Boot the image that a reinstall with --hold has staged
///
/// Without a PI it is activated wherever it was ordered, as the audit log tells.
/// What was held is then followed to its end, under its own operation id, if the
/// audit log knows it; --no-wait leaves that away.
///
///   picket activate 00112233445566778899aabbccddeeff
///   picket activate 00112233445566778899aabbccddeeff shelf-3-07
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Activate {
    /// The reinstall
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
/// As [`order::give`] and [`order::resume`].
pub async fn run(args: &Activate, options: &Options) -> Result<Exit> {
    let how = How {
        signature: &args.signature,
        going: &args.going,
        options,
    };
    let action = Action::Activate {
        operation: args.operation,
    };
    let everywhere = args.targets.is_empty();
    let targets = order::targets_of(args.operation, &args.targets, options)?;
    let activated = order::give(action, &targets, how).await?;
    // Only some of its Pis: the others still hold, and nobody waits for those.
    if activated != Exit::Succeeded || !args.going.waits() || !everywhere {
        return Ok(activated);
    }
    let signature = Signature {
        op_id: None,
        ..args.signature.clone()
    };
    let how = How {
        signature: &signature,
        ..how
    };
    order::resume(args.operation, how).await
}
