//! The floor: the least that a program can do which reads what picketd reads and sends what picketd sends. One thread, no
//! runtime, no spool, no events, no errors survived. What picketd costs beyond it is the price of those.
//!
//! `picket-floor BROKER TICK_MS WINDOW_TICKS`
mod machine;
mod session;

use std::{
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixDatagram,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use picket_benches::nfs_null;
use picket_proto::{
    Batch, BatchHeader, BootId, Channel, Column, DeviceId, MetricId, Topic, WallClock,
    batch::Quality, frame, metric,
};

use crate::{machine::Machine, session::Session};

/// Root word of its topics.
const ROOT: &str = "floor";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [broker, tick, window] = &arguments[..] else {
        anyhow::bail!("usage: picket-floor BROKER TICK_MS WINDOW_TICKS");
    };
    let broker: SocketAddr = broker.parse().context("BROKER")?;
    let tick = Duration::from_millis(tick.parse().context("TICK_MS")?);
    run(broker, tick, window.parse().context("WINDOW_TICKS")?)
}

fn run(broker: SocketAddr, tick: Duration, window: u16) -> Result<()> {
    let device = DeviceId([0, 0, 0, 0, 0xbe, 0x7c, 0, 2]);
    let topic = |channel| Topic { channel, device }.name(ROOT);
    let (status, telemetry) = (topic(Channel::Status), topic(Channel::Telemetry));
    let mut session = Session::connect(broker, "picket-floor")?;
    session.publish(&status, b"here")?;
    ready()?;
    let mut machine = Machine::open()?;
    let mut server = TcpStream::connect(machine::nfs_server()?)?;
    server.set_nodelay(true)?;
    let mut batch = empty_batch(machine::boot_id()?, tick);
    let mut due = Instant::now();
    for number in 0_u64.. {
        due += tick;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let asked = Instant::now();
        nfs_null::call(&mut server, number as u32)?;
        let null_rtt = asked.elapsed().as_micros() as i64;
        append(&mut batch, machine.read()?, null_rtt);
        if batch.header.count == window {
            session.publish(&telemetry, &frame::encode(&batch))?;
            batch.header.first_tick = number + 1;
            batch.header.count = 0;
            batch.columns.clear();
        }
    }
    Ok(())
}

fn empty_batch(boot: BootId, tick: Duration) -> Batch {
    let header = BatchHeader {
        boot,
        first_tick: 0,
        first_boottime_ms: 0,
        period_ms: tick.as_millis() as u32,
        stride: 1,
        count: 0,
        wall: WallClock {
            offset_ms: 0,
            quality: Quality::Unsynchronised,
        },
        lost: 0,
    };
    let columns = Vec::new();
    Batch { header, columns }
}

fn append(batch: &mut Batch, mut readings: Vec<(MetricId, i64)>, null_rtt: i64) {
    readings.push((metric::NFS_NULL_RTT, null_rtt));
    readings.sort_unstable_by_key(|(metric, _)| *metric);
    if batch.columns.is_empty() {
        let metrics = readings.iter().map(|(metric, _)| *metric);
        batch.columns = metrics
            .map(|metric| Column {
                metric,
                readings: Vec::new(),
            })
            .collect();
    }
    for (column, (_, value)) in batch.columns.iter_mut().zip(readings) {
        column.readings.push(Ok(value));
    }
    batch.header.count += 1;
}

/// Tells the service manager, if there is one.
fn ready() -> Result<()> {
    let Ok(socket) = std::env::var("NOTIFY_SOCKET") else {
        return Ok(());
    };
    UnixDatagram::unbound()?
        .send_to(b"READY=1", &socket)
        .context(socket)?;
    Ok(())
}
