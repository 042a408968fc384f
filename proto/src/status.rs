//! Status: what an agent is and how it is set up. Retained, so that whoever subscribes learns it at once.
//!
//! On the wire it is a list of numbered, length-prefixed fields: a reader skips and keeps those that it does not know.
use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{BootId, DecodeError, MetricId, frame::Body, frame::Kind, wire};

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

/// A field that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownField {
    /// Its number.
    pub id: u16,
    /// Its bytes.
    pub body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Field {
    id: u16,
    body: Vec<u8>,
}

/// A status holds at most this many fields.
const MAX_FIELDS: u64 = 256;

macro_rules! fields {
    ($($id:literal => $field:ident),* $(,)?) => {
        impl Status {
            fn fields(&self) -> Vec<Field> {
                let mut fields = Vec::new();
                $(if let Some(value) = &self.$field {
                    let mut body = Vec::new();
                    wire::put(value, &mut body);
                    fields.push(Field { id: $id, body });
                })*
                fields.extend(self.unknown.iter().map(|field| Field { id: field.id, body: field.body.clone() }));
                fields
            }

            fn set(&mut self, field: Field) -> Result<(), DecodeError> {
                match field.id {
                    $($id => self.$field = Some(wire::whole(&field.body, concat!("status field ", stringify!($field)))?),)*
                    id => self.unknown.push(UnknownField { id, body: field.body }),
                }
                Ok(())
            }
        }
    };
}

fields! {
    1 => agent_version,
    2 => boot,
    3 => boottime_ms,
    4 => model,
    5 => kernel,
    6 => os,
    7 => architecture,
    8 => memory_kib,
    9 => features,
    10 => config_hash,
    11 => sample_every_ms,
    12 => window_ms,
    13 => sensors,
}

impl Body for Status {
    const KIND: Kind = Kind::Status;

    fn write(&self, out: &mut Vec<u8>) {
        wire::put(&self.fields(), out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (announced, _): (u64, _) = wire::take(bytes, "status field count")?;
        if announced > MAX_FIELDS {
            return Err(DecodeError::TooLarge("status field count"));
        }
        let fields: Vec<Field> = wire::whole(bytes, "status fields")?;
        let mut status = Self::default();
        for field in fields {
            status.set(field)?;
        }
        Ok(status)
    }
}
