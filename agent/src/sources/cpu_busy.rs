//! How busy the CPUs were since the last read, from the first line of `/proc/stat` (proc_stat(5)).
use picket_proto::{Gap, Reading};

use super::decimal;
use crate::{
    kernel_file::{Extent, KernelFile},
    world::World,
};

/// The first line holds ten numbers of at most 20 digits. The rest of the file is not asked for.
const FIRST_LINE: usize = 256;
/// `user nice system idle iowait irq softirq steal`. After these come `guest` and `guest_nice`, which `user` and `nice`
/// hold already.
const COUNTED: usize = 8;
/// Kernels before 2.5.41 had only the first four.
const AT_LEAST: usize = 4;
const IDLE: usize = 3;
const IOWAIT: usize = 4;

/// Sums of CPU time since boot, in ticks of `USER_HZ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuTime {
    /// All of it, idle or not.
    pub total: u64,
    /// Idle, or waiting for I/O.
    pub idle: u64,
}

/// The file and what it held at the last read.
#[derive(Debug)]
pub struct CpuBusySource {
    file: KernelFile,
    last: Option<CpuTime>,
}

impl CpuBusySource {
    /// The source of that machine.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self {
            file: KernelFile::new(world, "proc/stat", Extent::Head(FIRST_LINE)),
            last: None,
        }
    }

    /// The busy share of all CPU time since the last read, in thousandths.
    ///
    /// # Errors
    /// Why it can't be said: there was no earlier read, a sum went back, or no time passed.
    pub fn read(&mut self, buffer: &mut Vec<u8>) -> Reading {
        let now = parse(self.file.read(buffer)?).ok_or(Gap::Garbled)?;
        busy(self.last.replace(now), now)
    }
}

/// Understands the first line of `/proc/stat`.
#[must_use]
pub fn parse(text: &[u8]) -> Option<CpuTime> {
    let line = &text[..memchr::memchr(b'\n', text)?];
    let mut fields = decimal::fields(line);
    (fields.next()? == b"cpu").then_some(())?;
    let mut time = CpuTime { total: 0, idle: 0 };
    let mut count = 0;
    for (at, field) in fields.take(COUNTED).enumerate() {
        let value = decimal::unsigned(field)?;
        time.total = time.total.checked_add(value)?;
        if matches!(at, IDLE | IOWAIT) {
            time.idle += value;
        }
        count += 1;
    }
    (count >= AT_LEAST).then_some(time)
}

fn busy(last: Option<CpuTime>, now: CpuTime) -> Reading {
    let last = last.ok_or(Gap::FirstInterval)?;
    let total = now.total.checked_sub(last.total).ok_or(Gap::Reset)?;
    let idle = now.idle.checked_sub(last.idle).ok_or(Gap::Reset)?;
    let busy = total.checked_sub(idle).ok_or(Gap::Reset)?;
    if total == 0 {
        return Err(Gap::Idle);
    }
    let share = (u128::from(busy) * 1000 + u128::from(total) / 2) / u128::from(total);
    i64::try_from(share).map_err(|_| Gap::Garbled)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_first_line_is_understood_or_refused() {
        let time = |total, idle| Some(CpuTime { total, idle });
        for (text, parsed) in [
            ("", None),
            ("cpu 1 2 3 4", None),
            ("cpu 1 2 3\n", None),
            ("cpu0 1 2 3 4 5 6 7 8 9 10\n", None),
            ("cpu 1 2 x 4 5 6 7 8 9 10\n", None),
            ("cpu 1 2 -3 4 5 6 7 8 9 10\n", None),
            ("cpu 18446744073709551615 1 1 1\n", None),
            ("cpu  1 2 3 4\n", time(10, 4)),
            ("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2\n", time(36, 9)),
            ("cpu  1 2 3 4 5 6 7 8 9 10 11 new\n", time(36, 9)),
        ] {
            assert_eq!(parse(text.as_bytes()), parsed, "{text:?}");
        }
    }

    #[test]
    fn the_share_is_that_of_the_interval() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join("proc")).unwrap();
        let mut source = CpuBusySource::new(&World::new(tree.path()));
        let mut read = |line: &str| {
            fs::write(tree.path().join("proc/stat"), line).unwrap();
            source.read(&mut Vec::new())
        };
        for (line, reading) in [
            ("cpu 100 0 0 900 0 0 0 0 0 0\n", Err(Gap::FirstInterval)),
            ("cpu 200 0 0 1800 0 0 0 0 0 0\n", Ok(100)),
            ("cpu 200 0 0 1800 0 0 0 0 0 0\n", Err(Gap::Idle)),
            ("cpu 201 0 0 1801 1 0 0 0 0 0\n", Ok(333)),
            ("garbage\n", Err(Gap::Garbled)),
            ("cpu 301 0 0 1801 1 0 0 0 100 0\n", Ok(1000)),
            ("cpu 5 0 0 10 0 0 0 0 0 0\n", Err(Gap::Reset)),
            ("cpu 5 0 0 20 0 0 0 0 0 0\n", Ok(0)),
            ("cpu 500 0 0 19 0 0 0 0 0 0\n", Err(Gap::Reset)),
        ] {
            assert_eq!(read(line), reading, "{line}");
        }
    }
}
