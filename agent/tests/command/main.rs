//! The command core against a model of link, journal, host and operators, at simulated time; and against a real journal in a
//! tree that is a machine.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod orders;
mod properties;
mod timelines;
mod world;
