//! The commands of picketd, one file each: its arguments and what it does with them. `main` only chooses among them.

pub mod check;
pub mod failure;
pub mod guard;
pub mod install;
pub mod metrics;
pub mod nfs;
mod readings;
pub mod reinstall_child;
pub mod run;
pub mod sample;
pub mod slot;
mod waiting;
