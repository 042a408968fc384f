//! Puts picketd into a root filesystem that isn't running: its program, what starts it, and a configuration where there is none.
//!
//! Whatever the distribution is, what counts is which init is found in the tree. Doing it again changes nothing. No user is made,
//! and nothing for sysusers.d or tmpfiles.d: picketd runs as root, and systemd makes its directories when it starts it.
mod architecture;
mod init;
mod inittab;
mod program;
mod systemd;

use std::path::PathBuf;

use crate::tree::{self, Tree};

pub use architecture::Architecture;
pub use init::Init;
pub use program::{Kept, Program, Replace};
pub use systemd::{disable, enable, find_unit};

const CONFIG: &str = "etc/picket/picketd.toml";
const DEFAULT_CONFIG: &str = include_str!("../picketd.toml");

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Which init will start it.
    pub init: Init,
    /// What was written or removed, beneath the tree.
    pub changed: Vec<PathBuf>,
    /// Why the tree's own program was left, if it was.
    pub kept: Option<Kept>,
}

/// Why it isn't installed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing in the tree can start it.
    #[error(
        "{} has no init that is known: no systemd (usr/lib/systemd/systemd), no etc/inittab; is it a root filesystem? Where \
         something else starts services, let it start `/usr/bin/picketd run` as root", .0.display()
    )]
    NoInit(PathBuf),
    /// The program is for another machine.
    #[error("{program} is for {is}, but the programs in {} are for {wanted}; name a picketd for {wanted} with --program", tree.display())]
    Architecture {
        /// The program.
        program: String,
        /// What it is for.
        is: Architecture,
        /// The tree.
        tree: PathBuf,
        /// What the tree is for.
        wanted: Architecture,
    },
    /// The program can't be read.
    #[error("can't read the program {program}")]
    Program {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program is no program.
    #[error("{0} is no program for Linux; name picketd's with --program")]
    NoProgram(String),
    /// Something in the tree.
    #[error(transparent)]
    Tree(#[from] tree::Error),
}

/// Installs the program and what starts it.
///
/// # Errors
/// It can't be done; what was written until then stays, and doing it again goes on from there.
pub fn install(tree: &Tree, program: &Program, replace: Replace) -> Result<Installed, Error> {
    drop(tree.take_changes());
    // Safety-order: a tree that nothing could start it in is left as it is.
    let init = Init::of(tree)?.ok_or_else(|| Error::NoInit(tree.shown().to_owned()))?;
    program.fits(tree)?;
    let kept = program.put(tree, replace)?;
    match &init {
        Init::Systemd { units } => systemd::install(tree, units)?,
        Init::SysV => inittab::install(tree, inittab::SYSV)?,
        Init::Busybox => inittab::install(tree, inittab::BUSYBOX)?,
    }
    if tree.kind(CONFIG)?.is_none() {
        tree.write(CONFIG, DEFAULT_CONFIG, 0o644)?;
    }
    tree.sync()?;
    Ok(Installed {
        init,
        changed: tree.take_changes(),
        kept,
    })
}
