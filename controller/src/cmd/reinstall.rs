//! `picket reinstall`: another operating system. What happens then is the order's business; here the image is looked up, and what
//! makes it the customer's is read.
mod personal;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use picket_proto::{Action, Reinstall as Wish};

use super::{
    Exit,
    options::Options,
    order::{self, Going, How, Signature},
    targets::Targets,
    usage,
};
use crate::catalogue;

/// Put another operating system on Pis, and see them come back in it
///
/// The image goes into the slot that doesn't run, is booted on trial, and stays
/// if its agent reaches the broker; else the Pi falls back to what it ran, and
/// says so (exit code 12). Until an image is armed, `picket cancel` gives it up.
/// The key needs the namespace picket-reinstall@1 in the agents' allowed_signers.
///
///   picket reinstall shelf-3-07 --image debian-13-arm64 --hostname anna \
///       --ssh-key anna.pub
///   picket reinstall --select shelf=3 --image debian-13-arm64 --hold
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Reinstall {
    #[command(flatten)]
    targets: Targets,
    /// The image, by its name in the catalogue
    #[arg(long, value_name = "NAME")]
    image: String,
    /// The catalogue, or the folder that it lies in: it tells which bytes the name stands for [env: PICKET_CATALOGUE]
    #[arg(long, value_name = "DIR|FILE")]
    catalogue: Option<PathBuf>,
    /// What the Pi is called from then on; only for a single one [default: as now]
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// A file of public keys that may log in, as in authorized_keys; may be given several times
    #[arg(long, value_name = "FILE")]
    ssh_key: Vec<PathBuf>,
    /// Stop when the image is staged, until `picket activate`
    #[arg(long)]
    hold: bool,
    /// Remove what is in the slot that doesn't run before the image is unpacked: where two don't fit. Until the new one is
    /// staged, the Pi has none to fall back to but the one that it runs
    #[arg(long)]
    discard_old: bool,
    /// Keep what runs now beside the new image for so many days after the commit, by the file server's clock; a later reinstall that
    /// wants its slot takes it before
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 0,
        conflicts_with = "discard_old"
    )]
    keep_old: u8,
    #[command(flatten)]
    signature: Signature,
    #[command(flatten)]
    going: Going,
}

/// Runs the command.
///
/// # Errors
/// As [`order::give`]; the catalogue has no such image, or a hostname or key is none.
pub async fn run(args: &Reinstall, options: &Options) -> Result<Exit> {
    let devices = args.targets.resolve(&options.fleet()?)?;
    if let (Some(name), 2..) = (&args.hostname, devices.len()) {
        return Err(usage(format!(
            "--hostname {name:?} is one name, and {} Pis are meant: order them one by one, or without --hostname, which leaves each \
             its own",
            devices.len()
        )));
    }
    let action = wish(args).map_err(|error| usage(format!("{error:#}")))?;
    let how = How {
        signature: &args.signature,
        going: &args.going,
        options,
    };
    order::give(Action::Reinstall(action), &args.targets, how).await
}

fn wish(args: &Reinstall) -> Result<Wish> {
    let named = args.catalogue.clone();
    let path = named.or_else(|| std::env::var_os("PICKET_CATALOGUE").map(PathBuf::from));
    let path = path.ok_or_else(|| {
        usage("name the catalogue that has the image: --catalogue DIR, or PICKET_CATALOGUE")
    })?;
    let image = catalogue::image(&path, &args.image)?;
    if let Some(name) = &args.hostname {
        personal::hostname(name)?;
    }
    Ok(Wish {
        image: image.name,
        digest: image.sha256.0,
        hostname: args.hostname.clone(),
        ssh_keys: personal::ssh_keys(&args.ssh_key)?,
        hold: args.hold,
        discard_old: args.discard_old,
        keep_old_days: args.keep_old,
    })
}
