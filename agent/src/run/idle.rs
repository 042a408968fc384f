//! The slot that doesn't run, and what time the file server has: the time at which it says that a directory came to be. No client can
//! set that, and no cache answers for it. It decides nothing.
use std::{io, path::Path};

use crate::{
    clock::certificates::BUILT,
    command::IdleSlot,
    slots::{
        Slot,
        beneath::{Dir, at_once},
        boot_record::{self, Read},
        layout::{Export, Stage},
    },
};

/// In `picket`: is made, looked at and removed.
const NOW: &str = "now";

/// Looks at that slot.
///
/// # Errors
/// The server doesn't tell the time, or one before this program was built; the slot can't be looked at.
pub(super) fn look(export: &Export, slot: Slot) -> io::Result<IdleSlot> {
    let tree = export.root().stat(Stage::Whole.path(slot))?;
    let is_wanted = match boot_record::read(export) {
        Read::Record(record) => {
            record.active == slot || record.trial.is_some_and(|trial| trial.slot == slot)
        }
        Read::Absent | Read::Bad(_) => true,
    };
    Ok(IdleSlot {
        time_s: believable(server_time(&export.picket()?)?)?,
        tree: tree.map(|tree| tree.st_ino),
        is_wanted,
    })
}

fn server_time(picket: &Dir) -> io::Result<i64> {
    let now = Path::new(NOW);
    // What a power cut has left.
    picket.remove_tree(now, &mut at_once)?;
    let made = picket.make_dir(now, 0o700)?;
    let made = rustix::fs::fstat(&made)?;
    picket.remove_tree(now, &mut at_once)?;
    Ok(made.st_ctime as _)
}

fn believable(time_s: i64) -> io::Result<u64> {
    match u64::try_from(time_s) {
        Ok(believable) if time_s >= BUILT => Ok(believable),
        _ => Err(io::Error::other(format!(
            "its clock says {time_s} s after 1970, and this picketd was built {BUILT} s after it: set the file server's clock"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt, symlink},
    };

    use picket_proto::OperationId;

    use super::*;
    use crate::slots::boot_record::{BootRecord, Trial};

    #[test]
    fn the_server_tells_the_time_and_the_boot_record_what_may_be_booted() {
        let folder = tempfile::tempdir().unwrap();
        let export = Export::open(folder.path()).unwrap();
        fs::create_dir_all(folder.path().join("slots/b")).unwrap();
        let made = fs::metadata(folder.path().join("slots/b")).unwrap();
        let trial = Trial {
            slot: Slot::B,
            attempts_left: 0,
            operation: OperationId([1; 16]),
        };
        for (record, is_wanted) in [
            (None, true),
            (Some(BootRecord::of(Slot::A)), false),
            (Some(BootRecord::of(Slot::B)), true),
            (
                Some(BootRecord {
                    trial: Some(trial),
                    ..BootRecord::of(Slot::A)
                }),
                true,
            ),
        ] {
            if let Some(record) = &record {
                boot_record::write(&export, record).unwrap();
            }
            // A power cut has left it.
            fs::create_dir_all(folder.path().join("picket/now")).unwrap();
            let found = look(&export, Slot::B).unwrap();
            assert_eq!((found.tree, found.is_wanted), (Some(made.ino()), is_wanted));
            assert!(found.time_s >= made.ctime().unsigned_abs());
            assert!(!folder.path().join("picket/now").exists());
        }
        assert_eq!(look(&export, Slot::A).unwrap().tree, None);
    }

    #[test]
    fn a_server_that_does_not_tell_the_time_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let export = Export::open(folder.path()).unwrap();
        symlink("/tmp", folder.path().join("picket")).unwrap();
        assert!(look(&export, Slot::B).is_err());
        for wrong in [-1, 0, BUILT - 1] {
            let error = believable(wrong).unwrap_err().to_string();
            assert!(error.contains("set the file server's clock"), "{error}");
        }
        assert_eq!(believable(BUILT).unwrap(), BUILT.unsigned_abs());
    }
}
