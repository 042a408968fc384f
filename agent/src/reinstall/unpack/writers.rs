//! The threads that make entries: each in a root of its own, which is the folder of the image, so that no path leads out of it for
//! them whatever the image holds. The first fault ends all of them.
use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
};

use super::{
    super::{archive::entry::Attributes, fault::Fault, progress::Counters, wire},
    content::Content,
    folder::Folder,
    make::{self, Special},
};
use crate::sys;

/// How many, where no order says it.
pub const WRITERS: usize = wire::WRITERS.get() as usize;
const STACK: usize = 96 * 1024;
/// Entries that wait for a thread.
const QUEUE: usize = 64;

/// Something to be made.
pub(super) enum Job {
    Folder(Arc<Folder>),
    File {
        folder: Arc<Folder>,
        path: Vec<u8>,
        attributes: Attributes,
        size: u64,
        content: Content,
    },
    Special {
        folder: Arc<Folder>,
        path: Vec<u8>,
        attributes: Attributes,
        special: Special,
    },
    HardLink {
        path: Vec<u8>,
        first: Vec<u8>,
    },
    /// A folder that gets what it is to have.
    Settle {
        path: Vec<u8>,
        attributes: Attributes,
    },
}

/// The threads.
pub(super) struct Writers {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

struct Shared {
    root: OwnedFd,
    jobs: Mutex<Receiver<Job>>,
    failed: AtomicBool,
    fault: Mutex<Option<Fault>>,
    counters: Arc<Counters>,
}

impl Writers {
    /// So many, for the image in `root`.
    pub(super) fn start(
        count: usize,
        root: OwnedFd,
        counters: Arc<Counters>,
    ) -> Result<Self, Fault> {
        let (queue, jobs) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            root,
            jobs: Mutex::new(jobs),
            failed: AtomicBool::new(false),
            fault: Mutex::new(None),
            counters,
        });
        let mut writers = Self {
            queue: Some(queue),
            threads: Vec::new(),
            shared,
        };
        for _ in 0..count {
            let shared = writers.shared.clone();
            let thread = Builder::new().name("writer".to_owned()).stack_size(STACK);
            let thread = thread
                .spawn(move || shared.run())
                .map_err(Fault::disk("can't start a writer"))?;
            writers.threads.push(thread);
        }
        Ok(writers)
    }

    /// Has that made. Waits while too much is waiting.
    pub(super) fn give(&self, job: Job) -> Result<(), Fault> {
        if self.shared.failed.load(SeqCst) {
            return Err(self.fault());
        }
        let queue = self.queue.as_ref().expect("it is there until the end");
        queue.send(job).map_err(|_| self.fault())
    }

    /// An entry that was counted without a job of its own: a folder that only now is named.
    pub(super) fn counted(&self) {
        self.shared.counters.add_entry();
    }

    /// Waits until everything is made.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        self.end();
        match self.shared.failed.load(SeqCst) {
            true => Err(self.fault()),
            false => Ok(()),
        }
    }

    /// What a thread failed with; the first one.
    pub(super) fn fault(&self) -> Fault {
        let fault = self
            .shared
            .fault
            .lock()
            .expect("nobody panics with it")
            .take();
        fault.unwrap_or(Fault::GivenUp)
    }

    fn end(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            thread.join().expect("a panic ends the process");
        }
    }
}

impl Drop for Writers {
    /// What waits isn't made any more.
    fn drop(&mut self) {
        self.shared.failed.store(true, SeqCst);
        self.end();
    }
}

impl Shared {
    fn run(&self) {
        if let Err(error) = self.enter() {
            let attempt =
                "can't make the image's folder the root of a writer (this needs CAP_SYS_CHROOT)";
            self.fail(Fault::disk(attempt)(error));
        }
        loop {
            // Only one waits in the queue; the others for the lock.
            let job = self.jobs.lock().expect("nobody panics with it").recv();
            let Ok(job) = job else {
                return;
            };
            if self.failed.load(SeqCst) {
                if let Job::Folder(folder) = &job {
                    folder.give_up();
                }
                continue;
            }
            if let Err(fault) = self.make(job) {
                self.fail(fault);
            }
        }
    }

    fn enter(&self) -> io::Result<()> {
        sys::unshare_root()?;
        rustix::process::fchdir(&self.root)?;
        Ok(rustix::process::chroot(c".")?)
    }

    fn make(&self, job: Job) -> Result<(), Fault> {
        match job {
            Job::Folder(folder) => {
                folder.make(|fault| self.fail(fault));
                return Ok(());
            }
            Job::Settle { path, attributes } => {
                return make::settle_folder(&self.root, &path, attributes);
            }
            Job::File {
                folder,
                path,
                attributes,
                size,
                content,
            } => make::file(&*folder.open()?, &path, attributes, size, content)?,
            Job::Special {
                folder,
                path,
                attributes,
                special,
            } => make::special(&*folder.open()?, &path, attributes, &special)?,
            Job::HardLink { path, first } => make::hard_link(&self.root, &path, &first)?,
        }
        self.counters.add_entry();
        Ok(())
    }

    fn fail(&self, fault: Fault) {
        // Those that only waited for another's work know nothing.
        if !matches!(fault, Fault::GivenUp) {
            self.fault
                .lock()
                .expect("nobody panics with it")
                .get_or_insert(fault);
        }
        self.failed.store(true, SeqCst);
    }
}
