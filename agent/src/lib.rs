//! picketd: samples one Raspberry Pi, batches what it reads, and publishes it.
//!
//! Data goes one way: source -> sampler -> telemetry (batcher, spool) -> link. What decides is pure and takes bytes,
//! events and the time as arguments; `run` is the one loop that waits, asks and acts.

mod blocks;
mod bucket;
pub mod cli;
pub mod clock;
pub mod cmd;
pub mod command;
pub mod config;
pub mod crc32;
pub mod device_id;
mod errand;
pub mod fileserver;
pub mod guard;
pub mod host;
pub mod install;
pub mod inventory;
pub mod journal;
pub mod kernel_file;
pub mod lifeboat;
pub mod link;
pub mod log;
pub mod notify;
pub mod reinstall;
pub mod run;
pub mod runtime_state;
pub mod sampler;
pub mod slots;
pub mod sources;
pub mod sys;
pub mod telemetry;
pub mod tree;
pub mod trust;
pub mod verdict;
pub mod world;
