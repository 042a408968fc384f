//! `picketd slot mount`: names this machine and mounts its export, as the kernel command line says. It tries for ever: a server that is
//! away may come back, and nothing can be booted without it; or for as long as `picket.wait=` says.
use std::{
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

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
const WAIT: &str = "picket.wait=";
/// A server that restarts is back by then, in seconds.
const DEFAULT_WAIT: u64 = 120;

/// What `picketd slot mount` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Where it is mounted
    #[arg(long, value_name = "DIR", default_value = layout::ON_THE_MACHINE)]
    at: PathBuf,
    /// Give up after 120 s, or the SECONDS (10 to 3600) of picket.wait=SECONDS on the kernel command line
    #[arg(long)]
    bounded: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    // Its root is a ramfs or a tmpfs (Documentation/filesystems/ramfs-rootfs-initramfs.rst).
    if !lifeboat::root_is_in_memory() {
        return Err(Failure::Usage(
            "only an initramfs mounts the export; on a running Pi it is there already".to_owned(),
        ));
    }
    let world = World::new("/");
    let line = command_line(&world)?;
    let word = ExportWord::find(&line).map_err(Failure::usage)?;
    let id = device_id::device_id(&world, None).map_err(Failure::usage)?;
    name_this_machine(id)
        .map_err(|error| Failure::Failed(format!("this machine can't be named: {error}")))?;
    let at = args.at.clone();
    if !args.bounded {
        keep_trying(&word, &at);
        return Ok(());
    }
    // A server that takes the line and says nothing holds mount(2) up for ever; the end of this process ends that.
    let wait = wait(&line);
    let (mounted, ended) = mpsc::channel();
    thread::spawn(move || {
        keep_trying(&word, &at);
        let _ = mounted.send(());
    });
    match ended.recv_timeout(Duration::from_secs(wait)) {
        Ok(()) => Ok(()),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(Failure::Failed(
            format!("the export could not be mounted within {wait} s"),
        )),
    }
}

fn keep_trying(word: &ExportWord, at: &Path) {
    let mut pauses = PAUSES.into_iter().chain(std::iter::repeat(PAUSES[3]));
    while let Err(error) = mount(word, at) {
        let pause = pauses.next().expect("there are always more");
        eprintln!("picketd: {error}; again in {pause} s");
        thread::sleep(Duration::from_secs(pause));
    }
}

/// Of several the last counts, and what is no such number isn't there.
fn wait(line: &str) -> u64 {
    let words = line.split_ascii_whitespace();
    let waits = words.filter_map(|word| word.strip_prefix(WAIT)?.parse().ok());
    let mut in_range = waits.filter(|seconds| (10..=3600).contains(seconds));
    in_range.next_back().unwrap_or(DEFAULT_WAIT)
}

pub(super) fn command_line(world: &World) -> Result<String, Failure> {
    let line = world.read("proc/cmdline", MAX_COMMAND_LINE);
    line.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|gap| Failure::Failed(format!("/proc/cmdline can't be read: {gap}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_server_is_waited_for_is_said_in_seconds_or_is_the_usual() {
        for (line, seconds) in [
            ("quiet", 120),
            ("picket.wait=30 quiet", 30),
            ("picket.wait=30 picket.wait=x", 30),
            ("picket.wait=9", 120),
            ("picket.wait=3601", 120),
        ] {
            assert_eq!(wait(line), seconds, "{line}");
        }
    }
}
