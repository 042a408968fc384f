//! `picketd install`: puts picketd into a root filesystem that isn't running.
//!
//! Exit codes: 0 it is installed, 1 it can't be, 2 the directory is none.
use std::{io::Write, path::PathBuf};

use super::failure::Failure;
use crate::{
    install::{self, Installed, Program, Replace},
    log::chain,
    tree::Tree,
};

/// What `picketd install` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The root filesystem to install into; nothing outside of it is touched
    #[arg(long, value_name = "DIR")]
    pub root: PathBuf,
    /// The program to install, for a root of another machine; by default this one
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
}

/// Installs, and says what was changed.
///
/// # Errors
/// [`Failure::Usage`] for a directory that isn't there, [`Failure::Failed`] for the rest.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let failed = |error: install::Error| Failure::Failed(chain(&error));
    let tree = Tree::open(&args.root).map_err(|error| Failure::Usage(chain(&error)))?;
    let program = match &args.program {
        Some(path) => Program::read(path),
        None => Program::this(),
    };
    let installed =
        install::install(&tree, &program.map_err(failed)?, Replace::Other).map_err(failed)?;
    tell(&installed, out).map_err(Failure::output)
}

fn tell(installed: &Installed, out: &mut impl Write) -> std::io::Result<()> {
    for path in &installed.changed {
        writeln!(out, "changed {}", path.display())?;
    }
    if let Some(kept) = &installed.kept {
        writeln!(out, "{kept}")?;
    }
    match installed.changed.as_slice() {
        [] => writeln!(
            out,
            "nothing to change: picketd is installed; {} starts it",
            installed.init
        ),
        _ => writeln!(out, "picketd is installed; {} starts it", installed.init),
    }
}
