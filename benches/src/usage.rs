//! What a process used so far, from `/proc/PID`. It measures; it knows nobody's limits.
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

/// What a process, all of its threads together, used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time on a CPU, user and system, in ns (`schedstat`, so not rounded to a timer tick).
    pub cpu_ns: u64,
    /// Times it gave up the CPU of its own will.
    pub voluntary: u64,
    /// Times the CPU was taken from it.
    pub involuntary: u64,
    /// Threads alive.
    pub threads: u64,
    /// Resident memory in KiB, counted page by page (`smaps_rollup`).
    pub rss_kib: u64,
    /// The most resident memory there ever was, in KiB, by the kernel's running count. Since Linux 6.2 each CPU keeps up to 32 pages of
    /// that to itself, so it is off by up to 128 KiB a CPU, either way.
    pub peak_kib: u64,
}

impl Usage {
    /// What the process with that id used until now.
    ///
    /// # Errors
    /// The process has ended, or the kernel has no `schedstat`.
    pub fn of(pid: u32) -> Result<Self> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let status = read(process.join("status"))?;
        let mut usage = Self {
            threads: field(&status, "Threads:"),
            rss_kib: field(&read(process.join("smaps_rollup"))?, "Rss:"),
            peak_kib: field(&status, "VmHWM:"),
            ..Self::default()
        };
        let tasks = process.join("task");
        for task in fs::read_dir(&tasks).with_context(|| tasks.display().to_string())? {
            usage.add_thread(&task?.path())?;
        }
        Ok(usage)
    }

    /// A thread that ended since it was listed adds nothing.
    fn add_thread(&mut self, task: &Path) -> Result<()> {
        let (Ok(schedstat), Ok(status)) = (
            fs::read_to_string(task.join("schedstat")),
            fs::read_to_string(task.join("status")),
        ) else {
            ensure!(!task.exists(), "{}: can't be read", task.display());
            return Ok(());
        };
        let on_cpu = schedstat.split(' ').next().unwrap_or_default();
        self.cpu_ns += on_cpu
            .parse::<u64>()
            .with_context(|| format!("{}/schedstat: {schedstat:?}", task.display()))?;
        self.voluntary += field(&status, "voluntary_ctxt_switches:");
        self.involuntary += field(&status, "nonvoluntary_ctxt_switches:");
        Ok(())
    }
}

/// Sizes of the files that a process runs, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Code {
    /// The executable and its plugins (what lies beside collectd's).
    pub own: u64,
    /// Those and every shared library.
    pub all: u64,
}

impl Code {
    /// The files that the process with that id has mapped executable.
    ///
    /// # Errors
    /// The process has ended.
    pub fn of(pid: u32) -> Result<Self> {
        let maps = read(PathBuf::from(format!("/proc/{pid}/maps")))?;
        let mut code = Self::default();
        for path in executable_files(&maps) {
            let size = fs::metadata(path).with_context(|| path.to_owned())?.len();
            code.all += size;
            if !path.contains(".so") || path.contains("/collectd/") {
                code.own += size;
            }
        }
        Ok(code)
    }
}

fn executable_files(maps: &str) -> HashSet<&str> {
    maps.lines()
        .filter(|line| {
            line.split(' ')
                .nth(1)
                .is_some_and(|mode| mode.contains('x'))
        })
        .filter_map(|line| line.find('/').map(|at| &line[at..]))
        .collect()
}

fn read(path: PathBuf) -> Result<String> {
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The number behind that name at the start of a line; 0 where the kernel says none.
fn field(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn fields_are_told_apart_by_their_whole_name() {
        let status =
            "VmHWM:\t  1234 kB\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(field(status, "VmHWM:"), 1234);
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 5);
        assert_eq!(field(status, "nonvoluntary_ctxt_switches:"), 7);
        assert_eq!(field(status, "Threads:"), 0);
    }

    #[test]
    fn each_executable_file_counts_once() {
        let maps = "55-56 r--p 0 fe:00 1   /usr/sbin/x\n56-57 r-xp 0 fe:00 1   /usr/sbin/x\n\
                    60-61 r-xp 0 fe:00 2   /lib/libc.so.6\n62-63 r-xp 4 fe:00 2   /lib/libc.so.6\n\
                    70-71 r-xp 0 00:00 0   [vdso]\n80-81 rw-p 0 fe:00 3   /tmp/data\n";
        let files = executable_files(maps);
        assert_eq!(files, HashSet::from(["/usr/sbin/x", "/lib/libc.so.6"]));
    }

    #[test]
    fn a_process_that_works_is_seen_to_use_time() {
        let mut worker = Command::new("yes").stdout(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        let before = Usage::of(worker.id()).unwrap();
        let mut after = before;
        while after.cpu_ns < before.cpu_ns + 1_000_000 && Instant::now() < until {
            after = Usage::of(worker.id()).unwrap();
        }
        worker.kill().unwrap();
        worker.wait().unwrap();
        assert!(after.cpu_ns >= before.cpu_ns + 1_000_000, "{after:?}");
        assert!(after.rss_kib > 0 && after.peak_kib > 0);
        assert_eq!(after.threads, 1);
        assert!(Usage::of(worker.id()).is_err());
    }
}
