//! What an agent says of its lifeboat: whether it lives on when the server of its root file system doesn't answer. It doesn't
//! know how a lifeboat is made.
use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::named::named;

named! {
    /// How an agent stands to its lifeboat.
    LifeboatState, u8,
    /// It is aboard: it needs nothing of the root file system.
    1 "aboard" Aboard,
    /// The configuration says so.
    2 "off" Off,
    /// The root file system is in memory.
    3 "not_needed" NotNeeded,
    /// There could be none: the agent stops with its root file system.
    4 "unavailable" Unavailable,
}

/// The lifeboat in a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifeboat {
    /// How the agent stands to it.
    pub state: LifeboatState,
    /// Why, in words; empty where there is nothing to say.
    pub reason: String,
}
