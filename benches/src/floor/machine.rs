//! The same kernel files that picketd reads, kept open and read again from their start, parsed without ceremony.
use std::{fs::File, net::SocketAddr, os::unix::fs::FileExt};

use anyhow::{Context, Result};
use picket_proto::{BootId, MetricId, metric};

/// Larger than any file that is read: a mountstats of one NFSv4.1 mount has 5 KB.
const BUFFER: usize = 32 * 1024;

/// Every file, open.
#[derive(Debug)]
pub(crate) struct Machine {
    files: Vec<(File, Parse)>,
    buffer: Vec<u8>,
    cpu: Cpu,
    nfs: Nfs,
}

#[derive(Debug, Clone, Copy)]
enum Parse {
    Number(MetricId),
    Load,
    Cpu,
    Memory,
    Uptime,
    Mountstats,
    Transport,
}

#[derive(Debug, Default, Clone, Copy)]
struct Cpu {
    all: i64,
    idle: i64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Nfs {
    ops: i64,
    queue: i64,
    rtt: i64,
    execute: i64,
}

const FILES: [(&str, Parse); 9] = [
    (
        "/sys/class/thermal/thermal_zone0/temp",
        Parse::Number(metric::SOC_TEMPERATURE),
    ),
    (
        "/sys/class/hwmon/hwmon0/in0_lcrit_alarm",
        Parse::Number(metric::UNDER_VOLTAGE),
    ),
    (
        "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
        Parse::Number(metric::CPU_FREQUENCY),
    ),
    ("/proc/loadavg", Parse::Load),
    ("/proc/stat", Parse::Cpu),
    ("/proc/meminfo", Parse::Memory),
    ("/proc/uptime", Parse::Uptime),
    ("/proc/self/mountstats", Parse::Mountstats),
    (
        "/sys/kernel/sunrpc/xprt-switches/switch-0/xprt-0-tcp/xprt_info",
        Parse::Transport,
    ),
];

impl Machine {
    pub(crate) fn open() -> Result<Self> {
        let open =
            |(path, parse)| Ok((File::open(path).with_context(|| String::from(path))?, parse));
        Ok(Self {
            files: FILES.into_iter().map(open).collect::<Result<_>>()?,
            buffer: vec![0; BUFFER],
            cpu: Cpu::default(),
            nfs: Nfs::default(),
        })
    }

    /// One reading of everything.
    pub(crate) fn read(&mut self) -> Result<Vec<(MetricId, i64)>> {
        let mut readings = Vec::with_capacity(20);
        for (file, parse) in &self.files {
            let length = file.read_at(&mut self.buffer, 0)?;
            let text = std::str::from_utf8(&self.buffer[..length])?;
            match parse {
                Parse::Number(metric) => readings.push((*metric, number(text.trim_end()))),
                Parse::Load => load(text, &mut readings),
                Parse::Cpu => readings.push((metric::CPU_BUSY, self.cpu.busy(text))),
                Parse::Memory => {
                    readings.push((metric::MEMORY_AVAILABLE, after(text, "MemAvailable:")))
                }
                Parse::Uptime => {
                    readings.push((metric::UPTIME, number(text.split('.').next().unwrap_or(""))))
                }
                Parse::Mountstats => self.nfs.read(text, &mut readings),
                Parse::Transport => {
                    readings.push((metric::NFS_PENDING, after(text, "pending_q_len=")))
                }
            }
        }
        Ok(readings)
    }
}

fn load(text: &str, readings: &mut Vec<(MetricId, i64)>) {
    let averages = [metric::LOAD1, metric::LOAD5, metric::LOAD15];
    for (metric, word) in averages.into_iter().zip(text.split(' ')) {
        let (whole, hundredths) = word.split_once('.').unwrap_or((word, "0"));
        readings.push((metric, number(whole) * 100 + number(hundredths)));
    }
}

impl Cpu {
    fn busy(&mut self, text: &str) -> i64 {
        let line = text.lines().next().unwrap_or_default();
        let fields: Vec<i64> = line
            .split_ascii_whitespace()
            .skip(1)
            .take(8)
            .map(number)
            .collect();
        let now = Self {
            all: fields.iter().sum(),
            idle: fields.iter().skip(3).take(2).sum(),
        };
        let (all, idle) = (now.all - self.all, now.idle - self.idle);
        *self = now;
        (all - idle) * 1000 / all.max(1)
    }
}

impl Nfs {
    fn read(&mut self, text: &str, readings: &mut Vec<(MetricId, i64)>) {
        let mount = text
            .split("\ndevice ")
            .find(|mount| mount.contains(" mounted on / with fstype nfs"));
        let (head, operations) = mount
            .unwrap_or("")
            .split_once("per-op statistics\n")
            .unwrap_or(("", ""));
        let mut sums = [0; 9];
        for line in operations.lines() {
            let counts = line.rsplit(": ").next().unwrap_or("").split(' ');
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += number(count);
            }
        }
        let [
            ops,
            transmissions,
            timeouts,
            _,
            _,
            queue,
            rtt,
            execute,
            errors,
        ] = sums;
        let connects = head
            .split("xprt:\ttcp ")
            .nth(1)
            .and_then(|xprt| xprt.split(' ').nth(2));
        let now = Self {
            ops,
            queue,
            rtt,
            execute,
        };
        let done = (ops - self.ops).max(1);
        readings.extend([
            (metric::NFS_OPS, ops),
            (metric::NFS_RTT, (rtt - self.rtt) * 1000 / done),
            (metric::NFS_EXECUTE, (execute - self.execute) * 1000 / done),
            (metric::NFS_QUEUE, (queue - self.queue) * 1000 / done),
            (metric::NFS_RETRANSMITS, transmissions - ops),
            (metric::NFS_TIMEOUTS, timeouts),
            (metric::NFS_ERRORS, errors),
            (metric::NFS_RECONNECTS, connects.map_or(0, number)),
        ]);
        *self = now;
    }
}

/// Where the root mount's server is.
pub(crate) fn nfs_server() -> Result<SocketAddr> {
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let option = |name| {
        let value = mounts.split(name).nth(1)?.split([',', ' ']).next();
        value.map(str::to_owned)
    };
    let address = option(",addr=").context("no addr= in /proc/self/mounts")?;
    let port = option(",port=").context("no port= in /proc/self/mounts")?;
    Ok(SocketAddr::new(address.parse()?, port.parse()?))
}

pub(crate) fn boot_id() -> Result<BootId> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    text.trim_end().parse().map_err(anyhow::Error::msg)
}

fn after(text: &str, name: &str) -> i64 {
    let rest = text.split(name).nth(1).unwrap_or("");
    number(rest.split_ascii_whitespace().next().unwrap_or(""))
}

fn number(text: &str) -> i64 {
    text.bytes().fold(0, |sum, digit| {
        sum * 10 + i64::from(digit.wrapping_sub(b'0'))
    })
}
