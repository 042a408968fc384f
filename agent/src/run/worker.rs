//! The child that installs an image or removes a slot, and the boot record's writes. Nothing here waits in the loop: the child is started
//! and heard by a thread of its own, which is there as long as the child is. It decides nothing.
use std::{fs, path::PathBuf, sync::Arc, thread, time::Duration};

use picket_proto::{BootId, DeviceId, OperationId, Reason, RootSlot, image::Digest};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{
    child::{Nursery, Reins},
    idle,
    slots::{EXPORT, named},
};
use crate::{
    command::{BootRecordSaid, IdleSlot, Install, WorkerEvent},
    config::Reinstalls,
    errand::{Errand, News},
    reinstall::wire::{self, Order, Personal},
    slots::{
        boot_record::NotWritten,
        change::{self, NotChanged},
        layout::Export,
    },
    world::World,
};

/// A thread of lines and small structs.
const STACK: usize = 128 * 1024;
/// The boot record is written by then, or its disk counts as silent.
const PATIENCE: Duration = Duration::from_secs(15);
/// Where the trial's guard looks, beneath the run directory.
const COMMITTED: &str = "trial-committed";
/// Beneath the run directory: at most one child is at work.
const LOCK: &str = "reinstall.lock";

/// What a child is told besides its order.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The machine.
    pub world: World,
    /// This device.
    pub device: DeviceId,
    /// This boot.
    pub boot: BootId,
    /// Where images come from, and whose are believed.
    pub reinstalls: Reinstalls,
}

/// The child and the boot record, as the owner loop sees them.
#[derive(Debug)]
pub(super) struct Worker {
    setting: Option<Setting>,
    /// Those of the last child.
    reins: Arc<Reins>,
    said: UnboundedSender<WorkerEvent>,
    heard: UnboundedReceiver<WorkerEvent>,
    boot_record: Errand<Result<(), NotChanged>>,
    idle: Errand<Result<IdleSlot, String>>,
}

/// What they say.
#[derive(Debug)]
pub enum WorkerNews {
    /// The child.
    Child(WorkerEvent),
    /// The boot record.
    BootRecord(BootRecordSaid),
    /// The look at the slot that doesn't run.
    Idle(Result<IdleSlot, String>),
}

impl Worker {
    /// One that refuses everything, until it is set.
    pub(super) fn new() -> Self {
        let (said, heard) = unbounded_channel();
        Self {
            setting: None,
            reins: Arc::default(),
            said,
            heard,
            boot_record: Errand::new("boot-record", STACK),
            idle: Errand::new("idle-slot", STACK),
        }
    }

    pub(super) fn set(&mut self, setting: Setting) {
        self.setting = Some(setting);
    }

    /// Starts a child that puts that image into that slot.
    pub(super) fn install(&mut self, install: &Install) {
        let order = self.setting.as_ref().ok_or_else(unset);
        let order = order.and_then(|setting| setting.order(install));
        self.start(order);
    }

    /// Starts a child that removes what a child before left, and that slot.
    pub(super) fn remove(&mut self, slot: Option<RootSlot>) {
        let order = self.setting.as_ref().ok_or_else(unset);
        let order = order.map(|setting| Order::Clean {
            export: setting.export(),
            slot: slot.and_then(named),
            lock: Some(setting.lock()),
        });
        self.start(order);
    }

    /// The child ends as soon as it can.
    pub(super) fn give_up(&mut self) {
        self.reins.give_up();
    }

    pub(super) fn arm(&mut self, slot: RootSlot, operation: OperationId) {
        self.write(move |setting| {
            let export = setting.open()?;
            let slot = named(slot)
                .ok_or_else(|| NotChanged::NoRecord("the rescue system is no slot".to_owned()))?;
            change::arm(&export, slot, operation)
        });
    }

    pub(super) fn commit(&mut self) {
        self.write(|setting| {
            change::commit(&setting.open()?)?;
            setting.tell_guard();
            Ok(())
        });
    }

    /// Looks at that slot, and what time the file server has.
    pub(super) fn look_at(&mut self, slot: RootSlot) {
        let setting = self.setting.clone();
        let call = move || {
            let setting = setting.ok_or_else(unset)?;
            let slot = named(slot).ok_or("the rescue system is no slot")?;
            let export = setting.open().map_err(|error| error.to_string())?;
            idle::look(&export, slot).map_err(|error| error.to_string())
        };
        if let Err(error) = self.idle.begin(PATIENCE, call) {
            // A look before this one hangs, and its answer is the answer.
            tracing::debug!("the idle slot is not looked at again: {error}");
        }
    }

