//! The folder `slots/<slot>.new`, in which an image comes to be. Whoever gives up finds it removed, with many threads, since on a file
//! server each removal takes a round trip. It knows nothing of what is put into it.
use std::{io, path::PathBuf, sync::Mutex, thread};

use super::{fault::Fault, unpack::WRITERS};
use crate::slots::{
    Slot,
    beneath::{Dir, Kind, at_once},
    layout::{Export, Stage},
};

/// Folders that are removed on their own, by whichever thread is free.
const SHARES: usize = 512;
/// Names of a folder that are looked at for that.
const NAMES: usize = 4096;
const STACK: usize = 128 * 1024;

/// A staging folder, which is removed unless it gets its slot's name.
pub(crate) struct Staging<'a> {
    export: &'a Export,
    slot: Slot,
    root: Dir,
    is_done: bool,
}

impl<'a> Staging<'a> {
    /// An empty one. What a child before left in its place is removed first.
    pub(crate) fn make(export: &'a Export, slot: Slot) -> Result<Self, Fault> {
        remove(export, slot, Stage::New)?;
        let path = Stage::New.path(slot);
        let made = export.make_new(slot);
        let root = made.map_err(Fault::disk(format!("can't make {}", path.display())))?;
        Ok(Self {
            export,
            slot,
            root,
            is_done: false,
        })
    }

    pub(crate) fn root(&self) -> &Dir {
        &self.root
    }

    /// It becomes the slot, and what the slot was before becomes `slots/<slot>.old`.
    pub(crate) fn complete(mut self) -> Result<(), Fault> {
        let failed = || {
            Fault::disk(format!(
                "can't give {} its name",
                Stage::New.path(self.slot).display()
            ))
        };
        if self
            .export
            .tree(self.slot, Stage::Whole)
            .map_err(failed())?
            .is_some()
        {
            remove(self.export, self.slot, Stage::Old)?;
            self.export.retire(self.slot).map_err(failed())?;
        }
        self.export.complete(self.slot).map_err(failed())?;
        self.is_done = true;
        Ok(())
    }

    /// Removes it, and says what keeps it from that.
    pub(crate) fn remove(mut self) -> Result<(), Fault> {
        self.is_done = true;
        remove(self.export, self.slot, Stage::New)
    }
}

impl Drop for Staging<'_> {
    /// For a panic's sake: who gives up calls [`Staging::remove`]. The next child finds what is left.
    fn drop(&mut self) {
        if !self.is_done {
            let _ = remove(self.export, self.slot, Stage::New);
        }
    }
}

/// Removes a tree that nothing runs from, as fast as it goes. That it isn't there is what is wanted.
pub(crate) fn remove(export: &Export, slot: Slot, stage: Stage) -> Result<(), Fault> {
    let failed = || Fault::disk(format!("can't remove {}", stage.path(slot).display()));
    // What is there and no folder has nothing within.
    if let Ok(Some(root)) = export.tree(slot, stage) {
        // Whatever it leaves, the removal of the whole removes or names.
        let _ = remove_within(&root);
    }
    export.remove(slot, stage, &mut at_once).map_err(failed())?;
    Ok(())
}

/// Removes most of what is in it: each thread takes folders, as long as there are any.
fn remove_within(root: &Dir) -> io::Result<()> {
    let shares = Mutex::new(shares(root)?);
    let next = || shares.lock().expect("nobody panics with it").pop();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|_| {
                let thread = thread::Builder::new().stack_size(STACK);
                thread.spawn_scoped(scope, || {
                    while let Some(path) = next() {
                        root.remove_tree(path, &mut at_once)?;
                    }
                    Ok(())
                })
            })
            .collect::<io::Result<_>>()?;
        let end = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().expect("a panic ends the process")
        };
        threads.into_iter().try_for_each(end)
    })
}

/// Folders that together hold nearly everything, none of them within another's reach at the same time: the deepest come last, and
/// are taken first.
fn shares(root: &Dir) -> io::Result<Vec<PathBuf>> {
    let mut shares: Vec<PathBuf> = Vec::new();
    let mut looked_at = 0;
    let mut folder = Some(PathBuf::new());
    while let Some(path) = folder.filter(|_| shares.len() < SHARES) {
        let dir = match path.as_os_str().is_empty() {
            true => root.try_clone()?,
            false => root.dir(&path)?,
        };
        let entries = dir.entries(NAMES)?;
        let inside = entries.iter().filter(|entry| entry.kind == Kind::Directory);
        shares.extend(inside.map(|entry| path.join(&entry.name)));
        folder = shares.get(looked_at).cloned();
        looked_at += 1;
    }
    Ok(shares)
}
