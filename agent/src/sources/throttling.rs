//! Throttling and under-voltage: the firmware's `get_throttled` bits over its mailbox, and the kernel's under-voltage
//! alarm (hwmon `rpi_volt`). Raspberry Pi kernels have both, Debian's has neither: then the machine can't tell.
//!
//! The kernel's driver clears the firmware's "has occurred" bits every two seconds, so this file keeps a latch of its
//! own, for as long as the agent runs. `soc:firmware/get_throttled` in sysfs logs a warning when read, so it is left alone.
use std::{fs::File, os::fd::AsFd};

use picket_proto::{Gap, Reading};

use super::{
    decimal,
    search::{self, Search},
};
use crate::{
    kernel_file::{Extent, KernelFile},
    sys,
    world::{self, World},
};

/// `RPI_FIRMWARE_GET_THROTTLED` of the kernel's `include/soc/bcm2835/raspberrypi-firmware.h`. The request's value is a
/// mask of "has occurred" bits to clear: 0 leaves them alone.
const GET_THROTTLED: u32 = 0x0003_0046;
/// Under-voltage, frequency capped, throttled, soft temperature limit.
const NOW_BITS: u32 = 0xF;
const UNDER_VOLTAGE: u32 = 1;
/// The same four, "has occurred", begin at this bit.
const OCCURRED_SHIFT: u32 = 16;

/// The firmware's mailbox, the kernel's alarm and the latch.
#[derive(Debug)]
pub struct ThrottlingSource {
    world: World,
    search: Search,
    mailbox: Result<File, Gap>,
    alarm: Result<KernelFile, Gap>,
    latch: Latch,
}

impl ThrottlingSource {
    /// The source of that machine.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            search: Search::new(world),
            mailbox: Err(Gap::Absent),
            alarm: Err(Gap::Absent),
            latch: Latch::default(),
        }
    }

    /// The readings of `throttled` and `under_voltage`; [`Gap::Unknown`] if the machine can't tell.
    pub fn read(&mut self, buffer: &mut Vec<u8>, boottime_ms: u64) -> [Reading; 2] {
        let wanted = self.mailbox.is_err() || self.alarm.is_err() || self.search.is_every_tick();
        if wanted && self.search.is_due(boottime_ms) {
            self.mailbox = self.world.open_device("dev/vcio");
            self.alarm = find_alarm(&self.world);
        }
        let firmware = match &self.mailbox {
            Ok(mailbox) => sys::firmware_property(mailbox.as_fd(), GET_THROTTLED)
                .map_err(|error| world::gap(&error)),
            Err(gap) => Err(*gap),
        };
        let alarm = match &mut self.alarm {
            Ok(alarm) => alarm.read(buffer).and_then(parse),
            Err(gap) => Err(*gap),
        };
        if alarm == Err(Gap::Absent) {
            // A module that was loaded anew gave its sensor another number: the next search finds that.
            self.alarm = Err(Gap::Absent);
        }
        self.latch.judge(firmware, alarm)
    }
}

fn find_alarm(world: &World) -> Result<KernelFile, Gap> {
    let sensor = search::find(world, "sys/class/hwmon", "name", &["rpi_volt"])?;
    let path = format!("{sensor}/in0_lcrit_alarm");
    Ok(KernelFile::new(world, path, Extent::Record))
}

/// Understands `in0_lcrit_alarm`: 1 if the voltage was too low within the last two seconds.
///
/// # Errors
/// [`Gap::Garbled`] for anything but 0 and 1.
pub fn parse(text: &[u8]) -> Result<bool, Gap> {
    match decimal::only(text) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(Gap::Garbled),
    }
}

/// What has occurred since the agent started, in bits 0 to 3.
#[derive(Debug, Default)]
struct Latch(u32);

impl Latch {
    fn judge(&mut self, firmware: Result<u32, Gap>, alarm: Result<bool, Gap>) -> [Reading; 2] {
        if let Ok(bits) = firmware {
            self.0 |= (bits | bits >> OCCURRED_SHIFT) & NOW_BITS;
        }
        if alarm == Ok(true) {
            self.0 |= UNDER_VOLTAGE;
        }
        let throttled = firmware
            .map(|bits| i64::from(bits & NOW_BITS | self.0 << OCCURRED_SHIFT))
            .map_err(unknown_if_absent);
        let low = firmware.map(|bits| bits & UNDER_VOLTAGE != 0);
        let under_voltage = match (low, alarm) {
            (Ok(low), Ok(alarm)) => Ok(low || alarm),
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
            (Err(Gap::Absent), Err(gap)) | (Err(gap), Err(_)) => Err(unknown_if_absent(gap)),
        };
        [throttled, under_voltage.map(i64::from)]
    }
}

