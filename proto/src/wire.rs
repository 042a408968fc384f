//! Postcard in and out, with the whole input accounted for.
use alloc::vec::Vec;

use serde::{Serialize, de::Deserialize};

use crate::DecodeError;

/// Appends `value` to `out`.
pub(crate) fn put<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    let bytes =
        postcard::to_allocvec(value).expect("postcard writes every value of our types to memory");
    out.extend_from_slice(&bytes);
}

/// Takes a value from the front of `bytes` and returns it with the rest.
pub(crate) fn take<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    part: &'static str,
) -> Result<(T, &'a [u8]), DecodeError> {
    postcard::take_from_bytes(bytes).map_err(|error| match error {
        postcard::Error::DeserializeUnexpectedEnd => DecodeError::Truncated(part),
        _ => DecodeError::Invalid(part),
    })
}

/// Takes a value that fills `bytes` to the end.
pub(crate) fn whole<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    part: &'static str,
) -> Result<T, DecodeError> {
    match take(bytes, part)? {
        (value, []) => Ok(value),
        (_, rest) => Err(DecodeError::Trailing(rest.len())),
    }
}
