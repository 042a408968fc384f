//! What outlives the agent: how far it came, in the run directory, and what nobody confirmed, in the state directory. It doesn't
//! know when that is written.
use std::io;

use picket_proto::{Quality, WallClock};

use super::{Agent, disk::Disk};
use crate::{log::chain, runtime_state::Progress};

impl Agent {
    /// The last act: what is not confirmed goes to the state directory, once. It waits for the disk 5 s at most.
    pub(super) async fn save(&self, disk: &mut Disk) {
        let _ = self.write_progress(&self.progress());
        let image = self.parts.telemetry.save();
        if let Err(error) = disk.save_spool(&self.parts.state_dir, image).await {
            let directory = self.parts.state_dir.display();
            let (ticks, events) = self.parts.telemetry.unconfirmed();
            tracing::warn!(
                "can't save the spool in {directory}: {error}; what nobody confirmed is lost: {ticks} ticks and {events} events"
            );
        }
    }

    /// The saved spool is deleted when nothing of it is pending any more: until then a crash must not lose it.
    pub(super) fn drop_saved(&mut self, disk: &mut Disk) {
        if !self.parts.saved || self.parts.telemetry.restored_pending() {
            return;
        }
        self.parts.saved = false;
        if let Err(error) = disk.delete_spool(&self.parts.state_dir) {
            self.tell_deleted(Err(error));
        }
    }

    /// What became of the deletion.
    pub(super) fn tell_deleted(&self, deleted: io::Result<()>) {
        let directory = self.parts.state_dir.display();
        match deleted {
            Ok(()) => tracing::debug!("the spool in {directory} is confirmed and deleted"),
            Err(error) => tracing::warn!(
                "can't delete the spool in {directory}, all of which is confirmed: {error}; the next start offers it again"
            ),
        }
    }

    /// The first good time of a run is kept for the next boot, where certificates are judged before the clock is set.
    pub(super) fn keep_time(&mut self, wall: WallClock, boottime_ms: u64, disk: &mut Disk) {
        let files = &self.parts.config.files;
        let wanted = files.credentials.settings.broker.tls && !self.time_kept;
        if !wanted || wall.quality != Quality::Synchronised {
            return;
        }
        self.time_kept = true;
        let unix_s = (wall.offset_ms + i64::try_from(boottime_ms).unwrap_or(0)) / 1_000;
        if let Err(error) = disk.keep_time(&self.parts.state_dir, unix_s) {
            tracing::debug!("the good time can't be kept: {error}");
        }
    }

    pub(super) fn keep_progress(&mut self) {
        let progress = self.progress();
        if self.recorded == Some(progress) {
            return;
        }
        let failed = !self.write_progress(&progress);
        self.recorded = (!failed).then_some(progress);
        if failed && !self.state_failed {
            tracing::error!(
                "can't write the run directory: after a restart in this boot, ticks are numbered again"
            );
        }
        self.state_failed = failed;
    }

    fn progress(&self) -> Progress {
        Progress {
            resume: self.parts.telemetry.progress(),
            connection: self.parts.connection,
        }
    }

    fn write_progress(&self, progress: &Progress) -> bool {
        self.parts
            .state
            .write(progress)
            .inspect_err(|error| tracing::debug!("{}", chain(error)))
            .is_ok()
    }
}
