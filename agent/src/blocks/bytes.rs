//! Numbers and numbered fields in bytes, little-endian. It doesn't know what they mean.

/// The next field: its number, its body, and what follows it.
pub(crate) fn take_field(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(4)?;
    let (body, rest) = rest.split_at_checked(usize::from(u16_at(head, 2)))?;
    Some((u16_at(head, 0), body, rest))
}

/// Appends a field.
pub(crate) fn put_field(id: u16, body: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&id.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(body);
}

/// The bytes at `at`, all of which lie inside.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}
