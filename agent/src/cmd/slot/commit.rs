//! `picketd slot commit`: makes the slot on trial the active one, or the one that an operator names, whatever was recorded; and on the
//! Pi itself it tells the trial's guard.
use std::{io::Write, path::Path};

use super::{Failure, Where, not_changed};
use crate::{
    device_id,
    slots::{Slot, change, layout, trial_guard},
    world::World,
};

/// What `picketd slot commit` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Where,
    /// Make this slot the active one, on trial or not; any trial ends
    #[arg(long, value_name = "a|b")]
    slot: Option<Slot>,
}

pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let export = args.place.open()?;
    let slot = match args.slot {
        Some(slot) => change::activate(&export, slot).map(|()| slot),
        None => change::commit(&export).map(|committed| committed.slot),
    };
    let slot = slot.map_err(not_changed)?;
    if args.place.export == Path::new(layout::ON_THE_MACHINE) {
        tell_guard()?;
    }
    writeln!(out, "slot {slot} is the active one").map_err(Failure::output)
}

fn tell_guard() -> Result<(), Failure> {
    let world = World::new("/");
    let boot = device_id::boot_id(&world).map_err(|error| Failure::Failed(error.to_string()))?;
    trial_guard::tell_committed(Path::new("/run/picket"), boot).map_err(|error| {
        Failure::Failed(format!(
            "it is committed, but the trial's guard can't be told in /run/picket: {error}; it resets this machine in its time"
        ))
    })
}
