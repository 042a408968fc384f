//! What joins the verdicts to the rest: their core is shown what was seen, and what it says becomes an event, a word in `status`
//! and a line in the log. It decides nothing.
use std::io;

use picket_proto::{DiskFault, NfsState, NfsVerdict, Status};
use rustix::io::Errno;

use super::{Agent, Outside};
use crate::{
    clock::{self, Bell},
    host::{Host, Root},
    link::Link,
    sampler::{NfsInBand, Sampler},
    sources::{nfs_in_band, nfs_server},
    telemetry,
    verdict::{self, Change, Input, PATIENCE_MS, Verdicts},
    world::World,
};

impl Agent {
    /// After a tick: how the server looked in its sample. Then the next in-band probe is made.
    pub(super) fn judge<L: Link, H: Host>(&mut self, outside: &mut Outside<L, H>) {
        self.see(Input::Tick(self.parts.sampler.views()), outside);
        if let Some(room) = self.parts.sampler.room() {
            self.see(Input::Room(room), outside);
        }
        let now_ms = clock::boottime_ms();
        let due_ms = self.parts.verdicts.deadline();
        self.parts
            .sampler
            .ask_in_band(now_ms, due_ms.unwrap_or(now_ms + PATIENCE_MS));
    }

    /// The in-band probe has no answer in time, or a late one.
    pub(super) fn bell_rang<L: Link, H: Host>(&mut self, outside: &mut Outside<L, H>) {
        self.see(Input::InBand(self.parts.sampler.in_band()), outside);
    }

    /// What a write to the disk met. An error that is none of the disk (a right, a name) says nothing.
    pub(super) fn disk_said<L: Link, H: Host>(
        &mut self,
        said: Result<(), Errno>,
        outside: &mut Outside<L, H>,
    ) {
        match said.map_err(verdict::fault) {
            Ok(()) => self.see(Input::Wrote(Ok(())), outside),
            Err(Some(fault)) => self.see(Input::Wrote(Err(fault)), outside),
            Err(None) => {}
        }
    }

    /// The saved spool is deleted, or not: that is a write, too.
    pub(super) fn spool_deleted<L: Link, H: Host>(
        &mut self,
        deleted: io::Result<()>,
        outside: &mut Outside<L, H>,
    ) {
        let said = said(&deleted);
        self.tell_deleted(deleted);
        self.disk_said(said, outside);
    }

    fn see<L: Link, H: Host>(&mut self, input: Input, outside: &mut Outside<L, H>) {
        let change = self.parts.verdicts.handle(input, clock::boottime_ms());
        let Some(change) = change else {
            return;
        };
        note(&change);
        if let Change::Nfs(verdict) = &change {
            outside.host.root_is(root(verdict.verdict));
        }
        tell(&self.parts.verdicts, &mut self.parts.status);
        self.tell(telemetry::Input::Edge(change.into()), outside);
        self.announce(outside);
    }
}

/// What is thought of the server and the disk before anything was seen of the one, and `said` by the other.
pub(super) fn begin(world: &World, said: Result<(), Errno>) -> Verdicts {
    let mut verdicts = match nfs_server::is_nfs(world, world.root_mount()) {
        true => Verdicts::of_nfs(clock::boottime_ms()),
        false => Verdicts::of_disk(),
    };
    if let Some(fault) = said.err().and_then(verdict::fault) {
        verdicts.handle(Input::Wrote(Err(fault)), clock::boottime_ms());
    }
    verdicts
}

/// Starts the in-band probe where there is something to ask; the bell is mute elsewhere, and where there can be no thread for it.
pub(super) fn in_band(world: &World, wanted: NfsInBand, sampler: &mut Sampler) -> io::Result<Bell> {
    let root = match wanted {
        NfsInBand::Auto => nfs_in_band::root(world, world.root_mount()),
        NfsInBand::Off => None,
    };
    let Some(root) = root else {
        return Ok(Bell::mute());
    };
    let (bell, striker) = Bell::new()?;
    match nfs_in_band::Probe::spawn(root, striker) {
        Ok(probe) => sampler.drive_in_band(probe),
        Err(error) => tracing::warn!(
            "the in-band probe has no thread: {error}; a server that hangs shows later, by its NULL calls alone"
        ),
    }
    Ok(bell)
}

