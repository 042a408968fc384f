//! `picketd slot wipe`: on the file server, ends a tenancy. Refuses while the export shows signs of a running Pi.
//!
//! Exit codes: 0 it is gone, 1 not all of it, or the Pi seems to run.
use std::{
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    Failure,
    on_server::{OnServer, Outcome},
};
use crate::{
    fileserver::{Content, wipe},
    log::chain,
    slots::{Slot, layout::Export},
};

/// What `picketd slot wipe` takes.
#[derive(Debug, Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(super) struct Args {
    /// The Pi's export, on its file server; nothing outside of it is touched
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// Remove this slot: a or b
    #[arg(long, value_name = "SLOT", group = "what")]
    slot: Option<Slot>,
    /// Remove everything, the agent's folder with its credentials too: what a tenant could write to he can have changed
    #[arg(long, group = "what")]
    all: bool,
    #[command(flatten)]
    server: OnServer,
}

pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let mut job = args.server.open(&args.export, "wipe")?;
    if args.all {
        is_export(&job.export, &args.export)?;
    }
    job.begin(args.slot)?;
    let wiped = match args.slot {
        Some(slot) => wipe::slot(&job.export, slot),
        None => wipe::all(&job.export),
    };
    let (removed, failed) = match &wiped {
        Ok(removed) => (*removed, None),
        Err(error) => (error.counted, Some(chain(error))),
    };
    job.end(
        args.slot,
        Outcome {
            removed,
            filled: None,
            failed: failed.clone(),
        },
    )?;
    match (failed, args.slot) {
        (None, slot) => tell(&args.export, slot, removed, out).map_err(Failure::output),
        (Some(why), None) => Err(Failure::Failed(why)),
        (Some(why), Some(_)) => Err(Failure::Failed(format!(
            "{why}; --all removes whatever lies in the export"
        ))),
    }
}

/// Nobody wants to remove every Pi's export for having named the folder above.
fn is_export(export: &Export, path: &Path) -> Result<(), Failure> {
    match wipe::looks_like_export(export) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Usage(format!(
            "{0} holds neither slots nor picket: is it one Pi's export? If it is, mkdir {0}/slots and say it again",
            path.display()
        ))),
        Err(error) => Err(Failure::Failed(format!("{}: {error}", path.display()))),
    }
}

fn tell(
    export: &Path,
    slot: Option<Slot>,
    removed: Content,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let what = slot.map_or_else(String::new, |slot| format!("slot {slot} of "));
    let Content { entries, bytes } = removed;
    writeln!(
        out,
        "{what}{} is empty: {entries} entries with {bytes} bytes were removed",
        export.display()
    )
}
