//! `picket image verify`: whether a Pi would take what is in the catalogue's folder.
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use jiff::Timestamp;
use picket_proto::{
    Quality, WallClock,
    image::{CATALOGUE_FILE, Catalogue, Manifest, SIGNATURE_FILE},
};
use picketd::{
    reinstall::catalogue::Trust,
    trust::{self, Unjudged},
};

use super::Place;
use crate::{
    catalogue::bytes,
    cmd::{Exit, usage},
    image::survey,
};

/// Verify the catalogue: its signature, and every archive
///
/// Each archive is read to its end as a Pi reads it: its digest, its length, its
/// entries and what they unpack to must be those that were signed.
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Verify {
    #[command(flatten)]
    place: Place,
    /// Who may sign catalogues: an allowed_signers file, as the Pis have it
    #[arg(long, value_name = "FILE")]
    signers: PathBuf,
}

pub(super) fn run(args: &Verify) -> Result<Exit> {
    let folder = &args.place.folder()?;
    let loaded = trust::load(args.signers.as_path()).map_err(|error| usage(chain(&error)))?;
    let read = |name| {
        let path = folder.join(name);
        bytes(&path).with_context(|| format!("{}", path.display()))
    };
    let (text, signature) = (read(CATALOGUE_FILE)?, read(SIGNATURE_FILE)?);
    let trust = Trust {
        signers: &loaded.signers,
        wall: WallClock {
            offset_ms: Timestamp::now().as_millisecond(),
            quality: Quality::Synchronised,
        },
        boottime_ms: 0,
        unjudged: Unjudged::Refuse,
        at_least: 0,
    };
    let trusted = trust.open(&text, &signature)?;
    let catalogue = &trusted.catalogue;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "catalogue version {}, signed by {}",
        catalogue.version, trusted.key
    )?;
    all(catalogue, folder, &mut out)
}

fn all(catalogue: &Catalogue, folder: &Path, out: &mut impl Write) -> Result<Exit> {
    let mut exit = Exit::Succeeded;
    for image in &catalogue.images {
        match archive(&folder.join(&image.file), image) {
            Ok(()) => writeln!(out, "{}  good", image.name)?,
            Err(why) => {
                exit = Exit::Failed;
                writeln!(out, "{}  bad: {why:#}", image.name)?;
            }
        }
    }
    Ok(exit)
}

/// Whether the archive is what the manifest says.
pub(super) fn archive(path: &Path, image: &Manifest) -> Result<()> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("the archive {shown}"))?;
    let found = survey(image.format, file).with_context(|| format!("the archive {shown}"))?;
    ensure!(
        found.sha256 == image.sha256,
        "the archive {shown} has SHA-256 {}, and its manifest {}",
        found.sha256,
        image.sha256
    );
    for (what, found, said) in [
        ("size", found.size, image.size),
        ("installed_size", found.installed_size, image.installed_size),
        ("entries", found.entries, image.entries),
    ] {
        ensure!(
            found == said,
            "the archive {shown} has {what} {found}, and its manifest {said}"
        );
    }
    Ok(())
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
