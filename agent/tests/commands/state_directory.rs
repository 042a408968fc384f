//! A state directory that takes nothing: what must survive is refused before anything is done, and nothing else suffers.
use std::fs;

use picket_proto::{Action, Reason, State};

use crate::{REBOOT, refusal, rig::Rig, slow, states, until_a_batch_of};

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

/// What is done to the state directory, in a mount namespace of the daemon's own: util-linux's unshare makes it.
const STATES: [(&str, &str); 3] = [
    (
        "full",
        "mount -t tmpfs -o size=8k picket $state && ! head -c 1M /dev/zero >$state/fill 2>/dev/null",
    ),
    ("read-only", "mount -t tmpfs -o ro picket $state"),
    ("missing", "rmdir $state"),
];
