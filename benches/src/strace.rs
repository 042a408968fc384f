//! Counts the system calls of a running process, all of its threads, by strace.
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// What makes a process or runs another program.
const FORKS: [&str; 6] = ["fork", "vfork", "clone", "clone3", "execve", "execveat"];
/// What strace itself causes when it attaches.
const CAUSED_BY_STRACE: &str = "restart_syscall";

/// Calls by name, most frequent first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls(pub Vec<(String, u64)>);

impl Calls {
    /// All calls together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Processes and threads made, programs run.
    #[must_use]
    pub fn forks(&self) -> u64 {
        let forks = self
            .0
            .iter()
            .filter(|(name, _)| FORKS.contains(&name.as_str()));
        forks.map(|(_, count)| count).sum()
    }
}

/// A strace that counts.
#[derive(Debug)]
pub struct Tracer {
    child: Child,
    output: PathBuf,
}

impl Tracer {
    /// Attaches to that process; its summary will go to that file.
    ///
    /// # Errors
    /// There is no strace, or it may not attach.
    pub fn attach(pid: u32, output: &Path) -> Result<Self> {
        let child = Command::new("strace")
            .args([
                "--follow-forks",
                "--summary-only",
                "--summary-columns=calls,name",
            ])
            .arg("--output")
            .arg(output)
            .args(["--attach", &pid.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("run strace (scripts/setup bench installs it)")?;
        let tracer = Self {
            child,
            output: output.to_owned(),
        };
        let status = format!("/proc/{pid}/status");
        let until = Instant::now() + Duration::from_secs(5);
        while !std::fs::read_to_string(&status)?
            .contains(&format!("TracerPid:\t{}\n", tracer.child.id()))
        {
            ensure!(
                Instant::now() < until,
                "strace could not attach to process {pid}"
            );
            thread::sleep(Duration::from_millis(5));
        }
        Ok(tracer)
    }

    /// Detaches and says what was counted.
    ///
    /// # Errors
    /// strace did not write its summary.
    pub fn finish(mut self) -> Result<Calls> {
        let pid = i32::try_from(self.child.id())?;
        kill_process(
            Pid::from_raw(pid).context("strace has a process id")?,
            Signal::INT,
        )?;
        self.child.wait()?;
        let text = std::fs::read_to_string(&self.output)
            .with_context(|| self.output.display().to_string())?;
        let calls = parse(&text);
        ensure!(
            !calls.0.is_empty(),
            "strace counted nothing; it wrote: {text:?}"
        );
        Ok(calls)
    }
}

/// Understands the summary: lines of a count and a name, between rulers, with a total at the end.
fn parse(summary: &str) -> Calls {
    let mut calls: Vec<(String, u64)> = summary
        .lines()
        .filter_map(|line| line.trim().split_once(char::is_whitespace))
        .filter_map(|(count, name)| Some((name.trim().to_owned(), count.parse().ok()?)))
        .filter(|(name, _)| name != "total" && name != CAUSED_BY_STRACE)
        .collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Calls(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_understood_without_its_total_and_straces_own_call() {
        let summary = "    calls syscall\n--------- ----------------\n       12 read\n        1 restart_syscall\n\
                       \x20      30 pread64\n        2 clone3\n--------- ----------------\n       45 total\n";
        let calls = parse(summary);
        let named: Vec<(&str, u64)> = calls
            .0
            .iter()
            .map(|(name, n)| (name.as_str(), *n))
            .collect();
        assert_eq!(named, [("pread64", 30), ("read", 12), ("clone3", 2)]);
        assert_eq!((calls.total(), calls.forks()), (44, 2));
    }
}
