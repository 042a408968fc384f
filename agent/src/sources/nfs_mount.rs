//! What the kernel counts of the root mount, from `/proc/self/mountstats`: sums, and means over the time since the last
//! read. Its counters move when a call completes, so a server that hangs looks perfect here; `nfs_null` and `xprt_info`
//! show that.
use memchr::memmem::Finder;
use picket_proto::{Gap, Reading};

use super::{
    mountstats,
    nfs_counters::{Interval, NfsCounters},
};
use crate::{
    kernel_file::{Extent, KernelFile},
    world::World,
};

/// A Pi has one or two NFS mounts of 8 KiB each; this is room for a hundred.
const MAX_FILE: usize = 1024 * 1024;

/// What is read of the mount. Sums are the kernel's own at first and then only grow; means are in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NfsReadings {
    /// Operations that completed.
    pub ops: Reading,
    /// Mean time from sending a request to its answer.
    pub rtt: Reading,
    /// Mean time from an operation's start to its end.
    pub execute: Reading,
    /// Mean time that requests waited to be sent.
    pub queue: Reading,
    /// Transmissions beyond the first of each operation.
    pub retransmits: Reading,
    /// Major timeouts.
    pub timeouts: Reading,
    /// Operations that ended in an error; absent before Linux 5.3.
    pub errors: Reading,
    /// Connections that the transports made; absent over UDP.
    pub reconnects: Reading,
}

/// The counters of the file system that is mounted at one place.
#[derive(Debug)]
pub struct NfsMountSource {
    file: KernelFile,
    finder: Finder<'static>,
    counters: NfsCounters,
}

impl NfsMountSource {
    /// The source for the mount at `mountpoint`, written as mountstats writes it (blanks as `\040`).
    #[must_use]
    pub fn new(world: &World, mountpoint: &str) -> Self {
        let header = format!(" mounted on {mountpoint} with fstype nfs");
        Self {
            file: KernelFile::new(world, "proc/self/mountstats", Extent::Whole(MAX_FILE)),
            finder: Finder::new(&header).into_owned(),
            counters: NfsCounters::default(),
        }
    }

    /// Reads the counters. Whatever is missing is a gap: [`Gap::Absent`] if that mount is not on NFS. `late_ms` is how long a call of
    /// our own took that ended since the last read and had waited out a stall: it is left out of the mean of `execute`.
    pub fn read(&mut self, buffer: &mut Vec<u8>, late_ms: Option<u64>) -> NfsReadings {
        let interval = self
            .file
            .read(buffer)
            .and_then(|text| find(&self.finder, text))
            .and_then(|section| self.counters.update(section));
        match interval {
            Ok(_) | Err(Gap::FirstInterval | Gap::Reset) => self.readings(interval, late_ms),
            Err(gap) => NfsReadings::all(gap),
        }
    }

    fn readings(&self, interval: Result<Interval, Gap>, late_ms: Option<u64>) -> NfsReadings {
        let totals = self.counters.totals();
        let mean = |sum: fn(&Interval) -> u64| {
            mean(sum(interval.as_ref().map_err(|gap| *gap)?), interval?.ops)
        };
        NfsReadings {
            ops: Ok(counter(totals.ops)),
            rtt: mean(|interval| interval.rtt_ms),
            execute: interval.and_then(|interval| execute(&interval, late_ms)),
            queue: mean(|interval| interval.queue_ms),
            retransmits: Ok(counter(totals.retransmits)),
            timeouts: Ok(counter(totals.timeouts)),
            errors: totals.errors.map(counter).ok_or(Gap::Absent),
            reconnects: totals.connects.map(counter).ok_or(Gap::Absent),
        }
    }
}

impl NfsReadings {
    fn all(gap: Gap) -> Self {
        Self {
            ops: Err(gap),
            rtt: Err(gap),
            execute: Err(gap),
            queue: Err(gap),
            retransmits: Err(gap),
            timeouts: Err(gap),
            errors: Err(gap),
            reconnects: Err(gap),
        }
    }
}

