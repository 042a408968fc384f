//! Days that pass for a slot that is kept: the journal says that they began earlier, which the agent finds when it is started.
use std::{
    fs,
    path::{Path, PathBuf},
};

use picket_proto::DeviceId;
use picketd::journal::{self, Kept, Outcome, Record};
use tempfile::TempDir;

const DAY_S: u64 = 86_400;

/// The journal of a device.
#[derive(Debug, Clone)]
pub struct Days {
    file: PathBuf,
    device: DeviceId,
}

impl Days {
    /// The journal in the folder `picket` of that export.
    #[must_use]
    pub fn of(export: &Path, device: DeviceId) -> Self {
        Self {
            file: export.join("picket/journal"),
            device,
        }
    }

    /// What is kept, and since when.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        let copy = self.copy()?;
        let record = journal::open(copy.path(), self.device).record;
        record?.kept.first().copied()
    }

    /// So many pass.
    pub fn pass(&self, days: u64) {
        let copy = self.copy().expect("the agent has one");
        let opened = journal::open(copy.path(), self.device);
        let (mut record, mut journal) = (opened.record.expect("it holds one"), opened.journal);
        for kept in &mut record.kept {
            let since = kept.since.as_mut().expect("the days count");
            since.time_s -= days * DAY_S;
        }
        write(&mut journal, record);
        fs::copy(copy.path().join("journal"), &self.file).expect("the tree is writable");
    }

    /// The agent may be writing the other one.
    fn copy(&self) -> Option<TempDir> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::copy(&self.file, folder.path().join("journal")).ok()?;
        Some(folder)
    }
}

fn write(journal: &mut journal::Journal, record: Record) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    journal.write(record).expect("nothing else is written");
    let written = runtime.expect("it can be had").block_on(journal.outcome());
    assert_eq!(written, Outcome::Written);
}
