//! What the journal holds. It doesn't know how that is written down.
use picket_proto::{BootId, OperationId, Reason, State, UnknownField};

use crate::config::Periods;

/// A record holds at most this many operations.
pub const MOST_OPERATIONS: usize = 64;

/// What must survive. Two records that are equal are the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The periods that an operator set; `None` as long as the configuration's hold.
    pub periods: Option<Periods>,
    /// The operations that were recorded, each once, the newest last. Of more than [`MOST_OPERATIONS`] the newest are kept.
    pub operations: Vec<Recorded>,
    /// What a newer agent recorded; it is kept as it is.
    pub unknown: Vec<UnknownField>,
}

/// An operation, as far as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Which.
    pub operation: OperationId,
    /// Number of the action, as in [`picket_proto::command::ACTIONS`].
    pub action: u16,
    /// How it stands.
    pub state: State,
    /// Why, when it was refused or failed.
    pub reason: Option<Reason>,
    /// Tells two orders with the same operation id apart: a hash of what defines the operation.
    pub fingerprint: u64,
    /// The boot in which it was recorded.
    pub boot: BootId,
    /// How many boots it has lasted, this one not counted.
    pub boots: u8,
}
