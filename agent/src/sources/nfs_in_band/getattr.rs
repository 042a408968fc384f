//! The in-band probe's system calls: one that makes the kernel ask the server, and now and then how much room there is. It knows
//! no thread.
use std::{
    ffi::CStr,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::Instant,
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, StatxFlags, fstatvfs, open, statx},
    io::Errno,
};

use super::{Answer, Call};
use crate::verdict::Room;

/// Every so many probes the disk's room is asked for too: once a minute.
const ROOM_EVERY: u32 = 6;
const NO_NAME: &CStr = c"";

/// The real call.
pub(super) struct Getattr {
    root: Box<Path>,
    /// Opened at the first call: without any right to read, which would hold more than the name.
    fd: Option<OwnedFd>,
    calls: u32,
}

impl Getattr {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.into(),
            fd: None,
            calls: 0,
        }
    }

    fn fd(&mut self) -> Result<&OwnedFd, Errno> {
        if self.fd.is_none() {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            self.fd = Some(open(&*self.root, flags, Mode::empty())?);
        }
        Ok(self.fd.as_ref().expect("it was opened above"))
    }
}

impl Call for Getattr {
    fn call(&mut self) -> Answer {
        let asks_room = self.calls % ROOM_EVERY == 0;
        self.calls = self.calls.wrapping_add(1);
        let fd = match self.fd() {
            Ok(fd) => fd,
            Err(error) => {
                return Answer {
                    took: Err(error),
                    room: None,
                };
            }
        };
        let begin = Instant::now();
        // Exactly one GETATTR: the flag asks the server whatever is cached, and the mask asks for something that only it knows.
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC;
        let took = statx(fd.as_fd(), NO_NAME, flags, StatxFlags::MODE).map(|_| begin.elapsed());
        let room = (asks_room && took.is_ok())
            .then(|| fstatvfs(fd).ok())
            .flatten();
        Answer {
            took,
            room: room.map(|room| Room {
                available: room.f_bavail,
                blocks: room.f_blocks,
            }),
        }
    }
}
