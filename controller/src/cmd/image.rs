//! `picket image`: making images, and the catalogue that says which there are. Asks no Pi and no broker.
mod add;
mod import;
mod list;
mod pack;
mod product;
mod retire;
mod signing;
mod verify;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Exit, options::Options, usage};

/// Make images of operating systems, and the signed catalogue of them
///
/// A catalogue is a folder with catalogue.toml, its signature and the archives,
/// which Pis read over HTTP or from a disk. Its key needs the namespace
/// picket-image@1 in the agents' file of image signers, and need not be one that
/// gives commands.
///
///   picket image pack root/ --name debian-13-arm64 --image-version 13.2
///   picket image import raspios.img.xz --name raspios-13 --image-version 1
///   picket image add debian-13-arm64.manifest --catalogue /srv/images
///   picket image list --catalogue /srv/images
///   picket image verify --catalogue /srv/images --signers allowed_signers
///   picket image retire debian-12-arm64 --catalogue /srv/images
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Image {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    Pack(pack::Pack),
    Import(import::Import),
    Add(add::Add),
    List(list::List),
    Verify(verify::Verify),
    Retire(retire::Retire),
}

/// Where the catalogue is.
#[derive(Debug, Clone, Args)]
struct Place {
    /// The folder of the catalogue [env: PICKET_CATALOGUE]
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
}

impl Place {
    fn folder(&self) -> Result<PathBuf> {
        let named = self.catalogue.clone();
        let named = named.or_else(|| std::env::var_os("PICKET_CATALOGUE").map(PathBuf::from));
        named.ok_or_else(|| {
            usage("name the catalogue's folder: --catalogue DIR, or PICKET_CATALOGUE")
        })
    }
}

/// Runs the command.
///
/// # Errors
/// Wrong usage, no key, or a file that can't be read or written.
pub async fn run(args: &Image, options: &Options) -> Result<Exit> {
    match &args.what {
        What::Pack(args) => pack::run(args),
        What::Import(args) => import::run(args),
        What::Add(args) => add::run(args, options).await,
        What::List(args) => list::run(args),
        What::Verify(args) => verify::run(args),
        What::Retire(args) => retire::run(args, options).await,
    }
}

#[cfg(test)]
mod tests;
