//! `picket query`: how an operation stands on Pis, asked of them.
use anyhow::Result;
use clap::Args;
use picket_proto::{Action, OperationId};

use super::{
    Exit,
    options::Options,
    order::{self, Going, How, Signature},
    targets::Targets,
};

/// Ask Pis how an operation stands there
///
/// The first argument may be the operation, 32 hex digits; without it, it is the
/// one that each Pi took on last. With it and without a PI it is asked for
/// wherever it was ordered, as the audit log tells. Exit code 0 says that they
/// answered, whatever the answer is; 10 that they don't know the operation.
///
///   picket query shelf-3-07
///   picket query 00112233445566778899aabbccddeeff
///   picket query 00112233445566778899aabbccddeeff shelf-3-07
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Query {
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
pub async fn run(args: &Query, options: &Options) -> Result<Exit> {
    let how = How {
        signature: &args.signature,
        going: &args.going,
        options,
    };
    let (operation, targets) = split(&args.targets);
    let targets = match operation {
        Some(operation) => order::targets_of(operation, &targets, options)?,
        None => targets,
    };
    order::give(Action::Query { operation }, &targets, how).await
}

/// The operation, if the first argument names one, and the Pis. No id of a Pi has 32 digits.
fn split(targets: &Targets) -> (Option<OperationId>, Targets) {
    let mut targets = targets.clone();
    let first = targets.pis.first();
    let operation = first.and_then(|first| first.text().parse().ok());
    if operation.is_some() {
        targets.pis.remove(0);
    }
    (operation, targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_may_be_the_operation() {
        let operation = OperationId([0x11; 16]);
        let id = operation.to_string();
        for (pis, expect, left) in [
            (&[&id, "web"][..], Some(operation), 1),
            (&[&id], Some(operation), 0),
            (&["web", &id], None, 2),
            (&["0000000000000001"], None, 1),
            (&[], None, 0),
        ] {
            let targets = Targets {
                pis: pis.iter().map(|text| text.parse().unwrap()).collect(),
                ..Targets::default()
            };
            let (operation, targets) = split(&targets);
            assert_eq!((operation, targets.pis.len()), (expect, left), "{pis:?}");
        }
    }
}
