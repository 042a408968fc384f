//! Waits for files that come into a directory or leave it (inotify(7)). It doesn't know which ones.
use std::{io, mem::MaybeUninit, os::fd::OwnedFd, path::Path, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    io::Errno,
};

/// A directory that is being watched.
#[derive(Debug)]
pub(super) struct Watch {
    queue: OwnedFd,
}

impl Watch {
    /// Watches from now on. Writing a file that is there, as the agent does at each tick, is no change.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let changes = WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE;
        inotify::add_watch(&queue, folder, changes | WatchFlags::ONLYDIR)?;
        Ok(Self { queue })
    }

    /// Waits for a change, so long at most; changes since the last wait count. Fails once the directory is gone: one that has its
    /// name later is another.
    pub(super) fn wait(&mut self, most: Option<Duration>) -> io::Result<()> {
        let most = most.and_then(|most| Timespec::try_from(most).ok());
        let mut ready = [PollFd::new(&self.queue, PollFlags::IN)];
        match poll(&mut ready, most.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut space = [MaybeUninit::uninit(); 1024];
        let mut changes = Reader::new(&self.queue, &mut space);
        // Which ones they are doesn't matter otherwise: whoever waits looks for itself.
        while let Ok(change) = changes.next() {
            if change.events().contains(ReadFlags::IGNORED) {
                return Err(Errno::NOENT.into());
            }
        }
        Ok(())
    }
}
