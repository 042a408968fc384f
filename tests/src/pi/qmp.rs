//! QEMU's monitor (QMP, docs/interop/qmp-spec): orders to the machine that is on, and why it went off. It starts no QEMU.
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::Mutex,
    time::Duration,
};

use serde_json::Value;

use crate::eventually;

/// QEMU makes the socket before the machine; a machine that is off is on again within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// The monitor of the QEMU that runs.
#[derive(Default)]
pub struct Qmp {
    line: Mutex<Option<UnixStream>>,
}

impl Qmp {
    /// Resets the machine at once, as if its power were cut and came back.
    pub fn system_reset(&self) {
        self.execute("system_reset");
    }

    /// Stops the machine's processors.
    pub fn stop(&self) {
        self.execute("stop");
    }

    /// Lets them go on.
    pub fn cont(&self) {
        self.execute("cont");
    }

    /// Gives an order, waiting for a machine that is just coming up.
    pub fn execute(&self, command: &str) {
        let order = format!("{{\"execute\":\"{command}\"}}\n");
        eventually("QEMU's monitor takes an order", PATIENCE, || {
            let mut line = self.line.lock().expect("no holder panics");
            line.as_mut()?.write_all(order.as_bytes()).ok()
        });
    }

    /// Reads until QEMU is gone, or there is none to wait for; the reason of its last `SHUTDOWN` event, such as `guest-reset`.
    pub(super) fn session(&self, socket: &Path, is_gone: impl Fn() -> bool) -> Option<String> {
        let mut line = eventually("QEMU's monitor is there", PATIENCE, || {
            let line = UnixStream::connect(socket).ok();
            (line.is_some() || is_gone()).then_some(line)
        })?;
        line.write_all(b"{\"execute\":\"qmp_capabilities\"}\n")
            .ok()?;
        *self.line.lock().expect("no holder panics") = Some(line.try_clone().ok()?);
        let events = BufReader::new(line).lines().map_while(Result::ok);
        let reason = events.filter_map(|event| shutdown_reason(&event)).last();
        *self.line.lock().expect("no holder panics") = None;
        reason
    }
}

fn shutdown_reason(event: &str) -> Option<String> {
    let event: Value = serde_json::from_str(event).ok()?;
    let shutdown = event["event"] == "SHUTDOWN";
    shutdown.then(|| event["data"]["reason"].as_str().map(str::to_owned))?
}
