//! What Picket costs, and a made-up Pi to measure it on.
pub mod trace;
