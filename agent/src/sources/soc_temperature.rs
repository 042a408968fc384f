//! Temperature of the SoC, from the thermal zone of the CPU: one integer in m°C, in the sensor's raw steps (538 m°C on
//! BCM2837, 487 on BCM2711, 550 on BCM2712), which are kept. Nothing is smoothed.
use picket_proto::{Gap, Reading};

use super::{
    decimal,
    search::{self, Search},
};
use crate::{
    kernel_file::{Extent, KernelFile},
    world::World,
};

/// Types of thermal zones that stand for the SoC, best first: the device trees of the Raspberry Pi say `cpu-thermal`,
/// some kernels write it with an underscore; `x86_pkg_temp` serves who develops on a PC.
const ZONE_TYPES: [&str; 3] = ["cpu-thermal", "cpu_thermal", "x86_pkg_temp"];
/// No silicon works at temperatures beyond these.
const PLAUSIBLE: std::ops::RangeInclusive<i64> = -100_000..=200_000;

/// The thermal zone of the SoC.
#[derive(Debug)]
pub struct SocTemperatureSource {
    world: World,
    search: Search,
    zone: Result<KernelFile, Gap>,
}

impl SocTemperatureSource {
    /// The source of that machine.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            search: Search::new(world),
            zone: Err(Gap::Absent),
        }
    }

    /// The temperature in m°C.
    ///
    /// # Errors
    /// Why it can't be said; a sensor that isn't ready (EIO) is [`Gap::Failed`].
    pub fn read(&mut self, buffer: &mut Vec<u8>, boottime_ms: u64) -> Reading {
        let wanted = self.zone.is_err() || self.search.is_every_tick();
        if wanted && self.search.is_due(boottime_ms) {
            self.zone = find(&self.world);
        }
        let zone = self.zone.as_mut().map_err(|gap| *gap)?;
        let text = match zone.read(buffer) {
            Ok(text) => text,
            Err(gap) => {
                // A module that was loaded anew gave its zone another number: the next search finds that.
                if gap == Gap::Absent {
                    self.zone = Err(gap);
                }
                return Err(gap);
            }
        };
        parse(text).ok_or(Gap::Garbled)
    }
}

fn find(world: &World) -> Result<KernelFile, Gap> {
    let zone = search::find(world, "sys/class/thermal", "type", &ZONE_TYPES)?;
    Ok(KernelFile::new(
        world,
        format!("{zone}/temp"),
        Extent::Record,
    ))
}

/// Understands a zone's `temp`.
#[must_use]
pub fn parse(text: &[u8]) -> Option<i64> {
    decimal::only(text).filter(|temperature| PLAUSIBLE.contains(temperature))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_temperature_is_understood_or_refused() {
        for (text, temperature) in [
            ("", None),
            ("48.312\n", None),
            ("48312 C\n", None),
            ("-274000\n", None),
            ("2147483647\n", None),
            ("48312\n", Some(48_312)),
            ("-5000", Some(-5_000)),
            ("0\n", Some(0)),
        ] {
            assert_eq!(parse(text.as_bytes()), temperature, "{text:?}");
        }
    }

    #[test]
    fn the_zone_of_the_soc_is_found_by_its_type() {
        let tree = tempfile::tempdir().unwrap();
        let mut source = SocTemperatureSource::new(&World::new(tree.path()));
        let mut read = || source.read(&mut Vec::new(), 0);
        assert_eq!(read(), Err(Gap::Absent));
        for (zone, kind, temperature, reading) in [
            ("thermal_zone0", "rp1_adc\n", "51000\n", Err(Gap::Absent)),
            ("thermal_zone1", "x86_pkg_temp\n", "60000\n", Ok(60_000)),
            ("thermal_zone2", "cpu-thermal\n", "48312\n", Ok(48_312)),
        ] {
            let zone = tree.path().join("sys/class/thermal").join(zone);
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("type"), kind).unwrap();
            fs::write(zone.join("temp"), temperature).unwrap();
            assert_eq!(read(), reading, "{kind}");
        }
    }

    #[test]
    fn a_zone_with_a_new_number_is_found_again_within_a_minute() {
        let tree = tempfile::tempdir().unwrap();
        let mut source = SocTemperatureSource::new(&World::new(tree.path()));
        source.search = Search::each_minute();
        let class = tree.path().join("sys/class/thermal");
        fs::create_dir_all(class.join("thermal_zone0")).unwrap();
        fs::write(class.join("thermal_zone0/type"), "cpu-thermal\n").unwrap();
        fs::write(class.join("thermal_zone0/temp"), "48312\n").unwrap();
        assert_eq!(source.read(&mut Vec::new(), 0), Ok(48_312));
        fs::rename(class.join("thermal_zone0"), class.join("thermal_zone1")).unwrap();
        for (ms, reading) in [
            (10_000, Err(Gap::Absent)),
            (59_000, Err(Gap::Absent)),
            (60_000, Ok(48_312)),
        ] {
            assert_eq!(source.read(&mut Vec::new(), ms), reading, "{ms}");
        }
    }
}
