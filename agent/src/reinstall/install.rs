//! From an order to a slot: the steps in their order, and what each failure leaves behind, which is nothing. It knows no process.
//!
//! Safety-order: nothing has the slot's name before digest, counts and syncfs agree and it is this Pi's; nothing of the old system in
//! the idle slot goes before that either, unless the order says so.
use std::{io::BufReader, path::Path, sync::Arc};

use picket_proto::image::{CATALOGUE_FILE, MAX_CATALOGUE, Manifest, SIGNATURE_FILE};

use super::{
    cancel::Cancel,
    catalogue::{CatalogueError, Trust},
    decompress::Decompressed,
    digest::Incoming,
    fault::Fault,
    personalise::{Surroundings, personalise},
    preflight,
    progress::{Counters, Teller, Ticker},
    source::{Patience, Source},
    staging::{self, Staging},
    unpack::{self, Found, Setting, WRITERS},
    wire::{Event, Install, Stage},
};
use crate::{
    clock::{Wall, boottime_ms},
    lifeboat,
    log::chain,
    slots::{
        Slot,
        beneath::{Dir, slowly},
        layout::{self, Export},
    },
    tree::Tree,
    trust::{self, AllowedSigners, Unjudged},
};

/// A signature is at most this long, in bytes; ssh-keygen's have some 300.
const MAX_SIGNATURE: usize = 16 * 1024;
const BUFFER: usize = 64 * 1024;

/// Does what the order says. Gives the last event.
pub(crate) fn install(order: &Install, teller: &Teller, cancel: &Cancel) -> Result<Event, Fault> {
    let work = Work {
        order,
        teller,
        cancel,
        patience: Patience::default(),
    };
    work.run()
}

/// Removes what children before have left, and that slot, which must be idle: slowly, since nobody waits for that.
pub(crate) fn clean(export: &Path, slot: Option<Slot>) -> Result<Event, Fault> {
    let export = open(export)?;
    for slot in Slot::ALL {
        staging::remove(&export, slot, layout::Stage::New)?;
    }
    if let Some(slot) = slot {
        let mounts = preflight::kernel_text("/proc/self/mountinfo");
        preflight::is_idle(&export, slot, &mounts)?;
        staging::remove(&export, slot, layout::Stage::Old)?;
        let retired = export.retire(slot);
        retired.map_err(Fault::disk(format!("can't retire slot {slot}")))?;
    }
    for slot in Slot::ALL {
        let removed = export.remove(slot, layout::Stage::Old, &mut slowly);
        removed.map_err(Fault::disk(format!("can't remove slots/{slot}.old")))?;
    }
    Ok(Event::Cleaned)
}

struct Work<'a> {
    order: &'a Install,
    teller: &'a Teller,
    cancel: &'a Cancel,
    patience: Patience,
}