    /// What is heard next. Cancel-safe.
    pub(super) async fn news(&mut self) -> WorkerNews {
        tokio::select! {
            biased;
            // Cancel-safe: receiving from a channel is. Its other end is here, so it never closes.
            Some(event) = self.heard.recv() => WorkerNews::Child(event),
            // Cancel-safe: it says so.
            news = self.boot_record.news() => WorkerNews::BootRecord(match news {
                News::Back(Ok(())) => BootRecordSaid::Written,
                // It may have been: the next boot tells.
                News::Back(Err(NotChanged::NotWritten(NotWritten::Perhaps(error)))) => {
                    tracing::warn!("the boot record was written, and the disk doesn't say whether it lasts: {error}");
                    BootRecordSaid::Written
                }
                News::Back(Err(error)) => BootRecordSaid::Failed(error.to_string()),
                News::Overdue => BootRecordSaid::Silent,
            }),
            // Cancel-safe: it says so.
            news = self.idle.news() => WorkerNews::Idle(match news {
                News::Back(found) => found,
                News::Overdue => Err("it doesn't answer".to_owned()),
            }),
        }
    }

    fn write(&mut self, change: impl FnOnce(&Setting) -> Result<(), NotChanged> + Send + 'static) {
        let setting = self.setting.clone();
        let call = move || match setting {
            Some(setting) => change(&setting),
            None => Err(NotChanged::NoRecord("this agent has no slots".to_owned())),
        };
        if let Err(error) = self.boot_record.begin(PATIENCE, call) {
            // A write before this one hangs, and so would this one: its answer is the answer.
            tracing::error!("the boot record is not written again: {error}");
        }
    }

    fn start(&mut self, order: Result<Order, String>) {
        self.reins = Arc::default();
        let (said, reins) = (self.said.clone(), self.reins.clone());
        let run = move || {
            let nursery = Nursery::of_this_program();
            let last = order.and_then(|order| nursery.run(&order, &reins, &said));
            let failed = |detail| WorkerEvent::Failed {
                reason: Reason::Worker,
                detail,
            };
            // Nobody listens any more when the agent ends.
            let _ = said.send(last.unwrap_or_else(failed));
        };
        let thread = thread::Builder::new()
            .name("worker".to_owned())
            .stack_size(STACK);
        if let Err(error) = thread.spawn(run) {
            let _ = self.said.send(WorkerEvent::Failed {
                reason: Reason::Worker,
                detail: format!("no thread can be had for the child: {error}"),
            });
        }
    }
}

impl Setting {
    fn export(&self) -> PathBuf {
        self.world.run_dir().join(EXPORT)
    }

    fn lock(&self) -> PathBuf {
        self.world.run_dir().join(LOCK)
    }

    fn open(&self) -> Result<Export, NotChanged> {
        let at = self.export();
        Export::open(&at)
            .map_err(|error| NotChanged::NoRecord(format!("{}: {error}", at.display())))
    }

    fn order(&self, install: &Install) -> Result<Order, String> {
        let (images, signers) = self.reinstalls.complete()?;
        let images = match images.starts_with('/') {
            true => wire::Images::Folder(self.world.on_disk(images).to_path_buf()),
            false => wire::Images::Url(images.to_owned()),
        };
        let on_disk = |path: &PathBuf| self.world.on_disk(path).to_path_buf();
        let wanted = &install.wanted;
        Ok(Order::Install(Box::new(wire::Install {
            export: self.export(),
            slot: named(install.slot).ok_or("the rescue system is no slot that could be filled")?,
            images,
            ca: self.reinstalls.ca.as_ref().map(on_disk),
            signers: on_disk(signers),
            catalogue_at_least: self.reinstalls.catalogue_at_least,
            image: wanted.image.clone(),
            digest: Digest(wanted.digest),
            personal: Personal {
                hostname: wanted.hostname.clone(),
                ssh_keys: wanted.ssh_keys.clone(),
                device_id: self.device,
            },
            discard_old: wanted.discard_old,
            writers: self.reinstalls.writers,
            read_back: self.reinstalls.read_back,
            operation: install.operation,
            lock: Some(self.lock()),
        })))
    }

    /// The guard of the trial resets the machine unless it finds this boot there.
    fn tell_guard(&self) {
        let path = self.world.run_dir().join(COMMITTED);
        if let Err(error) = fs::write(&path, format!("{}\n", self.boot)) {
            tracing::error!(
                "can't tell the guard of the trial that it is over: {}: {error}",
                path.display()
            );
        }
    }
}

fn unset() -> String {
    "this agent was not told where images come from".to_owned()
}
