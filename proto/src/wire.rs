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
    let (value, rest) = take(bytes, part)?;
    end(rest)?;
    Ok(value)
}

/// Takes a list of at most `limit` items, and allocates no more than the bytes can hold.
pub(crate) fn take_list<'a, T>(
    bytes: &'a [u8],
    limit: usize,
    part: &'static str,
    item: impl Fn(&'a [u8]) -> Result<(T, &'a [u8]), DecodeError>,
) -> Result<(Vec<T>, &'a [u8]), DecodeError> {
    let (count, mut rest): (u64, _) = take(bytes, part)?;
    if count > limit as u64 {
        return Err(DecodeError::TooLarge(part));
    }
    if count > rest.len() as u64 {
        return Err(DecodeError::Truncated(part));
    }
    let mut items = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let (next, after) = item(rest)?;
        items.push(next);
        rest = after;
    }
    Ok((items, rest))
}

/// The end of what was to be read.
pub(crate) fn end(rest: &[u8]) -> Result<(), DecodeError> {
    match rest {
        [] => Ok(()),
        rest => Err(DecodeError::Trailing(rest.len())),
    }
}
