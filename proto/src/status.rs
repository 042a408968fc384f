//! Status: what an agent is and how it is set up. Retained, so that whoever subscribes learns it at once.
//!
//! On the wire it is a list of numbered, length-prefixed fields: a reader skips and keeps those that it does not know.
use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    BootId, DecodeError, DiskTrouble, Lifeboat, MetricId, NfsVerdict, OperationId, RootSlot, State,
    fields::{self, UnknownField, fields},
    frame::Body,
    frame::Kind,
    wire,
};

/// What an agent says of itself. A field that is `None` was not said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Status {
    /// Version of picketd.
    pub agent_version: Option<String>,
    /// The boot that speaks.
    pub boot: Option<BootId>,
    /// CLOCK_BOOTTIME of this status, in ms.
    pub boottime_ms: Option<u64>,
    /// Board, as the device tree names it.
    pub model: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Operating system, as os-release names it.
    pub os: Option<String>,
    /// Machine architecture.
    pub architecture: Option<String>,
    /// Memory in KiB.
    pub memory_kib: Option<u64>,
    /// Names of what this agent can do.
    pub features: Option<Vec<String>>,
    /// Hash of the effective configuration (FNV-1a, 64 bits).
    pub config_hash: Option<u64>,
    /// Time between ticks, in ms.
    pub sample_every_ms: Option<u32>,
    /// Time between batches, in ms.
    pub window_ms: Option<u32>,
    /// Names of the ambient sensors, by the metric that they fill.
    pub sensors: Option<Vec<Sensor>>,
    /// The operation that this agent last took on; absent when it knows none.
    pub last_operation: Option<OperationId>,
    /// How far it has come.
    pub last_state: Option<State>,
    /// What more there is to say of it.
    pub last_detail: Option<String>,
    /// Whether it lives on when the server of its root file system doesn't answer.
    pub lifeboat: Option<Lifeboat>,
    /// How the NFS server of the root file system stands; absent where nothing can say so.
    pub nfs_verdict: Option<NfsVerdict>,
    /// What the disk refuses; absent when nothing is known to be wrong.
    pub disk_trouble: Option<DiskTrouble>,
    /// Which root file system this is; absent where there are no slots.
    pub slot: Option<RootSlot>,
    /// Whether it is on trial.
    pub on_trial: Option<bool>,
    /// The image that it was made from, by its name in the catalogue; absent where nobody recorded that.
    pub image: Option<String>,
    /// Fields that a newer agent knows.
    pub unknown: Vec<UnknownField>,
}

/// A configured ambient sensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sensor {
    /// The metric that it fills.
    pub metric: MetricId,
    /// Its name in the configuration.
    pub name: String,
}

fields! { Status, "status",
    1 => agent_version by wire::whole,
    2 => boot by wire::whole,
    3 => boottime_ms by wire::whole,
    4 => model by wire::whole,
    5 => kernel by wire::whole,
    6 => os by wire::whole,
    7 => architecture by wire::whole,
    8 => memory_kib by wire::whole,
    9 => features by fields::list,
    10 => config_hash by wire::whole,
    11 => sample_every_ms by wire::whole,
    12 => window_ms by wire::whole,
    13 => sensors by fields::list,
    14 => last_operation by wire::whole,
    15 => last_state by wire::whole,
    16 => last_detail by wire::whole,
    17 => lifeboat by wire::whole,
    18 => nfs_verdict by wire::whole,
    19 => disk_trouble by wire::whole,
    20 => slot by wire::whole,
    21 => on_trial by wire::whole,
    22 => image by wire::whole,
}

impl Body for Status {
    const KIND: Kind = Kind::Status;

    fn write(&self, out: &mut Vec<u8>) {
        fields::write(self.fields(), out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut status = Self::default();
        for (id, body) in fields::read(bytes)? {
            status.set(id, body)?;
        }
        Ok(status)
    }
}
