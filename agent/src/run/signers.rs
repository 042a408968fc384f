//! Who may command this Pi, by what was read of `allowed_signers` at the start and at SIGHUP; it says what of it counts. It reads
//! nothing itself.
use std::{io, path::Path};

use picket_proto::Status;
use rustix::io::Errno;

use crate::{
    log::chain,
    trust::{AllowedSigners, LoadError, Loaded},
};

/// What a reading says.
#[derive(Debug)]
pub(super) enum Signers {
    /// These may sign. `None` when nobody may: then the agent only observes, at the start as after a SIGHUP, so that whoever takes
    /// the file away takes the right away.
    Are(Option<AllowedSigners>),
    /// The disk failed, and that says nothing about the file.
    NotKnown,
}

/// What a reading of the file at `path` says; neither is there when it isn't set.
pub(super) fn judge(path: Option<&Path>, read: Option<Result<Loaded, LoadError>>) -> Signers {
    let (Some(path), Some(read)) = (path, read) else {
        tracing::info!("allowed_signers is not set: this agent only observes");
        return Signers::Are(None);
    };
    match read {
        Ok(loaded) => Signers::Are(tell_lines(path, loaded)),
        Err(error) if is_of_the_disk(&error) => {
            tracing::error!(
                "{}; that is the disk's failure, and says nothing about who may sign",
                chain(&error)
            );
            Signers::NotKnown
        }
        Err(error) => {
            tracing::error!("{}; until then this agent only observes", chain(&error));
            Signers::Are(None)
        }
    }
}

/// What the agent can do, in `status`.
pub(super) fn tell(signers: Option<&AllowedSigners>, status: &mut Status) {
    let commands = signers.map(|_| "commands".to_owned());
    let features = ["telemetry".to_owned()].into_iter().chain(commands);
    status.features = Some(features.collect());
}

fn tell_lines(path: &Path, loaded: Loaded) -> Option<AllowedSigners> {
    let path = path.display();
    for problem in &loaded.problems {
        tracing::warn!("{path}, {problem}; this line doesn't count");
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let (good, bad) = (loaded.signers.iter().count(), loaded.problems.len());
    tracing::info!("{path}: {good} lines say who may command this Pi, {bad} don't count");
    Some(loaded.signers).filter(|signers| !signers.is_empty())
}

/// Whether the disk failed, or had no room for the reading. All else says what became of the file.
fn is_of_the_disk(error: &LoadError) -> bool {
    let LoadError::Read { source, .. } = error else {
        return false;
    };
    !matches!(
        errno(source),
        None | Some(
            Errno::NOENT
                | Errno::NOTDIR
                | Errno::ISDIR
                | Errno::LOOP
                | Errno::NAMETOOLONG
                | Errno::ACCESS
                | Errno::PERM
                | Errno::NXIO
                | Errno::NODEV
        )
    )
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn whoever_takes_the_file_away_takes_the_right_away_and_a_disk_that_fails_does_not() {
        let path = PathBuf::from("/etc/picket/allowed_signers");
        let read = |errno: Errno| LoadError::Read {
            path: path.clone(),
            source: errno.into(),
        };
        for (error, known) in [
            (read(Errno::NOENT), true),
            (read(Errno::ACCESS), true),
            (read(Errno::LOOP), true),
            (LoadError::NoFile { path: path.clone() }, true),
            (LoadError::TooLarge { path: path.clone() }, true),
            (read(Errno::IO), false),
            (read(Errno::STALE), false),
            (read(Errno::TIMEDOUT), false),
            (read(Errno::NOTCONN), false),
            (read(Errno::NOMEM), false),
        ] {
            let words = format!("{error:?}");
            let said = judge(Some(&path), Some(Err(error)));
            assert_eq!(matches!(said, Signers::Are(None)), known, "{words}");
        }
    }
}
