//! `picketd slot choose`: what the initramfs boots. It prints one line, which is also what `/run/picket/slot` holds: `a`, `b`,
//! `a trial`, `b trial` or `rescue`. Why, and what could not be recorded, is on stderr. It always prints one: whoever asks must boot
//! something.
use std::io::Write;

use serde_json::json;

use super::{Failure, Where};
use crate::{
    log::chain,
    slots::{
        change::{Made, make_choice},
        choice::Choice,
    },
};

/// What `picketd slot choose` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Where,
    /// Print one line of JSON: {"choice":"slot"|"trial"|"rescue"} and "slot" or "why"; "warnings":[TEXT,...]
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let made = make_choice(&args.place.open()?);
    let warnings = warnings(&made);
    if args.json {
        let mut object = match &made.choice {
            Choice::Slot(slot) => json!({"choice": "slot", "slot": slot.name()}),
            Choice::Trial(slot) => json!({"choice": "trial", "slot": slot.name()}),
            Choice::Rescue(need) => json!({"choice": "rescue", "why": need.to_string()}),
        };
        object["warnings"] = warnings.into();
        return writeln!(out, "{object}").map_err(Failure::output);
    }
    for warning in warnings {
        eprintln!("picketd: {warning}");
    }
    let written = match &made.choice {
        Choice::Slot(slot) => writeln!(out, "{slot}"),
        Choice::Trial(slot) => writeln!(out, "{slot} trial"),
        Choice::Rescue(need) => {
            eprintln!("picketd: rescue: {need}");
            writeln!(out, "rescue")
        }
    };
    written.map_err(Failure::output)
}

fn warnings(made: &Made) -> Vec<String> {
    let bad = made.bad.iter().map(|why| format!("the boot record {why}"));
    bad.chain(made.unwritten.as_ref().map(|error| chain(error)))
        .collect()
}
