//! Random numbers of the system.
use std::{fs::File, io::Read};

use anyhow::{Context, Result};

/// That many random bytes.
///
/// # Errors
/// The system gives none.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.context("/dev/urandom gives no random numbers")?;
    Ok(bytes)
}

/// A random number.
///
/// # Errors
/// As [`bytes`].
pub fn number() -> Result<u64> {
    bytes().map(u64::from_le_bytes)
}
