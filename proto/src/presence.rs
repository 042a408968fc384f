//! Whether an agent is connected. Retained; the will says gone.
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{BootId, DecodeError, frame::Body, frame::Kind, wire};

/// Whether an agent is connected, and by which connection it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The boot that speaks.
    pub boot: BootId,
    /// Numbered from 1 in each boot. A presence with a lower number than one already seen of that boot is stale.
    pub connection: u32,
    /// True when the agent says it, false in its will and on an orderly stop.
    pub online: bool,
}

impl Body for Presence {
    const KIND: Kind = Kind::Presence;

    fn write(&self, out: &mut Vec<u8>) {
        wire::put(self, out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        wire::whole(bytes, "presence")
    }
}
