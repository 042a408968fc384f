//! The child that installs an image or removes a slot, and the boot record's writes. Nothing here waits in the loop: the child is started
//! and heard by a thread of its own, which is there as long as the child is. It decides nothing.
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use picket_proto::{BootId, DeviceId, OperationId, Reason, RootSlot, State, image::Digest};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::slots::{EXPORT, named};
use crate::{
    command::{BootRecordSaid, Install, WorkerEvent},
    config::Reinstalls,
    errand::{Errand, News},
    reinstall::wire::{self, Event, MAX_EVENT, Order, Personal, Stage},
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
    /// What the child hears its end by.
    stdin: Arc<Mutex<Option<ChildStdin>>>,
    said: UnboundedSender<WorkerEvent>,
    heard: UnboundedReceiver<WorkerEvent>,
    boot_record: Errand<Result<(), NotChanged>>,
}

/// What they say.
#[derive(Debug)]
pub enum WorkerNews {
    /// The child.
    Child(WorkerEvent),
    /// The boot record.
    BootRecord(BootRecordSaid),
}

impl Worker {
    /// One that refuses everything, until it is set.
    pub(super) fn new() -> Self {
        let (said, heard) = unbounded_channel();
        Self {
            setting: None,
            stdin: Arc::default(),
            said,
            heard,
            boot_record: Errand::new("boot-record", STACK),
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
        });
        self.start(order);
    }

    /// The child ends as soon as it can.
    pub(super) fn give_up(&mut self) {
        let stdin = self.stdin.lock();
        stdin.unwrap_or_else(PoisonError::into_inner).take();
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
        let (said, stdin) = (self.said.clone(), self.stdin.clone());
        let run = move || {
            let last = order.and_then(|order| child(&order, &stdin, &said));
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

/// Runs a child to its end; its last word.
fn child(
    order: &Order,
    stdin: &Mutex<Option<ChildStdin>>,
    said: &UnboundedSender<WorkerEvent>,
) -> Result<WorkerEvent, String> {
    let mut child = Command::new("/proc/self/exe")
        .arg("reinstall-child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the child can't be started: {error}"))?;
    let out = child.stdout.take();
    if let Some(mut pipe) = child.stdin.take() {
        // It fails when the child is gone already, which shows below.
        let _ = pipe.write_all(order.line().as_bytes());
        *stdin.lock().unwrap_or_else(PoisonError::into_inner) = Some(pipe);
    }
    let mut last = None;
    if let Some(out) = out {
        listen(BufReader::new(out), &mut last, said);
    }
    stdin.lock().unwrap_or_else(PoisonError::into_inner).take();
    let status = child.wait();
    last.ok_or_else(|| match status {
        Ok(status) => format!("the child ended without a word, with {status}"),
        Err(error) => format!("the child ended without a word: {error}"),
    })
}

fn listen(
    mut out: impl BufRead,
    last: &mut Option<WorkerEvent>,
    said: &UnboundedSender<WorkerEvent>,
) {
    let mut line = String::new();
    while last.is_none() {
        line.clear();
        let read = out.by_ref().take(MAX_EVENT as u64).read_line(&mut line);
        if !matches!(read, Ok(1..)) {
            return;
        }
        let Ok(event) = Event::parse(&line) else {
            tracing::warn!("the child says what is no event: {:?}", line.trim_end());
            continue;
        };
        match event.is_last() {
            true => *last = heard(event),
            false => {
                if let Some(event) = heard(event) {
                    let _ = said.send(event);
                }
            }
        }
    }
}

fn heard(event: Event) -> Option<WorkerEvent> {
    Some(match event {
        // The core says this one by itself.
        Event::Stage {
            stage: Stage::Preflight,
        } => return None,
        Event::Stage { stage } => WorkerEvent::Stage(match stage {
            Stage::Preflight => State::Preflight,
            Stage::Fetching => State::Fetching,
            Stage::Unpacking => State::Unpacking,
            Stage::Sealed => State::Sealed,
            Stage::Personalised => State::Personalised,
        }),
        Event::Progress(progress) => WorkerEvent::Progress(picket_proto::Progress {
            stage: State::Unpacking,
            bytes: progress.bytes,
            of_bytes: progress.of_bytes,
            entries: progress.entries,
            of_entries: progress.of_entries,
        }),
        Event::Warning { text } => WorkerEvent::Warning(text),
        Event::Staged { host_keys, .. } => WorkerEvent::Staged { host_keys },
        Event::Cleaned => WorkerEvent::Cleaned,
        Event::Failed { reason, detail } => WorkerEvent::Failed { reason, detail },
    })
}

fn unset() -> String {
    "this agent was not told where images come from".to_owned()
}
