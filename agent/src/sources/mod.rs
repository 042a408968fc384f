//! Where readings come from, one outside thing per file: a `read` that fetches and a `parse` that understands.
//!
//! A source gives integers in the registry's units or a gap with its reason. No source knows ticks, batches or MQTT.

pub mod ambient;
pub mod ambient_lm75;
pub mod ambient_shtcx;
pub mod ambient_tmp1x2;
pub mod cpu_busy;
pub mod cpu_frequency;
mod decimal;
pub mod i2c_bus;
pub mod load;
pub mod memory;
pub mod mountstats;
pub mod nfs_counters;
pub mod nfs_in_band;
pub mod nfs_interval;
pub mod nfs_mount;
pub mod nfs_mounts;
pub mod nfs_null;
pub mod nfs_server;
pub mod own_load;
mod rpc;
mod search;
pub mod soc_temperature;
pub mod throttling;
pub mod uptime;
pub mod xprt_info;
