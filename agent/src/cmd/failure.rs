//! Why a command of picketd ends without success, and the exit code that says so. It knows no command.
use std::fmt;

/// The way a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// What was asked for makes no sense here: exit code 2, as for an unknown option.
    Usage(String),
    /// It could not be done: exit code 1.
    Failed(String),
}

impl Failure {
    /// The process's exit code: 2 for usage, 1 for everything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }

    /// Wrong usage, with the error's words.
    pub fn usage(error: impl fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// Output that could not be written.
    pub fn output(error: impl fmt::Display) -> Self {
        Self::Failed(format!("the output could not be written: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}
