//! `picket keys`: which key signs, and what it may do by an allowed_signers file. It signs nothing and asks no Pi.
use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, Subcommand};
use picket_proto::Privilege;
use ssh_key::{HashAlg, PublicKey};

use super::{Exit, options::Options, order, usage};
use crate::{
    claim,
    signer::{KeySource, Signer, Surroundings},
};

pub mod check;

/// Say which key signs commands, and what it may do
///
/// The output is an allowed_signers file as it may lie on a Pi: the last line
/// lets this key do everything. Take away what it shall not do. No passphrase is
/// asked for, and nothing is signed.
///
///   picket keys                                  the key, and a line for a Pi
///   picket keys --key agent:anna@laptop          the same of another key
///   picket keys check --signers allowed_signers  what it may do by that file
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Keys {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    Check(check::Check),
}

/// Runs the command.
///
/// # Errors
/// There is no such key, or the file of signers can't be read.
pub async fn run(args: &Keys, options: &Options) -> Result<Exit> {
    let source = options.key_source()?;
    let key = Signer::look(&source, &Surroundings::of_this_process()).await;
    let key = key.map_err(|error| usage(format!("{error:#}")))?;
    match &args.what {
        Some(What::Check(check)) => check::run(check, &key),
        None => {
            io::stdout().write_all(tell(&source, &key)?.as_bytes())?;
            Ok(Exit::Succeeded)
        }
    }
}

/// What there is to say of the key, as comments, and a line for allowed_signers.
fn tell(source: &KeySource, key: &PublicKey) -> Result<String> {
    let kind = key.algorithm();
    let touch = match key.key_data().is_sk_ed25519() {
        true => "; its token must be touched for each signature",
        false => "",
    };
    let namespaces = Privilege::ALL.map(Privilege::namespace).join(",");
    let bare = PublicKey::from(key.key_data().clone());
    let (actor, line) = (order::actor(None, key.comment()), bare.to_openssh()?);
    Ok(format!(
        "# {} signs, a key of kind {}{touch}\n# fingerprint: {}\n# public half: {}\n{actor} namespaces=\"{namespaces}\" {line}\n",
        claim::escape(&source.to_string()),
        kind.as_str(),
        key.fingerprint(HashAlg::Sha256),
        claim::escape(&key.to_openssh()?),
    ))
}
