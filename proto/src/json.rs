//! The shape that readings and unknown bytes have in JSON, for people and their scripts. Never on the wire.
use core::fmt;

use serde::{Serialize, Serializer};

use crate::{Gap, Reading};

/// A number, or `{"gap":"absent"}`.
#[derive(Serialize)]
#[serde(untagged)]
enum Cell {
    Value(i64),
    Missing { gap: Gap },
}

/// Readings as a list of numbers and gaps.
pub(crate) fn readings<S: Serializer>(readings: &[Reading], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(readings.iter().map(|reading| match reading {
        Ok(value) => Cell::Value(*value),
        Err(gap) => Cell::Missing { gap: *gap },
    }))
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&Hex(bytes))
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The name of an action, or its number when this version doesn't know it.
pub(crate) fn action<S: Serializer>(action: &Option<u16>, to: S) -> Result<S::Ok, S::Error> {
    match action.map(|id| (id, crate::command::action_name(id))) {
        None => to.serialize_none(),
        Some((_, Some(name))) => to.serialize_str(name),
        Some((id, None)) => to.serialize_u16(id),
    }
}
