//! `picketd slot show`: prints which slots there are and what the boot record says. It changes nothing.
use std::io::Write;

use serde_json::{Value, json};

use super::{Failure, Where};
use crate::slots::{
    Slot,
    boot_record::{self, BootRecord, Read},
    layout::{Bootable, Export, Stage},
};

/// What `picketd slot show` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Where,
    /// Print one line of JSON: {"slots":{"a":{"bootable":BOOL,"stages":["whole"|"new"|"old",...]},"b":...},"record":"read"|"absent"|"bad",
    /// and of one that was read "active", "rescue", "trial" and "last_fallback" (slot, operation, and attempts_left or why); of a bad one "why"}
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let export = args.place.open()?;
    let read = boot_record::read(&export);
    let written = match args.json {
        true => writeln!(out, "{}", object(&export, &read)),
        false => table(&export, &read, out),
    };
    written.map_err(Failure::output)
}

fn stages(export: &Export, slot: Slot) -> Vec<&'static str> {
    [
        (Stage::Whole, "whole"),
        (Stage::New, "new"),
        (Stage::Old, "old"),
    ]
    .into_iter()
    .filter(|(stage, _)| matches!(export.tree(slot, *stage), Ok(Some(_))))
    .map(|(_, name)| name)
    .collect()
}

fn object(export: &Export, read: &Read) -> Value {
    let bootable = export.bootable();
    let slot = |slot| json!({"bootable": bootable.has(slot), "stages": stages(export, slot)});
    let mut object = json!({"slots": {"a": slot(Slot::A), "b": slot(Slot::B)}});
    match read {
        Read::Absent => object["record"] = "absent".into(),
        Read::Bad(why) => {
            object["record"] = "bad".into();
            object["why"] = why.as_str().into();
        }
        Read::Record(record) => add_record(record, &mut object),
    }
    object
}

fn add_record(record: &BootRecord, object: &mut Value) {
    object["record"] = "read".into();
    object["active"] = record.active.name().into();
    object["rescue"] = record.rescue.into();
    if let Some(trial) = record.trial {
        object["trial"] = json!({"slot": trial.slot.name(), "operation": trial.operation.to_string(),
            "attempts_left": trial.attempts_left});
    }
    if let Some(fallback) = record.last_fallback {
        object["last_fallback"] = json!({"slot": fallback.slot.name(),
            "operation": fallback.operation.to_string(), "why": fallback.why.to_string()});
    }
}

fn table(export: &Export, read: &Read, out: &mut impl Write) -> std::io::Result<()> {
    let bootable = export.bootable();
    for slot in Slot::ALL {
        writeln!(out, "slot {slot}: {}", standing(export, slot, bootable))?;
    }
    match read {
        Read::Absent => writeln!(out, "no boot record: the only bootable slot is booted"),
        Read::Bad(why) => writeln!(out, "the boot record {why}"),
        Read::Record(record) => record_lines(record, out),
    }
}

fn standing(export: &Export, slot: Slot, bootable: Bootable) -> String {
    let stages = stages(export, slot);
    let whole = match (stages.contains(&"whole"), bootable.has(slot)) {
        (_, true) => "can be booted",
        (true, false) => "has no init that could be started",
        (false, false) => "is not there",
    };
    let mut text = whole.to_owned();
    for (stage, words) in [
        ("new", ", one is being filled"),
        ("old", ", one is on its way out"),
    ] {
        if stages.contains(&stage) {
            text.push_str(words);
        }
    }
    text
}

fn record_lines(record: &BootRecord, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "active: {}", record.active)?;
    if record.rescue {
        writeln!(out, "the rescue system is asked for")?;
    }
    if let Some(trial) = record.trial {
        writeln!(
            out,
            "on trial: {}, {} more attempts, by operation {}",
            trial.slot, trial.attempts_left, trial.operation
        )?;
    }
    if let Some(fallback) = record.last_fallback {
        writeln!(
            out,
            "last fallback: from {}, because {}, of operation {}",
            fallback.slot, fallback.why, fallback.operation
        )?;
    }
    Ok(())
}
