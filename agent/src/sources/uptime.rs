//! Time since the kernel started, from `/proc/uptime`: `12345.67 54321.00` (proc_uptime(5)). Suspended time counts.
use picket_proto::{Gap, Reading};

use super::decimal;
use crate::{
    kernel_file::{Extent, KernelFile},
    world::World,
};

/// The file that holds the uptime.
#[derive(Debug)]
pub struct UptimeSource(KernelFile);

impl UptimeSource {
    /// The source of that machine.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self(KernelFile::new(world, "proc/uptime", Extent::Record))
    }

    /// Whole seconds since the kernel started.
    ///
    /// # Errors
    /// Why they can't be said.
    pub fn read(&mut self, buffer: &mut Vec<u8>) -> Reading {
        parse(self.0.read(buffer)?).ok_or(Gap::Garbled)
    }
}

/// Understands `/proc/uptime`; the fraction of a second is cut off.
#[must_use]
pub fn parse(text: &[u8]) -> Option<i64> {
    let field = decimal::fields(text).next()?;
    let point = field.iter().position(|&byte| byte == b'.')?;
    decimal::unsigned(&field[point + 1..])?;
    i64::try_from(decimal::unsigned(&field[..point])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_understood_or_refused() {
        for (text, seconds) in [
            ("", None),
            ("\n", None),
            ("12345", None),
            ("x.67 1.00", None),
            ("-5.00 1.00", None),
            ("12345.x 1.00", None),
            ("99999999999999999999.00 1.00", None),
            ("0.07 0.01\n", Some(0)),
            ("12345.67 54321.00\n", Some(12345)),
            ("12345.67 54321.00 7 8\n", Some(12345)),
        ] {
            assert_eq!(parse(text.as_bytes()), seconds, "{text:?}");
        }
    }
}
