//! Has system calls of a process fail, or stops it at one, by strace: a disk that fails at a chosen step.
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::eventually;

const PATIENCE: Duration = Duration::from_secs(60);

/// A strace, as long as it lives.
pub struct Injected {
    strace: Child,
}

impl Injected {
    /// From now on that befalls the process and its threads: `what` as strace's `inject=`, `call` is the call.
    pub fn into(pid: u32, call: &str, what: &str, folder: &Path) -> Self {
        let log = fs::File::create(folder.join(format!("strace-{pid}")));
        let strace = Command::new("strace")
            .args(["-f", "-e", &format!("trace={call}")])
            .args(["-e", &format!("inject={call}:{what}")])
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("the folder is writable"))
            .spawn()
            .expect("strace is there; scripts/setup test installs it");
        let id = strace.id().to_string();
        let injected = Self { strace };
        eventually("strace attaches", PATIENCE, || {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
            let is_traced = |task: fs::DirEntry| {
                let status = fs::read_to_string(task.path().join("status"));
                let status = status.unwrap_or_default();
                let tracer = status.lines().find_map(|it| it.strip_prefix("TracerPid:"));
                tracer.is_some_and(|tracer| tracer.trim() == id)
            };
            tasks.flatten().all(is_traced).then_some(())
        });
        injected
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        if self.strace.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = kill_process(Pid::from_child(&self.strace), Signal::INT);
        }
        let _ = self.strace.wait();
    }
}

/// Waits until a process is stopped.
pub fn wait_until_stopped(pid: u32) {
    eventually("it is stopped", PATIENCE, || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let state = status.lines().find_map(|line| line.strip_prefix("State:"));
        state
            .is_some_and(|state| state.trim().starts_with(['T', 't']))
            .then_some(())
    });
}

/// Sends a signal to a process that isn't our child.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process id"), signal).expect("the process is there");
}

/// Lets a process go on that was stopped, until it has ended: strace may pass the stop on only later.
pub fn go_on_to_the_end(pid: u32) {
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let id = id.expect("a process id");
    eventually("it ends", PATIENCE, || {
        kill_process(id, Signal::CONT).is_err().then_some(())
    });
}