/// The lines of the mount, from the one after its header to the end of the file. Of several at one place the last counts:
/// it lies on top of the others.
fn find<'t>(finder: &Finder<'_>, text: &'t [u8]) -> Result<&'t [u8], Gap> {
    let mut found = None;
    for at in finder.find_iter(text) {
        let begin = memchr::memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end);
        if mountstats::header(&text[begin..end]).is_some_and(|header| header.is_nfs()) {
            found = Some(text.get(end + 1..).unwrap_or_default());
        }
    }
    if let Some(section) = found {
        return Ok(section);
    }
    let is_mountstats = text.starts_with(b"device ") || text.starts_with(b"no device ");
    Err(if is_mountstats {
        Gap::Absent
    } else {
        Gap::Garbled
    })
}

/// The mean time from start to end, without a call of our own.
fn execute(interval: &Interval, late_ms: Option<u64>) -> Reading {
    match late_ms {
        None => mean(interval.execute_ms, interval.ops),
        Some(late_ms) => mean(
            interval.execute_ms.saturating_sub(late_ms),
            interval.ops.saturating_sub(1),
        ),
    }
}

/// Sums beyond 63 bits stay at the largest value of the wire.
fn counter(sum: u64) -> i64 {
    i64::try_from(sum).unwrap_or(i64::MAX)
}

