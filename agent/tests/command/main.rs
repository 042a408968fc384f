//! The command core against a model of link, journal, host and operators, at simulated time; and against a real journal in a
//! tree that is a machine.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod admission;
mod crashes;
mod keep_old;
mod moves;
mod operations;
mod operator;
mod orders;
mod pi;
mod properties;
mod reboots;
mod reinstall_crashes;
mod reinstalls;
mod reports;
mod trials;
mod world;
