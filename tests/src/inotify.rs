//! A thread that is told of what happens to a file or in a folder, by inotify(7), until it is dropped. It doesn't know what that means.
use std::{
    ffi::CStr,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

pub(crate) use rustix::fs::inotify::{ReadFlags, WatchFlags};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
};

/// Watches until it is dropped.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Tells what happens at `path` from now on, and to which of the names in it if it is a folder.
    pub(crate) fn begin(
        path: &Path,
        ways: WatchFlags,
        tell: impl FnMut(ReadFlags, Option<&CStr>) + Send + 'static,
    ) -> Self {
        let queue = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
            .expect("inotify is there");
        inotify::add_watch(&queue, path, ways)
            .unwrap_or_else(|error| panic!("can't watch {}: {error}", path.display()));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || watch(&queue, &stopped, tell));
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(queue: &OwnedFd, stop: &AtomicBool, mut tell: impl FnMut(ReadFlags, Option<&CStr>)) {
    let mut space = [MaybeUninit::uninit(); 4096];
    let patience = Timespec::try_from(Duration::from_millis(100)).expect("100 ms fit");
    while !stop.load(Ordering::SeqCst) {
        let mut waiting = [PollFd::new(queue, PollFlags::IN)];
        if poll(&mut waiting, Some(&patience)).unwrap_or(0) == 0 {
            continue;
        }
        let mut reader = inotify::Reader::new(queue, &mut space);
        while let Ok(event) = reader.next() {
            tell(event.events(), event.file_name());
        }
    }
}