fn unknown_if_absent(gap: Gap) -> Gap {
    if gap == Gap::Absent {
        Gap::Unknown
    } else {
        gap
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_alarm_is_0_or_1() {
        for (text, alarm) in [
            ("", Err(Gap::Garbled)),
            ("2\n", Err(Gap::Garbled)),
            ("yes\n", Err(Gap::Garbled)),
            ("0\n", Ok(false)),
            ("1\n", Ok(true)),
        ] {
            assert_eq!(parse(text.as_bytes()), alarm, "{text:?}");
        }
    }

    #[test]
    fn firmware_and_alarm_are_judged_together() {
        let absent = Err(Gap::Absent);
        for (firmware, alarm, readings) in [
            (
                absent,
                Err(Gap::Absent),
                [Err(Gap::Unknown), Err(Gap::Unknown)],
            ),
            (absent, Ok(false), [Err(Gap::Unknown), Ok(0)]),
            (absent, Ok(true), [Err(Gap::Unknown), Ok(1)]),
            (Err(Gap::Denied), Err(Gap::Absent), [Err(Gap::Denied); 2]),
            (
                absent,
                Err(Gap::Garbled),
                [Err(Gap::Unknown), Err(Gap::Garbled)],
            ),
            (Err(Gap::Failed), Ok(true), [Err(Gap::Failed), Ok(1)]),
            (Ok(0), Err(Gap::Absent), [Ok(0), Ok(0)]),
            (Ok(0), Ok(true), [Ok(0x1_0000), Ok(1)]),
            (Ok(5), Err(Gap::Failed), [Ok(0x5_0005), Ok(1)]),
            (Ok(0x8_0000), Ok(false), [Ok(0x8_0000), Ok(0)]),
            (Ok(0xFFFF_FFF0), Ok(false), [Ok(0xF_0000), Ok(0)]),
        ] {
            let judged = Latch::default().judge(firmware, alarm);
            assert_eq!(judged, readings, "{firmware:x?} {alarm:?}");
        }
    }

    #[test]
    fn what_has_occurred_stays_latched() {
        let mut latch = Latch::default();
        let mut throttled = |bits, alarm| latch.judge(Ok(bits), Ok(alarm))[0];
        assert_eq!(throttled(0, false), Ok(0));
        assert_eq!(throttled(0x4_0004, false), Ok(0x4_0004));
        assert_eq!(throttled(0, false), Ok(0x4_0000));
        assert_eq!(throttled(0x2_0000, false), Ok(0x6_0000));
        assert_eq!(throttled(0, true), Ok(0x7_0000));
        assert_eq!(throttled(0, false), Ok(0x7_0000));
    }

    #[test]
    fn in_a_tree_only_the_alarm_speaks_and_no_device_is_opened() {
        let tree = tempfile::tempdir().unwrap();
        let sensor = tree.path().join("sys/class/hwmon/hwmon3");
        fs::create_dir_all(&sensor).unwrap();
        fs::create_dir_all(tree.path().join("dev")).unwrap();
        fs::write(tree.path().join("dev/vcio"), "").unwrap();
        fs::write(sensor.join("name"), "rpi_volt\n").unwrap();
        fs::write(sensor.join("in0_lcrit_alarm"), "1\n").unwrap();
        let mut source = ThrottlingSource::new(&World::new(tree.path()));
        let readings = source.read(&mut Vec::new(), 0);
        assert_eq!(readings, [Err(Gap::Unknown), Ok(1)]);
    }

    #[test]
    fn an_alarm_with_a_new_number_is_found_again_within_a_minute() {
        let tree = tempfile::tempdir().unwrap();
        let mut source = ThrottlingSource::new(&World::new(tree.path()));
        source.search = Search::each_minute();
        // Where the mailbox works, nothing else makes a search due.
        source.mailbox = File::open("/dev/null").map_err(|_| Gap::Failed);
        source.alarm = Err(Gap::Absent);
        let class = tree.path().join("sys/class/hwmon");
        fs::create_dir_all(class.join("hwmon1")).unwrap();
        fs::write(class.join("hwmon1/name"), "rpi_volt\n").unwrap();
        fs::write(class.join("hwmon1/in0_lcrit_alarm"), "1\n").unwrap();
        assert_eq!(source.read(&mut Vec::new(), 0)[1], Ok(1));
        source.mailbox = File::open("/dev/null").map_err(|_| Gap::Failed);
        fs::rename(class.join("hwmon1"), class.join("hwmon2")).unwrap();
        assert_ne!(source.read(&mut Vec::new(), 10_000)[1], Ok(1));
        assert_eq!(source.read(&mut Vec::new(), 60_000)[1], Ok(1));
    }
}
