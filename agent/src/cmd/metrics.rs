//! `picketd metrics`: prints the registry of metrics. It reads nothing of the machine.
use std::io::{self, Write};

use picket_proto::metric::{Kind, Metric, REGISTRY};
use serde::Serialize;

use super::failure::Failure;

/// What `picketd metrics` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print JSON: an array of objects with id, name, unit, scale, kind and help.
    #[arg(long)]
    pub json: bool,
}

/// Prints the registry.
///
/// # Errors
/// [`Failure::Failed`] if the output can't be written.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    if args.json {
        let rows: Vec<Row> = REGISTRY.iter().map(row).collect();
        serde_json::to_writer(&mut *out, &rows).map_err(Failure::output)?;
        return writeln!(out).map_err(Failure::output);
    }
    table(out).map_err(Failure::output)
}

/// A metric with its number: elsewhere in JSON the name stands for it.
#[derive(Serialize)]
struct Row {
    id: u16,
    name: &'static str,
    unit: &'static str,
    scale: u32,
    kind: Kind,
    help: &'static str,
}

fn row(metric: &Metric) -> Row {
    Row {
        id: metric.id.0,
        name: metric.name,
        unit: metric.unit,
        scale: metric.scale,
        kind: metric.kind,
        help: metric.help,
    }
}

fn table(out: &mut impl Write) -> io::Result<()> {
    for metric in REGISTRY {
        writeln!(
            out,
            "{:>3}  {:<22} {:<8} {:<5} {}",
            metric.id.0,
            metric.name,
            kind(metric),
            unit(metric),
            metric.help
        )?;
    }
    Ok(())
}

fn kind(metric: &Metric) -> &'static str {
    match metric.kind {
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
        Kind::Flags => "flags",
    }
}

fn unit(metric: &Metric) -> &'static str {
    if metric.unit.is_empty() {
        "-"
    } else {
        metric.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_every_metric() {
        let print = |json| {
            let mut out = Vec::new();
            run(&Args { json }, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let rows: Vec<serde_json::Value> = serde_json::from_str(&print(true)).unwrap();
        assert_eq!(rows.len(), REGISTRY.len());
        assert_eq!(print(false).lines().count(), REGISTRY.len());
        for (metric, row) in REGISTRY.iter().zip(rows) {
            assert_eq!(row["name"], metric.name);
            assert_eq!(row["id"], metric.id.0);
            assert_eq!(row["scale"], metric.scale);
            assert!(print(false).contains(metric.name));
        }
    }
}
