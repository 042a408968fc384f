//! Timelines of orders, and their rules under any order of messages.
mod claims;
mod power;
mod reinstalls;
mod rig;
mod rolls;
mod rules;
mod way;
