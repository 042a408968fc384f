//! An image into a slot on the file server: the same steps as on the Pi, but nothing of this machine or of the export's old slots takes
//! part. It is in this process: whoever calls it waits for it.
//!
//! Safety-order: nothing that is there goes before the image is whole, durable and personalised; the trial of what was in the slot ends
//! before the slot changes; it is armed last.
use std::{path::Path, sync::Arc};

use picket_proto::{OperationId, image::Manifest};

use super::{
    cancel::Cancel,
    fault::Fault,
    personalise::{Personalised, Surroundings},
    preflight,
    source::{Patience, Source},
    staging::{self, Staging},
    steps,
    unpack::{Found, Setting, WRITERS},
    wire::{Images, Personal},
};
use crate::{
    log::chain,
    slots::{
        Slot,
        boot_record::{self, Read},
        change,
        layout::{Export, Stage},
    },
};

/// What goes where.
#[derive(Debug)]
pub struct Fill<'a> {
    /// The export.
    pub export: &'a Export,
    /// The slot, which isn't the active one.
    pub slot: Slot,
    /// Where the catalogue and the images are.
    pub images: &'a Images,
    /// Who may sign catalogues: a file of `allowed_signers`.
    pub signers: &'a Path,
    /// The image's name in the catalogue.
    pub image: &'a str,
    /// What makes it one Pi's.
    pub personal: &'a Personal,
    /// What it needs besides.
    pub around: &'a Surroundings,
    /// Every file is read back and held against the archive.
    pub read_back: bool,
    /// The operation that the trial is of.
    pub operation: OperationId,
}

/// What is in the slot now.
#[derive(Debug)]
pub struct Filled {
    /// What the catalogue said of it.
    pub manifest: Manifest,
    /// Fingerprints of the ssh host keys.
    pub host_keys: Vec<String>,
    /// Every file was read back, and is what the archive holds.
    pub is_read_back: bool,
    /// What an operator should know, in words.
    pub warnings: Vec<String>,
    /// Why the slot isn't on trial, if it isn't: what was filled stays.
    pub not_armed: Option<String>,
}

/// Fills the slot and arms it. What was in it before goes away.
///
/// # Errors
/// Why it could not be done; then the slot is as it was, and what was begun is removed.
pub fn fill(order: &Fill<'_>) -> Result<Filled, Fault> {
    let Fill { export, slot, .. } = *order;
    let personal = order.personal.check();
    personal.map_err(|error| Fault::Personalise(chain(&error)))?;
    let on_trial = may_go(export, slot)?;
    let source = Source::open(order.images, None, Patience::default(), &Cancel::default())?;
    let manifest = manifest(order, &source)?;
    // What an attempt before left is in the way of the room, too.
    staging::remove(export, slot, Stage::New)?;
    preflight::has_room(export, &manifest)?;
    let staging = Staging::make(export, slot)?;
    let (personalised, found) = match put(order, &staging, &source, &manifest) {
        Ok(done) => done,
        Err(fault) => {
            // What it failed with says more than what came of it, and the next fill finds what is left.
            let _ = staging.remove();
            return Err(fault);
        }
    };
    if on_trial {
        let disarmed = change::disarm(export);
        disarmed.map_err(|error| Fault::Slots(chain(&error)))?;
    }
    staging.complete()?;
    let mut warnings = personalised.warnings;
    warnings.extend(steps::of_extended(&found));
    if let Err(fault) = staging::remove(export, slot, Stage::Old) {
        warnings.push(format!(
            "what was in the slot before is still there: {fault}"
        ));
    }
    let armed = change::arm(export, slot, order.operation);
    Ok(Filled {
        manifest,
        host_keys: personalised.host_keys,
        is_read_back: found.digests.is_some(),
        warnings,
        not_armed: armed.err().map(|error| chain(&error)),
    })
}

/// Whether the slot may be replaced while its Pi is off; gives whether it is on trial now. A trial is only a wish for boots to come.
fn may_go(export: &Export, slot: Slot) -> Result<bool, Fault> {
    let on_trial = match boot_record::read(export) {
        Read::Absent => false,
        Read::Bad(why) => {
            return Err(Fault::Slots(format!(
                "which slot is active can't be told: the boot record {why}"
            )));
        }
        Read::Record(record) if record.active == slot => {
            return Err(Fault::SlotInUse(format!(
                "slot {slot} is the active one, which the Pi falls back to: fill slot {}",
                slot.other()
            )));
        }
        Read::Record(record) => record.trial.is_some(),
    };
    let mounts = preflight::kernel_text("/proc/self/mountinfo");
    preflight::is_unused(export, slot, &mounts)?;
    Ok(on_trial)
}

fn manifest(order: &Fill<'_>, source: &Source) -> Result<Manifest, Fault> {
    // Whoever fills slots publishes the catalogues: any version will do.
    let trusted = steps::catalogue(source, order.signers, 0)?;
    let mut images = trusted.catalogue.images.into_iter();
    images
        .find(|image| image.name == order.image)
        .ok_or_else(|| {
            Fault::Fetch(format!(
                "the catalogue has no image {:?}: see picket image list",
                order.image
            ))
        })
}

fn put(
    order: &Fill<'_>,
    staging: &Staging<'_>,
    source: &Source,
    manifest: &Manifest,
) -> Result<(Personalised, Found), Fault> {
    let stream = source.stream(&manifest.file, Some(manifest.size))?;
    let setting = Setting {
        writers: WRITERS,
        read_back: order.read_back,
        counters: Arc::default(),
        cancel: Cancel::default(),
    };
    let found = steps::unpacked(stream, staging, manifest, &setting)?;
    let done = steps::personalised(staging.root(), order.personal, order.around)?;
    Ok((done, found))
}
