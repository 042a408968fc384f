//! Which slot runs: what the initramfs says, and whether that can be true. It changes nothing.
use std::{fs, path::Path};

use picket_proto::{RootSlot, Status};

use crate::{
    command::{Commands, Slots, Standing},
    config::Reinstalls,
    slots::{
        Slot,
        boot_record::{self, BootRecord, Read},
        layout::{Export, Stage},
    },
    world::World,
};

/// Beneath the run directory: the export, and what the initramfs booted.
pub(super) const EXPORT: &str = "export";
const SLOT: &str = "slot";

/// What is known at the start. Not to be asked of a disk that doesn't answer.
pub(super) fn find(world: &World, reinstalls: &Reinstalls) -> Slots {
    match look(world) {
        Ok((mounted, record)) => {
            let trial = record.trial.filter(|_| mounted.1);
            Slots::Are(Standing {
                mounted: mounted.0,
                idle: slot(named(mounted.0).unwrap_or(record.active).other()),
                trial: trial
                    .filter(|trial| slot(trial.slot) == mounted.0)
                    .map(|trial| trial.operation),
                fallback: record
                    .last_fallback
                    .map(|fallback| (fallback.operation, fallback.why.to_string())),
                images: reinstalls.complete().map(|_| ()),
            })
        }
        Err(why) => Slots::Missing(why),
    }
}

/// What is said of a disk that doesn't answer.
pub(super) fn silent() -> Slots {
    Slots::Missing(
        "the disk didn't answer when picketd was started, so nothing is known of slots; restart picketd when it does"
            .to_owned(),
    )
}

/// What runs, whether on trial, and the boot record.
fn look(world: &World) -> Result<((RootSlot, bool), BootRecord), String> {
    let run = world.run_dir();
    let at = run.join(EXPORT);
    if !at.is_dir() {
        return Err(format!(
            "this Pi's root is no slot: its export is not mounted at {}; lay the export out in slots, and boot from it with picket's initramfs",
            at.display()
        ));
    }
    let said = fs::read_to_string(run.join(SLOT)).map_err(|error| {
        format!(
            "nothing says which slot runs: {}: {error}; boot with picket's initramfs, which writes it",
            run.join(SLOT).display()
        )
    })?;
    let mounted = parse(&said).ok_or_else(|| {
        format!(
            "{} names no slot: {:?}; boot with picket's initramfs, which writes it",
            run.join(SLOT).display(),
            said.trim()
        )
    })?;
    if world.is_machine() && !is_mount(&run, &at) {
        return Err(format!(
            "the export is not mounted at {}: its NFS server didn't answer when this Pi was booted; once it does, the boot goes on by itself",
            at.display()
        ));
    }
    let export = Export::open(&at).map_err(|error| format!("{}: {error}", at.display()))?;
    if let (RootSlot::A | RootSlot::B, _) = mounted {
        is_root(world, &export, mounted.0)?;
    }
    match boot_record::read(&export) {
        Read::Record(record) => Ok((mounted, record)),
        // The first reinstall makes one. In the rescue system there is nothing that could be meant.
        Read::Absent | Read::Bad(_) if mounted.0 == RootSlot::Rescue && is_empty(&export) => {
            Ok((mounted, BootRecord::of(Slot::A)))
        }
        Read::Absent if mounted.0 != RootSlot::Rescue => {
            Ok((mounted, BootRecord::of(named(mounted.0).unwrap_or(Slot::A))))
        }
        Read::Absent => Err(
            "there is no boot record, and a slot that could be meant; say which is active: picketd slot commit --slot a|b".to_owned(),
        ),
        Read::Bad(why) => Err(format!(
            "the boot record {why}; say which slot is active: picketd slot commit --slot a|b"
        )),
    }
}

fn is_mount(run: &Path, at: &Path) -> bool {
    let device = |path| rustix::fs::stat(path).map(|found| found.st_dev);
    matches!((device(run), device(at)), (Ok(run), Ok(at)) if run != at)
}

fn is_empty(export: &Export) -> bool {
    let bootable = export.bootable();
    !bootable.a && !bootable.b
}

/// `a`, `b`, either with `trial`, or `rescue`.
fn parse(said: &str) -> Option<(RootSlot, bool)> {
    Some(match said.trim() {
        "a" => (RootSlot::A, false),
        "b" => (RootSlot::B, false),
        "a trial" => (RootSlot::A, true),
        "b trial" => (RootSlot::B, true),
        "rescue" => (RootSlot::Rescue, false),
        _ => return None,
    })
}

