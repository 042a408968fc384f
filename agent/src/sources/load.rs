//! Load averages, from `/proc/loadavg`: `0.37 0.30 0.25 1/123 4567` (proc_loadavg(5)). Nothing else is read here.
use picket_proto::Gap;

use super::decimal;
use crate::{
    kernel_file::{Extent, KernelFile},
    world::World,
};

/// The load averages of 1, 5 and 15 minutes, in hundredths.
pub type Load = [i64; 3];

/// The file that holds the load averages.
#[derive(Debug)]
pub struct LoadSource(KernelFile);

impl LoadSource {
    /// The source of that machine.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self(KernelFile::new(world, "proc/loadavg", Extent::Record))
    }

    /// Reads the load averages of this moment.
    ///
    /// # Errors
    /// Why there are none.
    pub fn read(&mut self, buffer: &mut Vec<u8>) -> Result<Load, Gap> {
        parse(self.0.read(buffer)?).ok_or(Gap::Garbled)
    }
}

/// Understands `/proc/loadavg`, exactly: no floating point is involved.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Load> {
    let mut fields = decimal::fields(text);
    let mut next = || hundredths(fields.next()?);
    Some([next()?, next()?, next()?])
}

fn hundredths(field: &[u8]) -> Option<i64> {
    let point = field.len().checked_sub(3)?;
    let (whole, fraction) = field.split_at(point);
    let fraction = decimal::unsigned(fraction.strip_prefix(b".")?)?;
    let sum = decimal::unsigned(whole)?
        .checked_mul(100)?
        .checked_add(fraction)?;
    i64::try_from(sum).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loadavg_is_understood_or_refused() {
        for (text, load) in [
            ("", None),
            ("0.37 0.30", None),
            ("0.37 0.30 x 1/123 4567\n", None),
            ("0.37 0.30 0.2 1/123 4567\n", None),
            ("0.37 -0.30 0.25 1/123 4567\n", None),
            ("1e5 0.30 0.25 1/123 4567\n", None),
            (".37 .30 .25 1/123 4567\n", None),
            ("184467440737095516.16 0.30 0.25\n", None),
            ("0.37 0.30 0.25 1/123 4567\n", Some([37, 30, 25])),
            ("0.00 0.01 112.05", Some([0, 1, 11205])),
            ("0.29 0.57 0.58 1/9 1 extra 7\n", Some([29, 57, 58])),
        ] {
            assert_eq!(parse(text.as_bytes()), load, "{text:?}");
        }
    }
}
