//! Ends a tenancy: a slot, or all of an export, is removed. Nothing outside is touched, whatever lies in it ([`crate::slots::beneath`]).
//! Contents are unlinked and not overwritten: on a file server with snapshots or flash that would promise what it can't keep.
use std::{io, path::PathBuf};

use super::Content;
use crate::slots::{
    Slot,
    beneath::at_once,
    layout::{Export, Stage},
};

/// Entries of the export that are looked at at a time.
const AT_A_TIME: usize = 256;
/// Why not all of it is gone.
#[derive(Debug, thiserror::Error)]
#[error("can't remove {}", what.display())]
pub struct NotWiped {
    /// What is still there, beneath the export.
    pub what: PathBuf,
    /// What was counted before.
    pub counted: Content,
    /// Why.
    pub source: io::Error,
}

/// Removes that slot with what is being filled or removed under its name. Nothing can be booted from it from the first step on.
///
/// # Errors
/// [`NotWiped`].
pub fn slot(export: &Export, slot: Slot) -> Result<Content, NotWiped> {
    let mut counted = Content::default();
    for stage in [Stage::New, Stage::Old, Stage::Whole] {
        let path = stage.path(slot);
        let result = (|| -> io::Result<()> {
            counted += Content::of(export.root(), &path);
            let stage = match stage {
                // Safety-order: it loses its name before anything in it goes.
                Stage::Whole => {
                    export.retire(slot)?;
                    Stage::Old
                }
                stage => stage,
            };
            export.remove(slot, stage, &mut at_once)?;
            Ok(())
        })();
        result.map_err(|source| NotWiped {
            what: path,
            counted,
            source,
        })?;
    }
    synced(export, counted)
}

/// Removes everything in the export: slots, the agent's folder with its credentials, and whatever else the tenant has put there.
///
/// # Errors
/// [`NotWiped`].
pub fn all(export: &Export) -> Result<Content, NotWiped> {
    let root = export.root();
    let mut counted = Content::default();
    loop {
        let entries = root.entries(AT_A_TIME);
        let entries = entries.map_err(|source| NotWiped {
            what: PathBuf::from("."),
            counted,
            source,
        })?;
        if entries.is_empty() {
            return synced(export, counted);
        }
        for name in entries.into_iter().map(|entry| PathBuf::from(entry.name)) {
            counted += Content::of(root, &name);
            let removed = root.remove_tree(&name, &mut at_once);
            removed.map_err(|source| NotWiped {
                what: name,
                counted,
                source,
            })?;
        }
    }
}

/// Whether a directory looks like a Pi's export: `slots` or `picket` is in it, whatever they are, or nothing is. The one above, which
/// holds every Pi's, does not.
///
/// # Errors
/// It can't be looked at.
pub fn looks_like_export(export: &Export) -> io::Result<bool> {
    let root = export.root();
    Ok(root.stat("slots")?.is_some()
        || root.stat("picket")?.is_some()
        || root.entries(1)?.is_empty())
}

fn synced(export: &Export, counted: Content) -> Result<Content, NotWiped> {
    match export.root().sync_all() {
        Ok(()) => Ok(counted),
        Err(source) => Err(NotWiped {
            what: PathBuf::from("."),
            counted,
            source,
        }),
    }
}