impl Work<'_> {
    fn run(&self) -> Result<Event, Fault> {
        self.stage(Stage::Preflight)?;
        // What is wrong with the order itself shows before anything is fetched.
        let personal = self.order.personal.check();
        personal.map_err(|error| Fault::Personalise(chain(&error)))?;
        let export = open(&self.order.export)?;
        let slot = self.order.slot;
        preflight::is_idle(
            &export,
            slot,
            &preflight::kernel_text("/proc/self/mountinfo"),
        )?;
        let source = Source::open(
            &self.order.images,
            self.order.ca.as_deref(),
            self.patience,
            self.cancel,
        )?;
        let (manifest, catalogue_version) = self.manifest(&source)?;
        preflight::can_run(
            &rustix::system::uname().machine().to_string_lossy(),
            manifest.architecture,
        )?;
        preflight::has_memory(&preflight::kernel_text("/proc/meminfo"), manifest.format)?;
        // What a child before left is in the way of the room, too.
        staging::remove(&export, slot, layout::Stage::New)?;
        if self.order.discard_old {
            self.discard(&export)?;
        }
        preflight::has_room(&export, &manifest)?;
        let staging = Staging::make(&export, slot)?;
        match self.fill(&staging, &source, &manifest) {
            Ok(host_keys) => {
                staging.complete()?;
                Ok(Event::Staged {
                    catalogue_version,
                    host_keys,
                })
            }
            Err(fault) => {
                // What it failed with says more than what came of it.
                if let Err(error) = staging.remove() {
                    self.teller
                        .warn(format!("what was begun is still there: {error}"));
                }
                Err(fault)
            }
        }
    }

    fn fill(
        &self,
        staging: &Staging<'_>,
        source: &Source,
        manifest: &Manifest,
    ) -> Result<Vec<String>, Fault> {
        self.stage(Stage::Fetching)?;
        let stream = source.stream(&manifest.file, Some(manifest.size))?;
        self.stage(Stage::Unpacking)?;
        let counters = Arc::new(Counters::default());
        let ticker = Ticker::start(
            self.teller.clone(),
            counters.clone(),
            (manifest.size, manifest.entries),
        );
        let incoming = Incoming::new(stream, manifest, counters.clone(), self.cancel.clone());
        let packed =
            Decompressed::new(manifest.format, BufReader::with_capacity(BUFFER, incoming))?;
        let root = staging
            .root()
            .try_clone()
            .map_err(Fault::disk("can't open the staging folder"))?;
        let setting = Setting {
            writers: WRITERS,
            counters,
            cancel: self.cancel.clone(),
        };
        let (found, packed) = unpack::unpack(
            packed,
            &std::fs::File::from(root).into(),
            manifest,
            &setting,
        )?;
        packed.into_below().into_inner().finish(manifest)?;
        staging
            .root()
            .sync_all()
            .map_err(Fault::disk("can't make the image durable"))?;
        drop(ticker);
        self.warn_of_extended(&found);
        self.stage(Stage::Sealed)?;
        let host_keys = self.personalise(staging.root())?;
        staging
            .root()
            .sync_all()
            .map_err(Fault::disk("can't make the image durable"))?;
        self.stage(Stage::Personalised)?;
        Ok(host_keys)
    }

    /// Gives the fingerprints of the new host keys.
    fn personalise(&self, root: &Dir) -> Result<Vec<String>, Fault> {
        let fault = |error: &dyn std::error::Error| Fault::Personalise(chain(error));
        let world = lifeboat::world(Path::new("/")).map_err(|error| fault(&error))?;
        let around =
            Surroundings::here(&world, &self.order.export).map_err(|error| fault(&error))?;
        let another = root
            .try_clone()
            .map_err(Fault::disk("can't open the staging folder"))?;
        let tree = Tree::new(std::fs::File::from(another).into(), root.shown());
        let done =
            personalise(&tree, &self.order.personal, &around).map_err(|error| fault(&error))?;
        done.warnings
            .into_iter()
            .for_each(|text| self.teller.warn(text));
        Ok(done.host_keys)
    }

    fn stage(&self, stage: Stage) -> Result<(), Fault> {
        self.cancel.check()?;
        self.teller.tell(&Event::Stage { stage });
        Ok(())
    }

    /// The image's manifest, and the version of the catalogue that has it.
    fn manifest(&self, source: &Source) -> Result<(Manifest, u64), Fault> {
        let signers = self.signers()?;
        let bytes = source.small(CATALOGUE_FILE, MAX_CATALOGUE)?;
        let signature = source.small(SIGNATURE_FILE, MAX_SIGNATURE)?;
        let trust = Trust {
            signers: &signers,
            wall: Wall::default().now(),
            boottime_ms: boottime_ms(),
            unjudged: Unjudged::default(),
            at_least: self.order.catalogue_at_least,
        };
        let trusted = trust.open(&bytes, &signature)?;
        let manifest = trusted.image(&self.order.image, self.order.digest)?;
        Ok((manifest.clone(), trusted.catalogue.version))
    }

    fn signers(&self) -> Result<AllowedSigners, Fault> {
        let loaded = trust::load(self.order.signers.as_path());
        let loaded =
            loaded.map_err(|error| Fault::Catalogue(CatalogueError::Unreadable(chain(&error))))?;
        Ok(loaded.signers)
    }

    fn discard(&self, export: &Export) -> Result<(), Fault> {
        let slot = self.order.slot;
        let failed = || Fault::disk(format!("can't discard the old system in slot {slot}"));
        staging::remove(export, slot, layout::Stage::Old)?;
        if export
            .tree(slot, layout::Stage::Whole)
            .map_err(failed())?
            .is_some()
        {
            let text = "the old system in the idle slot is removed before the new one is there: until then there is only the one that runs";
            self.teller.warn(text);
            export.retire(slot).map_err(failed())?;
            staging::remove(export, slot, layout::Stage::Old)?;
        }
        Ok(())
    }

    fn warn_of_extended(&self, found: &Found) {
        let (count, first) = &found.extended;
        if *count > 0 {
            self.teller.warn(format!(
                "{count} entries have extended attributes, as file capabilities, which an NFS export can't hold, and are without them: {}",
                first.join(", ")
            ));
        }
    }
}

fn open(path: &Path) -> Result<Export, Fault> {
    let opened = Export::open(path);
    opened.map_err(|error| {
        Fault::Slots(format!(
            "the export {} can't be opened: {error}",
            path.display()
        ))
    })
}
