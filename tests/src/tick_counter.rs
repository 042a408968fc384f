//! Counts the ticks that an agent makes without asking it: each tick opens `proc/loadavg` of its tree once.
use std::{
    mem::MaybeUninit,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
};

use crate::tree::Tree;

/// Counts until it is stopped.
pub struct TickCounter {
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TickCounter {
    /// Begins to count. Start it before the agent.
    pub fn start(tree: &Tree) -> Self {
        let queue = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
            .expect("inotify is there");
        inotify::add_watch(&queue, tree.path("proc/loadavg"), inotify::WatchFlags::OPEN)
            .expect("the tree has a loadavg");
        let count = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (count, stop) = (count.clone(), stop.clone());
            move || collect(&queue, &count, &stop)
        });
        Self {
            count,
            stop,
            thread: Some(thread),
        }
    }

    /// Ticks so far.
    pub fn ticks(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }
}

impl Drop for TickCounter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn collect(queue: &OwnedFd, count: &AtomicU64, stop: &AtomicBool) {
    let mut space = [MaybeUninit::uninit(); 4096];
    let patience = Timespec::try_from(Duration::from_millis(100)).expect("100 ms fit");
    while !stop.load(Ordering::SeqCst) {
        let mut waiting = [PollFd::new(queue, PollFlags::IN)];
        if poll(&mut waiting, Some(&patience)).unwrap_or(0) == 0 {
            continue;
        }
        let mut reader = inotify::Reader::new(queue, &mut space);
        while let Ok(event) = reader.next() {
            // Identical neighbouring events are merged by the kernel; ticks are far enough apart to be read singly.
            if event.events().contains(inotify::ReadFlags::OPEN) {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}
