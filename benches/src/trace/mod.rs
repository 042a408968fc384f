//! A made-up Pi: the mechanism behind each reading, seeded, so that codec and spool can be measured on days of it.
//!
//! It models what makes readings move (jobs, thermal masses, the kernel's load formula, ondemand, whole pages, whole
//! milliseconds) and knows nothing of how they are encoded. Ticks are 10 s apart.
mod machine;
mod nfs;
mod random;

use std::io::{self, Write};

use machine::Machine;
use nfs::Nfs;
use random::Random;

/// Seconds from one tick to the next.
pub const PERIOD: u64 = 10;
/// The seed of the project's own measurements.
pub const SEED: u64 = 1;

/// Names of the columns, as the metric registry spells them.
pub const COLUMNS: [&str; 14] = [
    "soc_temperature",
    "cpu_frequency",
    "load1",
    "load5",
    "load15",
    "cpu_busy",
    "memory_available",
    "uptime",
    "nfs_ops",
    "nfs_rtt",
    "nfs_execute",
    "nfs_queue",
    "nfs_retransmits",
    "nfs_null_rtt",
];

/// One tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Seconds since the first tick.
    pub seconds: u64,
    /// A reading for each of [`COLUMNS`]; `None` is a mean over no operations.
    pub readings: [Option<i64>; COLUMNS.len()],
}

/// `ticks` ticks of the Pi that `seed` names.
#[must_use]
pub fn rows(seed: u64, ticks: usize) -> Vec<Row> {
    let mut machine = Machine::new(seed);
    let mut nfs = Nfs::new(seed ^ 0x6e66_7300);
    let mut wake = Random::new(seed ^ 0x7761_6b65);
    let started_ms = 21_000 + wake.between(0.0, 1000.0) as u64;
    (0..ticks as u64)
        .map(|tick| {
            for _ in 0..PERIOD {
                let mean = machine.step();
                nfs.step(mean);
            }
            let late_ms = wake.between(0.0, 2.0) as u64;
            let uptime = (started_ms + late_ms) / 1000 + tick * PERIOD;
            Row {
                seconds: tick * PERIOD,
                readings: readings(&mut machine, &mut nfs, uptime),
            }
        })
        .collect()
}

/// Writes rows as `codec_cost` reads them: a header, then seconds and whole numbers, an empty cell for a gap.
///
/// # Errors
/// What writing answers.
pub fn write_csv(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "seconds,{}", COLUMNS.join(","))?;
    for row in rows {
        write!(out, "{}", row.seconds)?;
        for reading in row.readings {
            match reading {
                Some(value) => write!(out, ",{value}")?,
                None => write!(out, ",")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn readings(machine: &mut Machine, nfs: &mut Nfs, uptime: u64) -> [Option<i64>; COLUMNS.len()] {
    let interval = nfs.interval();
    [
        Some(machine.soc_temperature()),
        Some(machine.cpu_frequency()),
        Some(machine.load(0)),
        Some(machine.load(1)),
        Some(machine.load(2)),
        Some(machine.cpu_busy(PERIOD)),
        Some(machine.memory_available()),
        Some(uptime as i64),
        Some(nfs.ops()),
        interval.rtt(),
        interval.execute(),
        interval.queue(),
        Some(nfs.retransmits()),
        Some(nfs.null_rtt()),
    ]
}
