//! Installing an image into the idle slot, in a child process of its own with limits of its own: nothing of it is in the agent that
//! samples. The agent knows [`wire`] alone.
//!
//! source -> digest -> decompress -> archive -> unpack (many writers) -> seal -> personalise -> the slot's name. Everything streams:
//! the digest is known at the end, and nothing has its name before.

pub mod archive;
pub mod cancel;
pub mod catalogue;
pub mod child;
pub mod decompress;
mod digest;
pub mod fault;
pub mod fill;
mod install;
mod newest;
pub mod personalise;
mod preflight;
pub mod progress;
pub mod read_back;
mod source;
mod staging;
mod steps;
pub mod unpack;
pub mod wire;
