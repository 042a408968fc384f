//! Kills a process at one system call of one of its threads, by strace, and finds out which calls there are. The call at which it
//! is killed is not made any more: so the one before was the last thing that it did.
use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::eventually;

/// The calls by which a process leaves a trace in the world: on disk, at a peer, in a log, and by its end.
const CALLS: &str = "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,fsync,fdatasync,rename,renameat,renameat2,\
                     unlink,unlinkat,ftruncate,fallocate,openat,kill,exit_group";
const PATIENCE: Duration = Duration::from_secs(20);

/// A system call that a process makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Which of its threads: 0 is the first one.
    pub thread: usize,
    /// The call's name.
    pub call: String,
    /// Which one of these calls of that thread, from 1.
    pub nth: u32,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} number {} of thread {}",
            self.call, self.nth, self.thread
        )
    }
}

/// A strace that counts calls, or kills at one.
pub struct Killer {
    strace: Child,
    output: PathBuf,
    threads: Vec<u32>,
}

impl Killer {
    /// Watches the calls of a process from now on.
    pub fn watch(pid: u32, folder: &Path) -> Self {
        let threads = threads(pid);
        Self::attach(
            pid,
            &threads,
            folder,
            &["-f", "-e", &format!("trace={CALLS}")],
        )
    }

    /// Kills the process when it comes to that point from now on.
    pub fn at(point: &Point, pid: u32, folder: &Path) -> Self {
        let threads = threads(pid);
        let Some(thread) = threads.get(point.thread) else {
            panic!("{point}: the process has {} threads", threads.len());
        };
        let trace = format!("trace={}", point.call);
        let inject = format!("inject={}:signal=KILL:when={}", point.call, point.nth);
        Self::attach(*thread, &[*thread], folder, &["-e", &trace, "-e", &inject])
    }

    /// Ends the watch: every call that was made by a thread that was there at its beginning.
    pub fn points(mut self) -> Vec<Point> {
        self.stop();
        let mut counts = BTreeMap::<(usize, String), u32>::new();
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        for (thread, call) in text.lines().filter_map(entered) {
            let known = self.threads.iter().position(|known| *known == thread);
            if let Some(thread) = known {
                *counts.entry((thread, call.to_owned())).or_default() += 1;
            }
        }
        let points = counts.into_iter().flat_map(|((thread, call), count)| {
            (1..=count).map(move |nth| Point {
                thread,
                call: call.clone(),
                nth,
            })
        });
        points.collect()
    }

    /// Whether the process was killed.
    pub fn has_killed(mut self) -> bool {
        self.stop();
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        text.contains("killed by SIGKILL")
    }

    fn attach(target: u32, threads: &[u32], folder: &Path, options: &[&str]) -> Self {
        let output = folder.join(format!("strace-{target}"));
        let strace = Command::new("strace")
            .args(options)
            .arg("-o")
            .arg(&output)
            .args(["-p", &target.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace is there; scripts/setup test installs it");
        let id = strace.id();
        let killer = Self {
            strace,
            output,
            threads: threads.to_vec(),
        };
        let what = "strace attaches (without root, /proc/sys/kernel/yama/ptrace_scope must be 0)";
        eventually(what, PATIENCE, || {
            let traced = |thread: &u32| tracer(*thread) == Some(id);
            killer.threads.iter().all(traced).then_some(())
        });
        killer
    }

    fn stop(&mut self) {
        if self.strace.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = kill_process(Pid::from_child(&self.strace), Signal::INT);
        }
        let _ = self.strace.wait();
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The threads of a process, in the order of their ids; the first one has the process's own.
fn threads(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let mut threads: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    threads.sort_unstable();
    threads
}

fn tracer(thread: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"))?;
    line.trim().parse().ok()
}

/// Thread and call of a line such as `1234  write(2, "...", 5) = 5`; a call that is resumed was entered before.
fn entered(line: &str) -> Option<(u32, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (call, _) = rest.trim_start().split_once('(')?;
    let is_name = call.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    Some((thread.parse().ok()?, call)).filter(|_| is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_strace_names_thread_and_call_once() {
        for (line, expect) in [
            ("1234  write(2, \"a(b\", 5) = 5", Some((1234, "write"))),
            (
                "1234  fdatasync(7 <unfinished ...>",
                Some((1234, "fdatasync")),
            ),
            ("1234  <... fdatasync resumed>) = 0", None),
            ("1234  +++ killed by SIGKILL +++", None),
            ("1234  --- SIGTERM {si_signo=SIGTERM} ---", None),
            ("", None),
        ] {
            assert_eq!(entered(line), expect, "{line}");
        }
    }

    #[test]
    fn a_process_is_killed_before_the_call_and_after_the_one_before() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("written");
        let script = "read go; for n in 1 2 3 4 5; do echo $n; done";
        for nth in [1, 3, 5] {
            let out = fs::File::create(&file).expect("the folder is writable");
            let mut shell = Command::new("sh")
                .args(["-c", script])
                .stdin(Stdio::piped())
                .stdout(out)
                .spawn()
                .expect("a shell is there");
            let point = Point {
                thread: 0,
                call: "write".to_owned(),
                nth,
            };
            let killer = Killer::at(&point, shell.id(), folder.path());
            drop(shell.stdin.take());
            let status = shell.wait().expect("the shell ends");
            assert!(!status.success());
            assert!(killer.has_killed());
            let written = fs::read_to_string(&file).expect("the file is there");
            assert_eq!(written.lines().count() as u32, nth - 1, "{point}");
        }
    }
}
