//! `picket image list`: what is in a catalogue, whoever signed it.
use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use picket_proto::image::CATALOGUE_FILE;

use super::Place;
use crate::{
    catalogue,
    cmd::{Exit, usage},
    view::progress::size,
};

/// List the images of the catalogue
///
/// Nothing is verified; `picket image verify` does that.
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &List) -> Result<Exit> {
    let file = args.place.folder()?.join(CATALOGUE_FILE);
    let catalogue = catalogue::read(&file).map_err(|error| usage(format!("{error:#}")))?;
    let mut out = io::stdout().lock();
    if args.json {
        for image in &catalogue.images {
            writeln!(out, "{}", serde_json::to_string(image)?)?;
        }
        return Ok(Exit::Succeeded);
    }
    writeln!(out, "catalogue version {}", catalogue.version)?;
    let names = catalogue.images.iter().map(|image| image.name.len());
    let width = names.max().unwrap_or_default();
    for image in &catalogue.images {
        writeln!(
            out,
            "{:width$}  {:<12} {:<6} {:>9} in {}, {:>9} unpacked, {} entries",
            image.name,
            image.version,
            image.architecture.name(),
            size(image.size),
            image.file,
            size(image.installed_size),
            image.entries
        )?;
    }
    Ok(Exit::Succeeded)
}
