//! What Picket costs: picketd beside a bare loop that does the same (the floor) and beside collectd, in one run, and a
//! made-up Pi to measure the codec on.
//!
//! This crate starts the contenders from outside and reads the kernel's books; it knows nothing of picketd's inside.

pub mod broker;
pub mod contender;
pub mod figures;
pub mod mqtt;
pub mod nfs_null;
pub mod notify;
pub mod proxy;
pub mod race;
pub mod segments;
pub mod stage;
pub mod strace;
pub mod table;
pub mod trace;
pub mod usage;
pub mod verdict;
pub mod view;
