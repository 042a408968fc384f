//! `picketd slot mount`: names this machine and mounts its export, as the kernel command line says. It tries for ever: a server that is
//! away may come back, and nothing can be booted without it.
use std::{path::PathBuf, thread, time::Duration};

use super::Failure;
use crate::{
    device_id, lifeboat,
    slots::{
        export_word::ExportWord,
        layout,
        mount::{mount, name_this_machine},
    },
    world::World,
};

const MAX_COMMAND_LINE: usize = 64 * 1024;
const PAUSES: [u64; 4] = [1, 2, 4, 8];

/// What `picketd slot mount` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Where it is mounted
    #[arg(long, value_name = "DIR", default_value = layout::ON_THE_MACHINE)]
    at: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    // Its root is a ramfs or a tmpfs (Documentation/filesystems/ramfs-rootfs-initramfs.rst).
    if !lifeboat::root_is_in_memory() {
        return Err(Failure::Usage(
            "only an initramfs mounts the export; on a running Pi it is there already".to_owned(),
        ));
    }
    let world = World::new("/");
    let word = ExportWord::find(&command_line(&world)?).map_err(Failure::usage)?;
    let id = device_id::device_id(&world, None).map_err(Failure::usage)?;
    name_this_machine(id)
        .map_err(|error| Failure::Failed(format!("this machine can't be named: {error}")))?;
    let mut pauses = PAUSES.into_iter().chain(std::iter::repeat(PAUSES[3]));
    while let Err(error) = mount(&word, &args.at) {
        let pause = pauses.next().expect("there are always more");
        eprintln!("picketd: {error}; again in {pause} s");
        thread::sleep(Duration::from_secs(pause));
    }
    Ok(())
}

pub(super) fn command_line(world: &World) -> Result<String, Failure> {
    let line = world.read("proc/cmdline", MAX_COMMAND_LINE);
    line.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|gap| Failure::Failed(format!("/proc/cmdline can't be read: {gap}")))
}
