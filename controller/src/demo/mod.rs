//! The parts of a demonstration: a broker in this process, simulated neighbours, and the real agent as a child.
pub mod agent;
pub mod broker;
pub mod neighbour;
