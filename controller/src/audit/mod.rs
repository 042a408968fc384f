//! The audit log: who ordered what of which Pis, the signed bytes, and what became of it. A file of JSON lines to which is only
//! ever appended. It knows neither brokers nor keys.
//!
//! Safety-order: an entry is durable before what it tells is done. Whoever can't append does nothing.
mod armour;
mod digits;
mod entry;
mod history;
mod log;
mod outcome;
mod read;

pub use armour::armour;
pub use entry::{Ended, Entry, Halted, Line, OnFailure, Ordered, Resumed, Roll, Signed};
pub use history::{Freshness, History, TargetHistory, may_be_cured};
pub use log::{Log, TakenOver};
pub use outcome::{Outcome, PowerCycled, PowerCycling, Settled, Transition};
pub use read::{Problem, history, read};

#[cfg(test)]
mod tests;
