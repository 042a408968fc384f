//! Status: what an agent is and how it is set up. Retained, so that whoever subscribes learns it at once.
//!
//! On the wire it is a list of numbered, length-prefixed fields: a reader skips and keeps those that it does not know.
use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{BootId, DecodeError, MetricId, frame::Body, frame::Kind, json, wire};

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
    #[serde(serialize_with = "json::hex")]
    pub body: Vec<u8>,
}

/// A status holds at most this many fields.
pub const MAX_FIELDS: usize = 256;
/// A status names at most this many features, and this many sensors.
pub const MAX_NAMES: usize = 64;

/// Fields as they stand on the wire: number and body, by ascending number.
type Fields = BTreeMap<u16, Vec<u8>>;

macro_rules! fields {
    ($($id:literal => $field:ident by $read:path),* $(,)?) => {
        /// Number and name of every field, by ascending number.
        pub const FIELDS: &[(u16, &str)] = &[$(($id, stringify!($field))),*];

        impl Status {
            fn fields(&self) -> Fields {
                let unknown = self.unknown.iter();
                let mut fields: Fields = unknown.map(|field| (field.id, field.body.clone())).collect();
                $(if let Some(value) = &self.$field {
                    let mut body = Vec::new();
                    wire::put(value, &mut body);
                    fields.insert($id, body);
                })*
                fields
            }

            fn set(&mut self, id: u16, body: &[u8]) -> Result<(), DecodeError> {
                match id {
                    $($id => self.$field = Some($read(body, concat!("status field ", stringify!($field)))?),)*
                    id => self.unknown.push(UnknownField { id, body: body.into() }),
                }
                Ok(())
            }
        }
    };
}

fields! {
    1 => agent_version by wire::whole,
    2 => boot by wire::whole,
    3 => boottime_ms by wire::whole,
    4 => model by wire::whole,
    5 => kernel by wire::whole,
    6 => os by wire::whole,
    7 => architecture by wire::whole,
    8 => memory_kib by wire::whole,
    9 => features by names,
    10 => config_hash by wire::whole,
    11 => sample_every_ms by wire::whole,
    12 => window_ms by wire::whole,
    13 => sensors by names,
}

impl Body for Status {
    const KIND: Kind = Kind::Status;

    fn write(&self, out: &mut Vec<u8>) {
        let fields = self.fields();
        wire::put(&fields.len(), out);
        for (id, body) in fields {
            wire::put(&(id, body), out);
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let field = |bytes| wire::take::<(u16, &[u8])>(bytes, "status field");
        let (fields, rest) = wire::take_list(bytes, MAX_FIELDS, "list of status fields", field)?;
        wire::end(rest)?;
        if fields.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(DecodeError::Invalid("order of the status fields"));
        }
        let mut status = Self::default();
        for (id, body) in fields {
            status.set(id, body)?;
        }
        Ok(status)
    }
}

/// A list that fills `bytes`.
fn names<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    part: &'static str,
) -> Result<Vec<T>, DecodeError> {
    let name = |bytes| wire::take(bytes, part);
    let (names, rest) = wire::take_list(bytes, MAX_NAMES, part, name)?;
    wire::end(rest)?;
    Ok(names)
}
