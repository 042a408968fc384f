//! The telemetry core against a model broker and a model collector, at simulated time.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod accounts;
mod backlog;
mod confirmation;
mod losses;
mod restarts;
mod rig;
mod windows;
