//! The commands, one file each, and how they end.
pub mod activate;
pub mod authority;
pub mod broker;
pub mod cancel;
pub mod configure;
pub mod decode;
pub mod demo;
pub mod identify;
pub mod image;
pub mod keys;
pub mod ops;
pub mod options;
pub mod order;
pub mod provision;
pub mod query;
pub mod reboot;
pub mod reinstall;
pub mod resume;
pub mod targets;
pub mod watch;

use std::{
    fmt,
    io::{self, Write},
};

use crate::audit::TakenOver;

/// How a command ended, as the exit code that scripts see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Succeeded = 0,
    /// The command line, or a file that it names, is wrong.
    Usage = 2,
    /// The Pi refused it: nothing was begun.
    Refused = 10,
    /// It could not be done.
    Failed = 11,
    /// It was done, found bad, and undone.
    RolledBack = 12,
    /// What was waited for did not come in time.
    TimedOut = 13,
    /// It was given up, because an operator wished it.
    Cancelled = 14,
    /// It did what it was asked on some of several Pis.
    Partly = 15,
}

/// A mistake in what the user wrote, on the command line or in a file; marks an error for [`exit_code`].
#[derive(Debug)]
pub struct Usage;

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong usage")
    }
}

impl std::error::Error for Usage {}

/// An error of usage with these words.
#[must_use]
pub fn usage(words: impl fmt::Display) -> anyhow::Error {
    anyhow::Error::new(Usage).context(words.to_string())
}

/// The exit code of an outcome, after its error was told on stderr.
#[must_use]
pub fn exit_code(outcome: anyhow::Result<Exit>) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(error) if is_broken_pipe(&error) => Exit::Succeeded,
        Err(error) => {
            let causes = error.chain().filter(|cause| !cause.is::<Usage>());
            let words: Vec<_> = causes.map(ToString::to_string).collect();
            // The exit code counts, whoever reads this.
            let _ = writeln!(io::stderr(), "picket: {}", words.join(": "));
            match error.is::<Usage>() {
                true => Exit::Usage,
                false if error.is::<TakenOver>() => Exit::Cancelled,
                false => Exit::Failed,
            }
        }
    }
}

/// Whoever reads our output has had enough (`picket watch | head`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_exit_codes() {
        let error = |kind| anyhow::Error::new(io::Error::from(kind));
        for (outcome, exit) in [
            (Ok(Exit::TimedOut), Exit::TimedOut),
            (Err(usage("no")), Exit::Usage),
            (Err(usage("no").context("more")), Exit::Usage),
            (Err(anyhow::anyhow!("broken")), Exit::Failed),
            (Err(error(io::ErrorKind::BrokenPipe)), Exit::Succeeded),
            (Err(error(io::ErrorKind::NotFound)), Exit::Failed),
        ] {
            let words = format!("{outcome:?}");
            assert_eq!(exit_code(outcome), exit, "{words}");
        }
    }
}