/// The root of a machine is that very directory of the export. A tree that stands for a machine has a directory of that name.
fn is_root(world: &World, export: &Export, mounted: RootSlot) -> Result<(), String> {
    let Some(slot) = named(mounted) else {
        return Ok(());
    };
    let name = Stage::Whole.path(slot);
    let tree = export.tree(slot, Stage::Whole);
    let tree = tree.map_err(|error| format!("{}: {error}", name.display()))?;
    let tree = tree.ok_or_else(|| {
        format!(
            "slot {slot} is said to run, and its {} is not there",
            name.display()
        )
    })?;
    if !world.is_machine() {
        return Ok(());
    }
    let root = world.on_disk(Path::new("/"));
    let root = rustix::fs::stat(root.as_ref()).map_err(|error| format!("the root: {error}"))?;
    let tree = rustix::fs::fstat(&tree).map_err(|error| format!("{}: {error}", name.display()))?;
    match (root.st_dev, root.st_ino) == (tree.st_dev, tree.st_ino) {
        true => Ok(()),
        false => Err(format!(
            "slot {slot} is said to run, and {} of the export is not the root; boot again with picket's initramfs",
            name.display()
        )),
    }
}

/// What `status` tells of it.
pub(super) fn tell(commands: &Commands, status: &mut Status) {
    if let Slots::Are(standing) = commands.slots() {
        status.slot = Some(standing.mounted);
        status.on_trial = Some(standing.trial.is_some());
        status.image = commands.image().map(str::to_owned);
    }
}

pub(super) fn slot(slot: Slot) -> RootSlot {
    match slot {
        Slot::A => RootSlot::A,
        Slot::B => RootSlot::B,
    }
}

pub(super) fn named(slot: RootSlot) -> Option<Slot> {
    match slot {
        RootSlot::A => Some(Slot::A),
        RootSlot::B => Some(Slot::B),
        RootSlot::Rescue | RootSlot::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::OperationId;

    use super::*;
    use crate::{
        reinstall::wire::WRITERS,
        slots::boot_record::{Fallback, Trial, Why},
    };

    fn reinstalls() -> Reinstalls {
        Reinstalls {
            images: Some("/srv/images".to_owned()),
            image_signers: Some("/etc/picket/allowed_signers".into()),
            ca: None,
            catalogue_at_least: 0,
            writers: WRITERS,
            read_back: false,
        }
    }

    fn missing(world: &World) -> String {
        match find(world, &reinstalls()) {
            Slots::Missing(why) => why,
            Slots::Are(standing) => panic!("{standing:?}"),
        }
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_there_is_believed_only_if_it_can_be() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        let run = tree.path().join("run/picket");
        fs::create_dir_all(&run).unwrap();
        assert!(missing(&world).contains("export is not mounted"));
        fs::create_dir_all(run.join("export/slots/b")).unwrap();
        assert!(missing(&world).contains("nothing says which slot runs"));
        fs::write(run.join("slot"), "c\n").unwrap();
        assert!(missing(&world).contains("names no slot"));
        fs::write(run.join("slot"), "a\n").unwrap();
        assert!(missing(&world).contains("slots/a is not there"));
        fs::write(run.join("slot"), "b trial\n").unwrap();
        let export = Export::open(&run.join("export")).unwrap();
        let operation = OperationId([7; 16]);
        let record = BootRecord {
            trial: Some(Trial {
                slot: Slot::B,
                attempts_left: 2,
                operation,
            }),
            last_fallback: Some(Fallback {
                slot: Slot::B,
                operation: OperationId([6; 16]),
                why: Why::NotBootable,
            }),
            ..BootRecord::of(Slot::A)
        };
        boot_record::write(&export, &record).unwrap();
        let Slots::Are(standing) = find(&world, &reinstalls()) else {
            panic!("{}", missing(&world));
        };
        assert_eq!(
            (standing.mounted, standing.trial),
            (RootSlot::B, Some(operation))
        );
        assert_eq!(standing.fallback.unwrap().0, OperationId([6; 16]));
        assert_eq!(standing.images, Ok(()));
        fs::write(run.join("export/picket/boot-record"), [7; 8192]).unwrap();
        assert!(missing(&world).contains("picketd slot commit"));
    }
}
