//! From an order to a slot: the steps in their order, and what each failure leaves behind, which is nothing. It knows no process.
//!
//! Safety-order: nothing has the slot's name before digest, counts and syncfs agree and it is this Pi's; nothing of the old system in
//! the idle slot goes before that either, unless the order says so.
use std::{path::Path, sync::Arc};

use picket_proto::image::Manifest;

use super::{
    cancel::Cancel,
    fault::Fault,
    newest,
    personalise::Surroundings,
    preflight,
    progress::{Counters, Teller, Ticker},
    source::{Patience, Source},
    staging::{self, Staging},
    steps,
    unpack::Setting,
    wire::{Event, Install, Stage},
};
use crate::{
    lifeboat,
    log::chain,
    slots::{
        Slot,
        beneath::slowly,
        layout::{self, Export},
    },
};

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
        let (manifest, catalogue_version) = self.manifest(&export, &source)?;
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
        let setting = Setting {
            writers: usize::from(self.order.writers.get()),
            read_back: self.order.read_back,
            counters,
            cancel: self.cancel.clone(),
        };
        let found = steps::unpacked(stream, staging, manifest, &setting)?;
        drop(ticker);
        self.warn(steps::of_extended(&found));
        self.stage(Stage::Sealed)?;
        let fault = Fault::personal;
        let world = lifeboat::world(Path::new("/")).map_err(|error| fault(&error))?;
        let around =
            Surroundings::here(&world, &self.order.export).map_err(|error| fault(&error))?;
        let done = steps::personalised(staging.root(), &self.order.personal, &around)?;
        self.warn(done.warnings);
        self.stage(Stage::Personalised)?;
        Ok(done.host_keys)
    }

    fn stage(&self, stage: Stage) -> Result<(), Fault> {
        self.cancel.check()?;
        self.teller.tell(&Event::Stage { stage });
        Ok(())
    }

    /// The image's manifest, and the version of the catalogue that has it.
    fn manifest(&self, export: &Export, source: &Source) -> Result<(Manifest, u64), Fault> {
        let at_least = self.order.catalogue_at_least.max(self.newest(export));
        let trusted = steps::catalogue(source, &self.order.signers, at_least)?;
        self.keep(export, trusted.catalogue.version);
        let manifest = trusted.image(&self.order.image, self.order.digest)?;
        Ok((manifest.clone(), trusted.catalogue.version))
    }

    /// One that can't be read is as one that isn't there, which the tenant can bring about as well.
    fn newest(&self, export: &Export) -> u64 {
        newest::read(export).unwrap_or_else(|error| {
            self.teller.warn(format!(
                "the highest version of a catalogue so far isn't known, and only the configuration's counts: {error}"
            ));
            0
        })
    }

    fn keep(&self, export: &Export, version: u64) {
        if newest::read(export).is_ok_and(|kept| kept == version) {
            return;
        }
        if let Err(error) = newest::keep(export, version) {
            self.teller.warn(format!(
                "the catalogue's version {version} can't be kept, so an older one would be taken: {error}"
            ));
        }
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

    fn warn(&self, texts: impl IntoIterator<Item = String>) {
        texts.into_iter().for_each(|text| self.teller.warn(text));
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
