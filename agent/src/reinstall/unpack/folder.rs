//! A folder of the image that is being made: whoever needs it waits until another thread has made it. Nothing on the way to it is
//! followed: a symlink in a folder's place is an error.
use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, Condvar, Mutex},
};

use rustix::{
    fs::{Mode, OFlags, mkdirat, openat},
    io::Errno,
};

use super::super::{archive::entry::split, fault::Fault};

/// As long as the image isn't whole nobody else is to come in.
const CLOSED: Mode = Mode::RWXU;

/// A folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: Vec<u8>,
    way: Way,
    state: Mutex<State>,
    changed: Condvar,
}

/// How it comes to be there.
#[derive(Debug)]
enum Way {
    Root,
    /// To be made in that one.
    In(Arc<Folder>),
    /// It was made before: from the root on.
    Beneath(Arc<Folder>),
}

#[derive(Debug)]
enum State {
    Pending,
    Open(Arc<OwnedFd>),
    /// Why is told by the thread that failed.
    Failed,
}

impl Folder {
    fn new(path: Vec<u8>, way: Way, state: State) -> Arc<Self> {
        Arc::new(Self {
            path,
            way,
            state: Mutex::new(state),
            changed: Condvar::new(),
        })
    }

    /// The root of the image.
    pub(super) fn root(root: OwnedFd) -> Arc<Self> {
        Self::new(Vec::new(), Way::Root, State::Open(Arc::new(root)))
    }

    /// One that somebody is to [`Folder::make`] in `parent`.
    pub(super) fn in_parent(path: &[u8], parent: Arc<Self>) -> Arc<Self> {
        Self::new(path.to_owned(), Way::In(parent), State::Pending)
    }

    /// One that was made before, and somebody is to [`Folder::make`] known again.
    pub(super) fn beneath(path: &[u8], root: Arc<Self>) -> Arc<Self> {
        Self::new(path.to_owned(), Way::Beneath(root), State::Pending)
    }

    /// Makes it, or opens it. A fault is told before those who wait for the folder learn that there is one.
    pub(super) fn make(&self, tell: impl FnOnce(Fault)) {
        let made = match &self.way {
            Way::Root => return,
            Way::In(parent) => parent
                .open()
                .and_then(|parent| make_in(&parent, &self.path)),
            Way::Beneath(root) => root.open().and_then(|root| walk(&root, &self.path)),
        };
        self.settle(match made {
            Ok(folder) => State::Open(Arc::new(folder)),
            Err(fault) => {
                tell(fault);
                State::Failed
            }
        });
    }

    /// It will not be made.
    pub(super) fn give_up(&self) {
        self.settle(State::Failed);
    }

    /// It, once it is made.
    pub(super) fn open(&self) -> Result<Arc<OwnedFd>, Fault> {
        let mut state = self.state.lock().expect("nobody panics with it");
        loop {
            match &*state {
                State::Open(folder) => return Ok(folder.clone()),
                State::Failed => return Err(Fault::GivenUp),
                State::Pending => state = self.changed.wait(state).expect("nobody panics with it"),
            }
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(
            *self.state.lock().expect("nobody panics with it"),
            State::Pending
        )
    }

    fn settle(&self, settled: State) {
        *self.state.lock().expect("nobody panics with it") = settled;
        self.changed.notify_all();
    }
}

fn make_in(parent: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Fault> {
    let (_, name) = split(path);
    match mkdirat(parent, name, CLOSED) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Err(no_folder(path)),
        Err(errno) => return Err(failed(path)(errno)),
    }
    openat(parent, name, STEP, Mode::empty()).map_err(|errno| not_opened(path, errno))
}

const STEP: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The folder at that path, one name after the other.
pub(super) fn walk(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Fault> {
    let mut folder = root.try_clone().map_err(failed(path))?;
    for name in path
        .split(|&byte| byte == b'/')
        .filter(|name| !name.is_empty())
    {
        folder =
            openat(&folder, name, STEP, Mode::empty()).map_err(|errno| not_opened(path, errno))?;
    }
    Ok(folder)
}

fn not_opened(path: &[u8], errno: Errno) -> Fault {
    match errno {
        Errno::LOOP | Errno::NOTDIR => no_folder(path),
        errno => failed(path)(errno),
    }
}

fn no_folder(path: &[u8]) -> Fault {
    Fault::entry(
        path,
        "something else is in this folder's place, so what is in it would go elsewhere",
    )
}

fn failed<E: Into<io::Error>>(path: &[u8]) -> impl FnOnce(E) -> Fault {
    Fault::disk(format!(
        "can't make the folder {}",
        super::super::fault::shown(path)
    ))
}