/// What the system said, in the kernel's numbers.
fn said(result: &io::Result<()>) -> Result<(), Errno> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(Errno::TIMEDOUT),
        // Whatever isn't the kernel's says nothing of the disk, like a right that is missing.
        Err(error) => Err(error
            .raw_os_error()
            .map_or(Errno::PERM, Errno::from_raw_os_error)),
    }
}

/// What an operator should know who wants a reboot: after it the machine may not come up.
pub(super) fn warnings(verdicts: &Verdicts) -> Vec<String> {
    let server = verdicts.nfs().and_then(|nfs| match nfs.verdict {
        NfsState::Stalled => Some("the NFS server of the root doesn't answer".to_owned()),
        NfsState::Stale => Some(
            "the NFS server doesn't know this root any more (ESTALE); see that the export is there"
                .to_owned(),
        ),
        NfsState::Ok | NfsState::Slow | NfsState::Other(_) => None,
    });
    let disk = verdicts.disk();
    let disk = disk.map(|disk| format!("the disk is {}", words(disk.fault)));
    server.into_iter().chain(disk).collect()
}

/// What `status` tells of them.
pub(super) fn tell(verdicts: &Verdicts, status: &mut Status) {
    status.nfs_verdict = verdicts.nfs();
    status.disk_trouble = verdicts.disk();
}

/// What that verdict means for the way down.
fn root(verdict: NfsState) -> Root {
    match verdict {
        NfsState::Stalled | NfsState::Stale => Root::Dead,
        NfsState::Ok | NfsState::Slow | NfsState::Other(_) => Root::Answers,
    }
}

fn note(change: &Change) {
    match change {
        Change::Nfs(NfsVerdict { verdict, since_ms }) => match verdict {
            NfsState::Ok => tracing::info!("the NFS server of the root answers as it should"),
            NfsState::Slow => tracing::warn!("the NFS server of the root answers, and slowly"),
            NfsState::Stalled => tracing::error!(
                since_ms,
                "the NFS server of the root doesn't answer; look at the server and the line to it"
            ),
            NfsState::Stale => tracing::error!(
                "the NFS server doesn't know this root any more (ESTALE); only a reboot helps, once the export is there"
            ),
            NfsState::Other(_) => {}
        },
        Change::Disk {
            active: false,
            fault,
        } => tracing::info!("the disk is no more {}", words(*fault)),
        Change::Disk {
            active: true,
            fault,
        } => tracing::error!("the disk is {}", words(*fault)),
    }
}

fn words(fault: DiskFault) -> &'static str {
    match fault {
        DiskFault::Full => "full (ENOSPC)",
        DiskFault::ReadOnly => "read-only (EROFS)",
        DiskFault::Quota => "at its quota (EDQUOT)",
        DiskFault::IoError => "failing (EIO)",
        DiskFault::Stale => "gone (ESTALE)",
        DiskFault::NoAnswer => "silent: it doesn't answer",
        DiskFault::Other(_) => "refusing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_wants_a_reboot_is_told_what_is_known_of_the_disk_and_its_server() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        for (said, expected) in [
            (Ok(()), Vec::new()),
            (Err(Errno::NOSPC), vec!["the disk is full (ENOSPC)"]),
            (Err(Errno::ROFS), vec!["the disk is read-only (EROFS)"]),
            (Err(Errno::DQUOT), vec!["the disk is at its quota (EDQUOT)"]),
        ] {
            assert_eq!(warnings(&begin(&world, said)), expected, "{said:?}");
        }
        let mut verdicts = Verdicts::of_nfs(0);
        assert_eq!(warnings(&verdicts), Vec::<String>::new());
        verdicts.handle(Input::InBand(verdict::InBand::Stale), 1_000);
        let stale = warnings(&verdicts);
        assert!(stale[0].contains("ESTALE"), "{stale:?}");
        let mut verdicts = Verdicts::of_nfs(0);
        let waiting = verdict::InBand::Waiting { since_ms: 1_000 };
        verdicts.handle(Input::InBand(waiting), 60_000);
        let stalled = warnings(&verdicts);
        assert!(stalled[0].contains("doesn't answer"), "{stalled:?}");
    }
}
