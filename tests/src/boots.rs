//! Counts the boots of a tree without asking the agent: each is a boot id that takes the place of the one before.
use std::{
    fs,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
};

use crate::tree::Tree;

const FOLDER: &str = "proc/sys/kernel/random";

/// Watches until it is dropped.
pub struct Boots {
    seen: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Boots {
    /// Begins to watch. Start it before the agent.
    pub fn of(tree: &Tree) -> Self {
        let queue = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
            .expect("inotify is there");
        let ways = inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CLOSE_WRITE;
        inotify::add_watch(&queue, tree.path(FOLDER), ways).expect("the tree has a boot id");
        let path = tree.path(FOLDER).join("boot_id");
        let seen = Arc::new(Mutex::new(vec![read(&path)]));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (seen, stop) = (seen.clone(), stop.clone());
            move || watch(&queue, &path, &seen, &stop)
        });
        Self {
            seen,
            stop,
            thread: Some(thread),
        }
    }

    /// The boot ids in their order, the one of the beginning first.
    pub fn ids(&self) -> Vec<String> {
        self.seen.lock().expect("no holder panics").clone()
    }

    /// How often the machine was rebooted.
    pub fn reboots(&self) -> usize {
        self.ids().len() - 1
    }
}

impl Drop for Boots {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(queue: &OwnedFd, path: &PathBuf, seen: &Mutex<Vec<String>>, stop: &AtomicBool) {
    let mut space = [MaybeUninit::uninit(); 4096];
    let patience = Timespec::try_from(Duration::from_millis(100)).expect("100 ms fit");
    while !stop.load(Ordering::SeqCst) {
        let mut waiting = [PollFd::new(queue, PollFlags::IN)];
        if poll(&mut waiting, Some(&patience)).unwrap_or(0) == 0 {
            continue;
        }
        let mut reader = inotify::Reader::new(queue, &mut space);
        while let Ok(event) = reader.next() {
            if event.file_name().is_none_or(|name| name != c"boot_id") {
                continue;
            }
            // Each replacement counts, also one by the same id; a file that is closed after it took the place, not again.
            let replaced = event.events().contains(inotify::ReadFlags::MOVED_TO);
            let (now, mut seen) = (read(path), seen.lock().expect("no holder panics"));
            if replaced || seen.last() != Some(&now) {
                seen.push(now);
            }
        }
    }
}

fn read(path: &PathBuf) -> String {
    let text = fs::read_to_string(path).expect("the tree has a boot id");
    text.trim().to_owned()
}
