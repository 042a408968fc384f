//! The current frequency of CPU 0, from cpufreq's `scaling_cur_freq`: one integer in kHz.
use picket_proto::{Gap, Reading};

use super::decimal;
use crate::{
    kernel_file::{Extent, KernelFile},
    world::World,
};

/// The file that holds the frequency.
#[derive(Debug)]
pub struct CpuFrequencySource(KernelFile);

impl CpuFrequencySource {
    /// The source of that machine.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let path = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq";
        Self(KernelFile::new(world, path, Extent::Record))
    }

    /// The frequency in kHz.
    ///
    /// # Errors
    /// Why it can't be said.
    pub fn read(&mut self, buffer: &mut Vec<u8>) -> Reading {
        parse(self.0.read(buffer)?).ok_or(Gap::Garbled)
    }
}

/// Understands `scaling_cur_freq`; a CPU that runs has a frequency above 0.
#[must_use]
pub fn parse(text: &[u8]) -> Option<i64> {
    decimal::only(text).filter(|&khz| khz > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_cur_freq_is_understood_or_refused() {
        for (text, khz) in [
            ("", None),
            ("<unknown>\n", None),
            ("0\n", None),
            ("-600000\n", None),
            ("600000 1\n", None),
            ("600000\n", Some(600_000)),
            ("1400000", Some(1_400_000)),
        ] {
            assert_eq!(parse(text.as_bytes()), khz, "{text:?}");
        }
    }
}
