//! The steps that are the same on a Pi and on its file server: which catalogue counts, an archive into its staging folder, and what
//! makes it one Pi's. It knows no order, and tells nobody how far it is.
use std::{
    io::{BufReader, Read},
    path::Path,
};

use picket_proto::image::{CATALOGUE_FILE, MAX_CATALOGUE, Manifest, SIGNATURE_FILE};

use super::{
    catalogue::{CatalogueError, Trust, Trusted},
    decompress::Decompressed,
    digest::Incoming,
    fault::Fault,
    personalise::{Personalised, Surroundings, personalise},
    read_back::read_back,
    source::Source,
    staging::Staging,
    unpack::{self, Found, Setting},
    wire::Personal,
};
use crate::{
    clock::{Wall, boottime_ms},
    log::chain,
    slots::beneath::Dir,
    tree::Tree,
    trust::{self, Unjudged},
};

/// A signature is at most this long, in bytes; ssh-keygen's have some 300.
const MAX_SIGNATURE: usize = 16 * 1024;
const BUFFER: usize = 64 * 1024;

/// The catalogue there, which one of the signers in that file vouches for, of at least that version.
pub(super) fn catalogue(source: &Source, signers: &Path, at_least: u64) -> Result<Trusted, Fault> {
    let loaded = trust::load(signers);
    let loaded =
        loaded.map_err(|error| Fault::Catalogue(CatalogueError::Unreadable(chain(&error))))?;
    let bytes = source.small(CATALOGUE_FILE, MAX_CATALOGUE)?;
    let signature = source.small(SIGNATURE_FILE, MAX_SIGNATURE)?;
    let trust = Trust {
        signers: &loaded.signers,
        wall: Wall::default().now(),
        boottime_ms: boottime_ms(),
        unjudged: Unjudged::default(),
        at_least,
    };
    Ok(trust.open(&bytes, &signature)?)
}

/// Unpacks what comes and makes it durable: digest, counts and syncfs agree, and, if that is wished, what is read back.
pub(super) fn unpacked(
    stream: Box<dyn Read + Send>,
    staging: &Staging<'_>,
    manifest: &Manifest,
    setting: &Setting,
) -> Result<Found, Fault> {
    let (counters, cancel) = (setting.counters.clone(), setting.cancel.clone());
    let incoming = Incoming::new(stream, manifest, counters, cancel);
    let packed = BufReader::with_capacity(BUFFER, incoming);
    let packed = Decompressed::new(manifest.format, packed)?;
    let root = another(staging.root())?;
    let (found, packed) =
        unpack::unpack(packed, &std::fs::File::from(root).into(), manifest, setting)?;
    packed.into_below().into_inner().finish(manifest)?;
    durable(staging.root())?;
    if let Some(digests) = &found.digests {
        read_back(staging.root(), digests, setting.writers, &setting.cancel)?;
    }
    Ok(found)
}

/// Makes it one Pi's, durably.
pub(super) fn personalised(
    root: &Dir,
    personal: &Personal,
    around: &Surroundings,
) -> Result<Personalised, Fault> {
    let tree = Tree::new(std::fs::File::from(another(root)?).into(), root.shown());
    let done = personalise(&tree, personal, around);
    let done = done.map_err(|error| Fault::personal(&error))?;
    durable(root)?;
    Ok(done)
}

/// What an operator should know of entries whose extended attributes were left out.
pub(super) fn of_extended(found: &Found) -> Option<String> {
    let (count, first) = &found.extended;
    (*count > 0).then(|| {
        format!(
            "{count} entries have extended attributes, as file capabilities, which an NFS export can't hold, and are without them: {}",
            first.join(", ")
        )
    })
}

fn another(root: &Dir) -> Result<Dir, Fault> {
    let another = root.try_clone();
    another.map_err(Fault::disk("can't open the staging folder"))
}

fn durable(root: &Dir) -> Result<(), Fault> {
    let synced = root.sync_all();
    synced.map_err(Fault::disk("can't make the image durable"))
}
