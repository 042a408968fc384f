//! A disk that stops answering, as an NFS root does when its server hangs: the daemon goes on, and ends in time. The disk is a
//! FUSE mount that nobody serves, in a mount namespace of the daemon's own; it lasts as long as the daemon.
use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use picket_proto::{Action, State};
use rustix::process::Signal;

use crate::{
    rig::{Rig, Said},
    states, until_a_batch_of,
};

const QUERY: Action = Action::Query { operation: None };
/// 3 s for the goodbye and 5 s for the disk, and time for an emulator; TimeoutStopSec= is 15.
const STOPS_WITHIN: Duration = Duration::from_secs(14);

/// They wait for the most part, so they do it side by side.
#[tokio::test]
async fn a_dead_disk_holds_nothing_up() {
    tokio::join!(
        a_hangup_on_a_dead_disk_leaves_the_signers_in_force(),
        a_saved_spool_on_a_dead_disk_is_confirmed(),
        a_stop_on_a_dead_disk_ends_in_time_and_says_what_is_lost(),
        a_disk_that_is_dead_at_the_start_leaves_an_agent_that_observes(),
    );
}

async fn a_hangup_on_a_dead_disk_leaves_the_signers_in_force() {
    let mut rig = on_a_mortal_disk().await;
    rig.start().await;
    die(&rig, "allowed_signers");
    rig.signal(Signal::HUP);
    until_logged(&mut rig, "has not answered for 5 s").await;
    assert_eq!(states(&rig.operate(QUERY).await), [State::Succeeded]);
    goes_on(&mut rig).await;
    // Of what can't be read at once, no second thread waits.
    rig.signal(Signal::HUP);
    goes_on(&mut rig).await;
    rig.stop().await;
    let log = rig.log();
    assert!(
        log.contains("until then those may sign who may sign now"),
        "{log}"
    );
    assert_eq!(log.matches("has not answered").count(), 1, "{log}");
}

async fn a_saved_spool_on_a_dead_disk_is_confirmed() {
    let mut rig = on_a_mortal_disk().await;
    rig.start().await;
    stops_in_time(&mut rig).await;
    assert!(rig.path("alive/state/spool").exists());
    rig.start().await;
    die(&rig, "state");
    until_logged(&mut rig, "can't delete the spool").await;
    assert_eq!(states(&rig.operate(QUERY).await), [State::Succeeded]);
    goes_on(&mut rig).await;
    // What is saved must not be deleted after it.
    stops_in_time(&mut rig).await;
    assert!(rig.log().contains("can't save the spool"), "{}", rig.log());
}

async fn a_stop_on_a_dead_disk_ends_in_time_and_says_what_is_lost() {
    let mut rig = on_a_mortal_disk().await;
    rig.start().await;
    die(&rig, "state");
    stops_in_time(&mut rig).await;
    let log = rig.log();
    let said = log.lines().find(|line| line.contains("can't save"));
    let said = said.unwrap_or_else(|| panic!("{log}"));
    assert!(
        said.contains("has not answered for 5 s; what nobody confirmed is lost: ")
            && !said.contains(" 0 ticks")
            && !said.contains(" 0 events"),
        "{said}"
    );
}

async fn a_disk_that_is_dead_at_the_start_leaves_an_agent_that_observes() {
    let mut rig = on_a_mortal_disk().await;
    die(&rig, "state");
    die(&rig, "allowed_signers");
    let etc = rig.path("root/etc");
    fs::create_dir(&etc).unwrap();
    let on_etc = format!(
        "mount --bind {} {}",
        rig.path("dead").display(),
        etc.display()
    );
    rig.before = rig.before.take().map(|dead| format!("{dead} && {on_etc}"));
    rig.start().await;
    assert_eq!(rig.status.features.as_deref().unwrap(), ["telemetry"]);
    goes_on(&mut rig).await;
    until_logged(&mut rig, "until then this agent only observes").await;
    stops_in_time(&mut rig).await;
}

/// A machine whose state directory and signers lie on a disk that can die.
async fn on_a_mortal_disk() -> Rig {
    let mut rig = Rig::new().await;
    for made in ["alive", "dead"] {
        fs::create_dir(rig.path(made)).unwrap();
    }
    for name in ["state", "allowed_signers"] {
        let alive = rig.path("alive").join(name);
        fs::rename(rig.path(name), &alive).unwrap();
        symlink(alive, rig.path(name)).unwrap();
    }
    rig.before = Some(format!(
        "exec 9<>/dev/fuse && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 dead {}",
        rig.path("dead").display()
    ));
    rig
}

/// From now on whoever asks for that file waits.
fn die(rig: &Rig, name: &str) {
    let dead = rig.path("dying");
    symlink(rig.path("dead").join(name), &dead).unwrap();
    fs::rename(dead, rig.path(name)).unwrap();
}

/// With nobody who confirms anything.
async fn stops_in_time(rig: &mut Rig) {
    let begin = Instant::now();
    rig.signal(Signal::TERM);
    rig.ignore().await;
    assert!(rig.ended().await.success());
    let took = begin.elapsed();
    assert!(took < STOPS_WITHIN, "{took:?}");
}

/// Batches keep coming.
async fn goes_on(rig: &mut Rig) {
    rig.batches.clear();
    for _ in 0..3 {
        until_a_batch_of(rig, 1, 200).await;
    }
}

async fn until_logged(rig: &mut Rig, words: &str) {
    while !rig.log().contains(words) {
        while !matches!(rig.next().await.expect("the daemon stays"), Said::Batch(_)) {}
    }
}
