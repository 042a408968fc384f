//! End-to-end tests of Picket, and what they share.

pub mod scripted_broker;
