//! Memory that programs could still get, `MemAvailable` of `/proc/meminfo` (proc_meminfo(5), Linux 3.14 and later).
use memchr::memmem;
use picket_proto::{Gap, Reading};

use super::decimal;
use crate::{
    kernel_file::{Extent, KernelFile},
    world::World,
};

/// The file that holds the memory's state.
#[derive(Debug)]
pub struct MemorySource(KernelFile);

impl MemorySource {
    /// The source of that machine.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self(KernelFile::new(world, "proc/meminfo", Extent::Record))
    }

    /// Available memory in KiB.
    ///
    /// # Errors
    /// Why it can't be said; a kernel that doesn't estimate it is [`Gap::Absent`].
    pub fn read(&mut self, buffer: &mut Vec<u8>) -> Reading {
        parse(self.0.read(buffer)?)
    }
}

/// Understands `/proc/meminfo`.
///
/// # Errors
/// [`Gap::Absent`] if it is a meminfo without that line, else [`Gap::Garbled`].
pub fn parse(text: &[u8]) -> Reading {
    match kib(text, b"MemAvailable:") {
        Some(kib) => kib.ok_or(Gap::Garbled),
        None if total(text).is_some() => Err(Gap::Absent),
        None => Err(Gap::Garbled),
    }
}

/// `MemTotal` in KiB.
#[must_use]
pub fn total(text: &[u8]) -> Option<i64> {
    kib(text, b"MemTotal:").flatten()
}

/// The value of the line that begins with `key`, if there is such a line.
fn kib(text: &[u8], key: &[u8]) -> Option<Option<i64>> {
    let at = memmem::find_iter(text, key).find(|&at| at == 0 || text[at - 1] == b'\n')?;
    let rest = &text[at + key.len()..];
    let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
    Some(value(line))
}

fn value(line: &[u8]) -> Option<i64> {
    let mut fields = decimal::fields(line);
    let value = decimal::unsigned(fields.next()?)?;
    (fields.next()? == b"kB").then_some(())?;
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_understood_or_refused() {
        for (text, reading) in [
            ("", Err(Gap::Garbled)),
            ("garbage", Err(Gap::Garbled)),
            ("MemTotal: 1000 kB\nMemFree: 500 kB\n", Err(Gap::Absent)),
            ("MemAvailable:\n", Err(Gap::Garbled)),
            ("MemAvailable: 12\n", Err(Gap::Garbled)),
            ("MemAvailable: -12 kB\n", Err(Gap::Garbled)),
            ("MemAvailable: 12 MB\n", Err(Gap::Garbled)),
            ("XMemAvailable: 12 kB\n", Err(Gap::Garbled)),
            (
                "MemTotal:        1000 kB\nMemAvailable:     750 kB\nNew: 1\n",
                Ok(750),
            ),
            ("XMemAvailable: 12 kB\nMemAvailable: 13 kB 14", Ok(13)),
        ] {
            assert_eq!(parse(text.as_bytes()), reading, "{text:?}");
        }
    }
}
