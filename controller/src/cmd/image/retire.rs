//! `picket image retire`: images out of the catalogue, which is signed again.
use anyhow::Result;
use clap::Args;

use super::{Place, signing};
use crate::{
    catalogue::Store,
    cmd::{Exit, options::Options, usage},
};

/// Take images out of the catalogue, and sign it as its next version
///
/// A Pi that has seen the new version takes no older one, so it can't be given a
/// retired image any more. The archives stay; remove them when nobody fetches
/// them.
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Retire {
    /// Names of images
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: &Retire, options: &Options) -> Result<Exit> {
    let store = Store::open(&args.place.folder()?).map_err(|error| usage(format!("{error:#}")))?;
    let mut catalogue = store.catalogue()?;
    for name in &args.names {
        let Some(at) = catalogue
            .images
            .iter()
            .position(|image| image.name == *name)
        else {
            return Err(usage(format!("the catalogue has no image {name:?}")));
        };
        let image = catalogue.images.remove(at);
        eprintln!(
            "picket: {} is not removed",
            store.path(&image.file).display()
        );
    }
    signing::publish(&store, catalogue, options).await?;
    Ok(Exit::Succeeded)
}