/// The mean in µs of a sum in ms, to the nearest.
fn mean(sum_ms: u64, ops: u64) -> Reading {
    if ops == 0 {
        return Err(Gap::Idle);
    }
    let mean = (u128::from(sum_ms) * 1000 + u128::from(ops) / 2) / u128::from(ops);
    i64::try_from(mean).map_err(|_| Gap::Garbled)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    const HEAD: &str = "no device mounted on / with fstype rootfs\n\
        device proc mounted on /proc with fstype proc\n\
        device 127.0.0.1:/other mounted on /mnt with fstype nfs4 statvers=1.1\n\
        \txprt:\ttcp 940 0 9 0\n\
        \tper-op statistics\n\
        \t        READ: 1000 1000 0 0 0 1 1 1 1\n";

    #[test]
    fn means_are_in_microseconds_and_only_of_the_root_mount() {
        let tree = tempfile::tempdir().unwrap();
        let mut source = NfsMountSource::new(&World::new(tree.path()), "/");
        put(tree.path(), &mount("/", "nfs4", "10 11 1 0 0 20 30 40 2"));
        let first = source.read(&mut Vec::new(), None);
        assert_eq!((first.ops, first.rtt), (Ok(10), Err(Gap::FirstInterval)));
        put(tree.path(), &mount("/", "nfs4", "13 15 2 0 0 21 40 49 3"));
        let expected = NfsReadings {
            ops: Ok(13),
            rtt: Ok(3333),
            execute: Ok(3000),
            queue: Ok(333),
            retransmits: Ok(2),
            timeouts: Ok(2),
            errors: Ok(3),
            reconnects: Ok(2),
        };
        assert_eq!(source.read(&mut Vec::new(), None), expected);
        let idle = source.read(&mut Vec::new(), None);
        assert_eq!((idle.ops, idle.execute), (Ok(13), Err(Gap::Idle)));
        put(tree.path(), &mount("/", "nfs4", "1 1 0 0 0 1 1 1 0"));
        let remounted = source.read(&mut Vec::new(), None);
        assert_eq!((remounted.ops, remounted.queue), (Ok(14), Err(Gap::Reset)));
    }

    #[test]
    fn a_call_of_our_own_that_waited_out_a_stall_is_no_part_of_the_mean() {
        for (now, late_ms, execute) in [
            ("12 12 0 0 0 20 40 180060 0", Some(180_000), Ok(20_000)),
            ("12 12 0 0 0 20 40 180060 0", None, Ok(90_010_000)),
            ("11 11 0 0 0 20 40 180040 0", Some(180_000), Err(Gap::Idle)),
            ("12 12 0 0 0 20 40 41 0", Some(180_000), Ok(0)),
        ] {
            let tree = tempfile::tempdir().unwrap();
            let mut source = NfsMountSource::new(&World::new(tree.path()), "/");
            put(tree.path(), &mount("/", "nfs4", "10 10 0 0 0 20 30 40 0"));
            source.read(&mut Vec::new(), None);
            put(tree.path(), &mount("/", "nfs4", now));
            let readings = source.read(&mut Vec::new(), late_ms);
            assert_eq!(readings.execute, execute, "{now} {late_ms:?}");
            assert_eq!(readings.errors, Ok(0));
        }
    }

    #[test]
    fn a_root_that_is_not_on_nfs_is_absent_and_garbage_is_garbled() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        let ops = "1 1 0 0 0 1 1 1 0";
        for (text, mountpoint, reading) in [
            (mount("/", "nfs4", ops), "/", Ok(1)),
            (mount("/", "nfs", ops), "/", Ok(1)),
            (mount("/host", "nfs", ops), "/host", Ok(1)),
            (mount("/", "nfsd", ops), "/", Err(Gap::Absent)),
            (mount("/", "ext4", ops), "/", Err(Gap::Absent)),
            (mount("/mnt2", "nfs4", ops), "/", Err(Gap::Absent)),
            (mount("/host", "nfs", ops), "/", Err(Gap::Absent)),
            (String::new(), "/", Err(Gap::Garbled)),
            ("garbage\n".to_owned(), "/", Err(Gap::Garbled)),
            ("x".repeat(2_000_000), "/", Err(Gap::TooLarge)),
            (
                "device x:/ mounted on / with fstype nfs".to_owned(),
                "/",
                Err(Gap::Garbled),
            ),
        ] {
            put(tree.path(), &text);
            let readings = NfsMountSource::new(&world, mountpoint).read(&mut Vec::new(), None);
            assert_eq!(readings.ops, reading, "{text:.200}");
        }
    }

    #[test]
    fn of_two_mounts_at_one_place_the_upper_one_counts() {
        let tree = tempfile::tempdir().unwrap();
        let lower = mount("/", "nfs4", "10 11 1 0 0 20 30 40 2");
        let upper = mount("/", "nfs", "3 3 0 0 0 1 1 1 0");
        put(tree.path(), &(lower + &upper[HEAD.len()..]));
        let readings =
            NfsMountSource::new(&World::new(tree.path()), "/").read(&mut Vec::new(), None);
        assert_eq!(readings.ops, Ok(3));
    }

    #[test]
    fn the_text_of_every_minor_version_is_understood() {
        let tree = tempfile::tempdir().unwrap();
        for (version, nfsv4) in [
            (
                "4.0",
                "bm0=0xfdffbfff,bm1=0x40f9be3e,bm2=0x0,acl=0x3,pnfs=not configured",
            ),
            (
                "4.2",
                "bm0=0xfdffbfff,bm1=0x40f9be3e,bm2=0x68803,acl=0x3,sessions,pnfs=not configured,lease_time=90,lease_expired=0",
            ),
        ] {
            let details = format!(
                "\topts:\trw,vers={version},rsize=262144,namlen=255,hard,proto=tcp,timeo=600,retrans=2,sec=sys\n\
                 \tage:\t83520\n\tcaps:\tcaps=0x3fffdf,wtmult=512,dtsize=262144,bsize=0,namlen=255\n\
                 \tnfsv4:\t{nfsv4}\n\tsec:\tflavor=1,pseudoflavor=1\n\
                 \tevents:\t1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27\n\
                 \tbytes:\t1 2 3 4 5 6 7 8\n\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)\n\txprt:"
            );
            let text = |ops| {
                HEAD.to_owned()
                    + &mount("/", "nfs4", ops)[HEAD.len()..].replace("\txprt:", &details)
            };
            let mut source = NfsMountSource::new(&World::new(tree.path()), "/");
            put(tree.path(), &text("10 11 1 0 0 20 30 40 2"));
            source.read(&mut Vec::new(), None);
            put(tree.path(), &text("13 15 2 0 0 21 40 49 3"));
            let readings = source.read(&mut Vec::new(), None);
            assert_eq!(
                (readings.ops, readings.rtt, readings.reconnects),
                (Ok(13), Ok(3333), Ok(2)),
                "{version}"
            );
        }
    }

    fn mount(mountpoint: &str, fstype: &str, ops: &str) -> String {
        format!(
            "{HEAD}device 127.0.0.1:/pi mounted on {mountpoint} with fstype {fstype} statvers=1.1\n\
             \txprt:\ttcp 940 0 2 0\n\tper-op statistics\n\t     GETATTR: {ops}\n"
        )
    }

    fn put(tree: &Path, text: &str) {
        fs::create_dir_all(tree.join("proc/self")).unwrap();
        fs::write(tree.join("proc/self/mountstats"), text).unwrap();
    }
}
