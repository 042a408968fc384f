//! The operator's side of Picket, as a library, so that tests can feed it: what a fleet says, collected and shown.
//!
//! `main.rs` only turns outcomes into exit codes. What acts on a Pi goes through an order and its audit log.
#![forbid(unsafe_code)]

pub mod audit;
pub mod authority;
pub mod catalogue;
pub mod claim;
pub mod cli;
pub mod cmd;
pub mod collector;
pub mod demo;
pub mod duration;
pub mod fleet;
pub mod image;
pub mod link;
pub mod operate;
pub mod random;
pub mod signer;
pub mod view;
