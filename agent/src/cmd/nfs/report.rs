//! What is printed of an NFS mount: a line of JSON, or a table. It doesn't know where the numbers come from.
use std::io::{self, Write};

use serde::Serialize;

use crate::sources::{
    mountstats::OpCounters,
    nfs_interval::{self, Covers, mean_ms},
    nfs_mounts::{Mount, Transport},
};

#[derive(Serialize)]
pub(super) struct Reports<'a> {
    pub(super) mounts: &'a [Report],
}

#[derive(Serialize)]
pub(super) struct Report {
    device: String,
    mountpoint: String,
    version: Option<String>,
    transports: Vec<Transport>,
    malformed_lines: usize,
    covers: Covers,
    total: Row,
    ops: Vec<NamedRow>,
}

#[derive(Serialize)]
struct NamedRow {
    name: String,
    #[serde(flatten)]
    row: Row,
}

#[derive(Serialize)]
struct Row {
    ops: u64,
    retransmits: u64,
    timeouts: u64,
    errors: Option<u64>,
    queue_ms: Option<f64>,
    rtt_ms: Option<f64>,
    execute_ms: Option<f64>,
}

pub(super) fn report(mount: &Mount, found: nfs_interval::MountRows) -> Report {
    let named = |(name, op): (String, OpCounters)| NamedRow {
        name,
        row: row(&op),
    };
    Report {
        device: mount.device.clone(),
        mountpoint: mount.mountpoint.clone(),
        version: mount.version.clone(),
        transports: mount.transports.clone(),
        malformed_lines: mount.malformed,
        covers: found.covers,
        total: row(&found.total),
        ops: found.rows.into_iter().map(named).collect(),
    }
}

fn row(op: &OpCounters) -> Row {
    Row {
        ops: op.ops,
        retransmits: op.transmissions.saturating_sub(op.ops),
        timeouts: op.timeouts,
        errors: op.errors,
        queue_ms: mean_ms(op.queue_ms, op.ops),
        rtt_ms: mean_ms(op.rtt_ms, op.ops),
        execute_ms: mean_ms(op.execute_ms, op.ops),
    }
}

pub(super) fn table(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let version = report.version.as_deref().unwrap_or("?");
    let kinds: Vec<&str> = report.transports.iter().map(|t| t.kind.as_str()).collect();
    writeln!(
        out,
        "{} on {} (NFS {version}, {} x {}), {}",
        printable(&report.device),
        printable(&report.mountpoint),
        kinds.len(),
        kinds.first().unwrap_or(&"no transport"),
        words(report.covers)
    )?;
    writeln!(
        out,
        "  {:<20} {:>12} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9}",
        "operation", "ops", "retrans", "timeouts", "errors", "queue ms", "rtt ms", "exec ms"
    )?;
    for op in &report.ops {
        line(&op.name, &op.row, out)?;
    }
    line("all", &report.total, out)
}

fn line(name: &str, row: &Row, out: &mut impl Write) -> io::Result<()> {
    let mean = |mean: Option<f64>| mean.map_or("-".to_owned(), |mean| format!("{mean:.3}"));
    let errors = row
        .errors
        .map_or("-".to_owned(), |errors| errors.to_string());
    writeln!(
        out,
        "  {name:<20} {:>12} {:>8} {:>8} {errors:>8} {:>9} {:>9} {:>9}",
        row.ops,
        row.retransmits,
        row.timeouts,
        mean(row.queue_ms),
        mean(row.rtt_ms),
        mean(row.execute_ms)
    )
}

fn words(covers: Covers) -> &'static str {
    match covers {
        Covers::Lifetime => "since the mount",
        Covers::Interval => "between the captures",
        Covers::Reset => "mounted anew between the captures: since that mount",
        Covers::NothingInCommon => "no operation is in both captures: since the mount",
        Covers::New => "not in the first capture: since the mount",
    }
}

/// A path comes from the machine and may hold anything: a terminal sees no control characters of it.
pub(super) fn printable(path: &str) -> String {
    path.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
