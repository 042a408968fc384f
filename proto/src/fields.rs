//! A message as a list of numbered, length-prefixed fields: a reader steps over those that it does not know, and keeps them.
use alloc::{collections::BTreeMap, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{DecodeError, json, wire};

/// A message holds at most this many fields.
pub const MAX_FIELDS: usize = 256;
/// A field that is a list holds at most this many items.
pub const MAX_ITEMS: usize = 64;

/// A field that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownField {
    /// Its number.
    pub id: u16,
    /// Its bytes.
    #[serde(serialize_with = "json::hex")]
    pub body: Vec<u8>,
}

/// Fields as they stand on the wire: number and body, by ascending number.
pub(crate) type Fields = BTreeMap<u16, Vec<u8>>;

/// Appends the fields.
pub(crate) fn write(fields: Fields, out: &mut Vec<u8>) {
    wire::put(&fields.len(), out);
    for field in fields {
        wire::put(&field, out);
    }
}

/// The fields that fill `bytes`, by ascending number.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(u16, &[u8])>, DecodeError> {
    let field = |bytes| wire::take::<(u16, &[u8])>(bytes, "field");
    let (fields, rest) = wire::take_list(bytes, MAX_FIELDS, "list of fields", field)?;
    wire::end(rest)?;
    match fields.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        true => Err(DecodeError::Invalid("order of the fields")),
        false => Ok(fields),
    }
}

/// A list that fills a field.
pub(crate) fn list<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    part: &'static str,
) -> Result<Vec<T>, DecodeError> {
    let item = |bytes| wire::take(bytes, part);
    let (items, rest) = wire::take_list(bytes, MAX_ITEMS, part, item)?;
    wire::end(rest)?;
    Ok(items)
}

/// For a struct of optional fields and `unknown`: the table of its fields, and how they are written and read.
macro_rules! fields {
    ($message:ident, $name:literal, $($id:literal => $field:ident by $read:path),* $(,)?) => {
        /// Number and name of every field, by ascending number.
        pub const FIELDS: &[(u16, &str)] = &[$(($id, stringify!($field))),*];

        impl $message {
            fn fields(&self) -> $crate::fields::Fields {
                let unknown = self.unknown.iter();
                let mut fields: $crate::fields::Fields =
                    unknown.map(|field| (field.id, field.body.clone())).collect();
                $(if let Some(value) = &self.$field {
                    let mut body = Vec::new();
                    $crate::wire::put(value, &mut body);
                    fields.insert($id, body);
                })*
                fields
            }

            fn set(&mut self, id: u16, body: &[u8]) -> Result<(), DecodeError> {
                match id {
                    $($id => self.$field = Some($read(body, concat!($name, " field ", stringify!($field)))?),)*
                    id => self.unknown.push($crate::fields::UnknownField { id, body: body.into() }),
                }
                Ok(())
            }
        }
    };
}

pub(crate) use fields;
