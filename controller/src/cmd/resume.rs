//! `picket resume`: going on with an order that was halted, or whose picket ended.
use anyhow::Result;
use clap::Args;
use picket_proto::OperationId;

use super::{
    Exit,
    options::Options,
    order::{self, Going, How, Signature},
};

/// Go on with an order, as the audit log tells it
///
/// What succeeded, failed or was cancelled stays so. What was refused or timed
/// out is tried again, what was under way is followed to its end, and what was
/// not begun gets its turn: all under the same operation id, so that nothing
/// happens twice.
///
///   picket resume 00112233445566778899aabbccddeeff
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Resume {
    /// The operation
    #[arg(value_name = "OPERATION")]
    operation: OperationId,
    /// Who signs [env: PICKET_ACTOR] [default: who ordered it]
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    #[command(flatten)]
    going: Going,
}

/// Runs the command.
///
/// # Errors
/// As [`order::resume`].
pub async fn run(args: &Resume, options: &Options) -> Result<Exit> {
    let signature = Signature {
        actor: args.actor.clone(),
        ..Signature::default()
    };
    let how = How {
        signature: &signature,
        going: &args.going,
        options,
    };
    order::resume(args.operation, how).await
}
