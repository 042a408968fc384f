//! A state directory that takes nothing: what must survive is refused before anything is done, and nothing else suffers.
use std::fs;

use picket_proto::{Action, DeviceId, Reason, State};
use picketd::journal;

use crate::{
    REBOOT, refusal,
    rig::{Rig, Said},
    slow, states, until_a_batch_of,
};

#[tokio::test]
async fn without_a_disk_periods_are_refused_and_nothing_else_is() {
    for (what, script) in STATES {
        let mut rig = Rig::new().await;
        rig.before = Some(script.replace("$state", &rig.path("state").display().to_string()));
        rig.start().await;
        let reports = rig.operate(slow()).await;
        assert_eq!(
            refusal(&reports),
            Some(Reason::Journal),
            "{what}: {reports:?}"
        );
        assert_eq!(rig.status.sample_every_ms, Some(200), "{what}");
        rig.batches.clear();
        until_a_batch_of(&mut rig, 1, 200).await;
        let query = rig.operate(Action::Query { operation: None }).await;
        assert_eq!(states(&query), [State::Succeeded], "{what}");

        let before = rig.boot();
        let reports = rig.operate(REBOOT).await;
        assert_eq!(
            states(&reports),
            [State::Accepted, State::Preflight, State::Rebooting],
            "{what}"
        );
        assert!(rig.ended().await.success(), "{what}");
        assert_ne!(rig.boot(), before, "{what}");
    }
}

#[tokio::test]
async fn a_disk_that_comes_back_takes_periods_again() {
    let mut rig = Rig::new().await;
    let state = rig.path("state");
    fs::remove_dir(&state).unwrap();
    rig.start().await;
    assert_eq!(refusal(&rig.operate(slow()).await), Some(Reason::Journal));
    fs::create_dir(&state).unwrap();
    let reports = rig.operate(slow()).await;
    assert_eq!(
        states(&reports).last(),
        Some(&State::Succeeded),
        "{reports:?}"
    );
    rig.restart().await;
    assert_eq!(rig.status.sample_every_ms, Some(500));
}

#[tokio::test]
async fn a_journal_that_is_damaged_or_anothers_is_reported_and_kept() {
    for (kind, way) in [("foreign", None), ("corrupt", Some("damaged"))] {
        let mut rig = Rig::new().await;
        let journal = rig.path("state/journal");
        match way {
            Some(text) => fs::write(&journal, text).unwrap(),
            None => drop(journal::open(&rig.path("state"), DeviceId([1; 8]))),
        }
        let bytes = fs::read(&journal).unwrap();
        rig.start().await;
        let report = loop {
            match rig.next().await.expect("the daemon stays") {
                Said::Report(report) => break report,
                _ => continue,
            }
        };
        assert_eq!(report.operation, None, "{kind}: {report:?}");
        assert_eq!(report.reason, Some(Reason::JournalCorrupt), "{kind}");
        let kept = rig.path(&format!("state/journal.{kind}-1"));
        let words = report.detail.unwrap();
        assert!(words.contains(kept.to_str().unwrap()), "{words}");
        assert_eq!(fs::read(kept).unwrap(), bytes, "{kind}");
        rig.stop().await;
        assert!(!rig.log().contains("a command"), "{kind}: {}", rig.log());
    }
}

/// What is done to the state directory, in a mount namespace of the daemon's own: util-linux's unshare makes it.
const STATES: [(&str, &str); 3] = [
    (
        "full",
        "mount -t tmpfs -o size=8k picket $state && ! head -c 1M /dev/zero >$state/fill 2>/dev/null",
    ),
    ("read-only", "mount -t tmpfs -o ro picket $state"),
    ("missing", "rmdir $state"),
];
