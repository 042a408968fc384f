//! Tests of the host as the owner loop sees it. Nothing here can bring down a machine: in unit tests its type has no value.
use std::{fs, path::Path, time::Duration};

use picket_proto::BootId;
use tokio::time::timeout;

use super::*;
use crate::guard::Order;

const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";

#[tokio::test]
async fn a_tree_goes_down_once() {
    let tree = tempfile::tempdir().unwrap();
    put(tree.path(), BOOT_ID, "old");
    let mut host = open(&World::new(tree.path()));
    host.reboot();
    host.reboot();
    assert_eq!(host.event().await, HostEvent::Down);
    assert_ne!(
        fs::read_to_string(tree.path().join(BOOT_ID)).unwrap(),
        "old"
    );
    assert_eq!(silent(&mut host).await, None);
}

#[tokio::test]
async fn a_tree_that_cant_go_down_says_so_each_time_it_is_asked() {
    let tree = tempfile::tempdir().unwrap();
    let mut host = open(&World::new(tree.path()));
    for _ in 0..2 {
        host.reboot();
        let HostEvent::Stayed(why) = host.event().await else {
            panic!("it went down")
        };
        assert!(why.contains("can't give the tree another boot id"), "{why}");
    }
    put(tree.path(), BOOT_ID, "old");
    host.reboot();
    assert_eq!(host.event().await, HostEvent::Down);
}

#[tokio::test]
async fn the_machine_that_runs_the_tests_stays() {
    let mut host = open(&World::new("/"));
    for _ in 0..2 {
        host.reboot();
        let why = "this is a unit test".to_owned();
        assert_eq!(host.event().await, HostEvent::Stayed(why));
    }
}

#[tokio::test]
async fn a_ladder_that_fails_is_told_step_by_step_and_can_be_taken_again() {
    let (events, mut told) = unbounded_channel();
    let under_way = Arc::new(AtomicBool::new(true));
    let run_dir = tempfile::tempdir().unwrap();
    let post = Post::new(run_dir.path(), Some(BootId([7; 16])));
    let failing = Failing(run_dir.path().to_owned());
    let patience = Patience::new(post, Seen::default());
    go_down(Box::new(failing), under_way.clone(), (patience, events));
    let mut steps = 0;
    let why = loop {
        match told.recv().await.unwrap() {
            HostEvent::Rung(_) => steps += 1,
            HostEvent::Stayed(why) => break why,
            event => panic!("{event:?}"),
        }
    };
    assert_eq!((steps, why.as_str()), (4, "no systemd; no reboot; no key"));
    assert!(!under_way.load(Ordering::Acquire));
    assert_eq!(Order::read(run_dir.path()), None, "it is taken back");
}

#[tokio::test]
async fn preflight_and_identify_are_answered_also_after_a_wait_that_was_given_up() {
    let tree = tempfile::tempdir().unwrap();
    put(tree.path(), "run/picket/inhibit", "backup");
    let mut host = open(&World::new(tree.path()));
    assert_eq!(silent(&mut host).await, None);
    host.preflight();
    let preflight = Preflight {
        inhibited: Some("backup".to_owned()),
        warnings: Vec::new(),
    };
    assert_eq!(host.event().await, HostEvent::Preflighted(preflight));
    host.identify(5);
    let HostEvent::Identified(Err(why)) = host.event().await else {
        panic!("it blinks")
    };
    assert!(why.contains("there is no LED"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_events_makes_the_led_blink_and_a_stop_ends_it() {
    let tree = tempfile::tempdir().unwrap();
    let [trigger, brightness] =
        ["trigger", "brightness"].map(|part| format!("sys/class/leds/ACT/{part}"));
    put(tree.path(), &trigger, "none [mmc0]\n");
    put(tree.path(), &brightness, "0\n");
    fs::create_dir_all(tree.path().join("run/picket")).unwrap();
    let mut host = open(&World::new(tree.path()));
    host.identify(60);
    assert_eq!(host.event().await, HostEvent::Identified(Ok(())));
    let mut seen = Vec::new();
    for _ in 0..4 {
        assert_eq!(silent(&mut host).await, None);
        seen.push(fs::read_to_string(tree.path().join(&brightness)).unwrap());
    }
    assert_eq!(seen, ["255", "0", "255", "0"]);
    host.stop();
    assert_eq!(
        fs::read_to_string(tree.path().join(&trigger)).unwrap(),
        "mmc0"
    );
    assert_eq!(silent(&mut host).await, None);
}

#[test]
fn the_document_names_what_is_looked_at() {
    let text = include_str!("../../../docs/COMMANDS.md");
    for told in [
        format!("`/{}`", preflight::INHIBIT),
        "`/run/picket/led`".to_owned(),
        format!(
            "(`/{}`, else `/{}`)",
            preflight::BOOT_FOLDERS[0],
            preflight::BOOT_FOLDERS[1]
        ),
        format!(
            "has {} s, or {} s on a dead root; then what is dirty is written for at most {} s; then reboot(2), {} s",
            patience::SYSTEMD.as_secs(),
            patience::ON_A_DEAD_ROOT.as_secs(),
            ladder::DISKS.as_secs(),
            ladder::KERNEL.as_secs()
        ),
    ] {
        assert!(text.contains(&told), "{told}");
    }
}

/// No step works; the guard has its order before systemd is asked, in that run directory.
struct Failing(std::path::PathBuf);

impl Rungs for Failing {
    fn signal(&self) -> Result<i32, String> {
        Ok(39)
    }

    fn ask(&mut self, _: i32) -> Result<(), String> {
        assert!(Order::read(&self.0).is_some(), "the guard has no order");
        Err("no systemd".to_owned())
    }

    fn sync(&mut self, _: Duration) -> bool {
        true
    }

    fn reboot(&mut self) -> Result<(), String> {
        Err("no reboot".to_owned())
    }

    fn sysrq(&mut self) -> Result<(), String> {
        Err("no key".to_owned())
    }

    fn wait(&mut self, _: Duration) {
        panic!("it waited for a step that failed")
    }
}

/// What comes within less than half of a blink.
async fn silent(host: &mut AnyHost) -> Option<HostEvent> {
    timeout(Duration::from_millis(249), host.event()).await.ok()
}

fn put(tree: &Path, path: &str, text: &str) {
    let path = tree.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
