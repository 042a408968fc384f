//! The test bed: real Mosquitto, real picketd and picket as child processes, machine trees that go down and come
//! up again, operators with and without manners, and a TCP proxy.
//!
//! Everything listens on loopback on a port of its own; a process is stopped by the handle that started it.

pub mod agent;
pub mod binaries;
pub mod boots;
pub mod certificates;
pub mod cgroup;
pub mod days;
pub mod debian;
pub mod dice;
pub mod disk;
pub mod documented;
pub mod file_server;
pub mod fleet;
pub mod hostile;
pub mod hostile_tree;
pub mod image_server;
pub mod images;
pub mod init;
pub mod injected;
mod inotify;
pub mod killer;
pub mod mosquitto;
pub mod mounted;
pub mod nspawn;
pub mod operator;
pub mod other_broker;
pub mod package;
pub mod pi;
pub mod process;
pub mod provisioned;
pub mod proxy;
pub mod raw_operator;
pub mod scripted_broker;
pub mod slotted;
pub mod tick_counter;
pub mod tree;
pub mod watcher;

use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Says something that belongs into the log of a test that passes, too: what was measured.
pub fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// Waits until `done` returns a value; panics after `deadline` with what was waited for.
pub fn eventually<T>(what: &str, deadline: Duration, mut done: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(
            start.elapsed() < deadline,
            "not within {deadline:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
