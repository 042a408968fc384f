//! `picket image add`: images into the catalogue, which is signed again.
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use picket_proto::image::{MAX_CATALOGUE, Manifest};
use serde::Deserialize;

use super::{Place, signing, verify};
use crate::{
    catalogue::Store,
    cmd::{Exit, options::Options, usage},
};

/// Put images into the catalogue, and sign it as its next version
///
/// The archive that a manifest names must lie in the catalogue's folder; it is
/// read again, so that nothing is signed that isn't there. Both files of the
/// catalogue are replaced as a whole.
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Add {
    /// Manifests, as `picket image pack` writes them
    #[arg(value_name = "MANIFEST", required = true)]
    manifests: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Also where the name is there already: it stands for the new image then
    #[arg(long)]
    replace: bool,
}

/// A manifest's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    image: Vec<Manifest>,
}

pub(super) async fn run(args: &Add, options: &Options) -> Result<Exit> {
    let store = Store::open(&args.place.folder()?).map_err(|error| usage(format!("{error:#}")))?;
    let mut catalogue = store.catalogue()?;
    for path in &args.manifests {
        for image in read(path).map_err(|error| usage(format!("{error:#}")))? {
            verify::archive(&store.path(&image.file), &image)?;
            match catalogue
                .images
                .iter_mut()
                .find(|known| known.name == image.name)
            {
                None => catalogue.images.push(image),
                Some(known) if args.replace => *known = image,
                Some(known) => {
                    return Err(usage(format!(
                        "the catalogue has an image {} already, of version {}: give the new one another name, or --replace",
                        known.name, known.version
                    )));
                }
            }
        }
    }
    signing::publish(&store, catalogue, options).await?;
    Ok(Exit::Succeeded)
}

fn read(path: &Path) -> Result<Vec<Manifest>> {
    let shown = path.display();
    let mut text = String::new();
    let file = fs::File::open(path).with_context(|| format!("the manifest {shown}"))?;
    file.take(MAX_CATALOGUE as u64).read_to_string(&mut text)?;
    let file: File = toml::from_str(&text).with_context(|| format!("{shown} is no manifest"))?;
    Ok(file.image)
}
