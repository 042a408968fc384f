//! Tests of the preflight, on trees.
use std::{fs, os::unix::fs::symlink, path::Path, sync::mpsc};

use rustix::fs::{CWD, Mode, mkfifoat};
use tokio::time::Instant;

use super::*;

#[test]
fn the_first_line_of_the_inhibit_file_is_the_reason_bounded_and_harmless() {
    let long = "ä".repeat(200);
    let cut = "ä".repeat(128);
    for (text, expected) in [
        ("backup until noon\nsecond line\n", "backup until noon"),
        ("  no newline  ", "no newline"),
        ("", "/run/picket/inhibit gives no reason"),
        ("\nbelow\n", "/run/picket/inhibit gives no reason"),
        ("red \x1b[31m\u{9b}\tend", "red \\u{1b}[31m\\u{9b}\\tend"),
        (long.as_str(), cut.as_str()),
    ] {
        let tree = tempfile::tempdir().unwrap();
        put(tree.path(), INHIBIT, text);
        let told = inhibited(&World::new(tree.path())).unwrap();
        assert_eq!(told, expected, "{text:?}");
    }
    let control = "\u{7f}".repeat(300);
    let told = reason(control.as_bytes());
    assert!(
        told.len() <= MOST_REASON && told.starts_with("\\u{7f}"),
        "{told}"
    );
    assert_eq!(reason(b"\xff\xfe"), "\u{fffd}\u{fffd}");
}

#[test]
fn whatever_lies_at_the_inhibit_files_place_inhibits() {
    let tree = tempfile::tempdir().unwrap();
    let world = World::new(tree.path());
    assert_eq!(inhibited(&world), None);
    let path = tree.path().join(INHIBIT);
    fs::create_dir_all(&path).unwrap();
    let unreadable = "/run/picket/inhibit is there and can't be read: garbled";
    assert_eq!(inhibited(&world).as_deref(), Some(unreadable));
    fs::remove_dir(&path).unwrap();
    mkfifoat(CWD, &path, Mode::RUSR).unwrap();
    assert_eq!(inhibited(&world).as_deref(), Some(unreadable));
    for target in ["/nowhere", "/run/picket/reason"] {
        put(tree.path(), "run/picket/reason", "of another file");
        fs::remove_file(&path).unwrap();
        symlink(target, &path).unwrap();
        let told = inhibited(&world).unwrap();
        assert!(told.contains("is a symlink"), "{target}: {told}");
    }
}

#[test]
fn a_mounted_boot_folder_that_lacks_something_is_a_warning() {
    const FIRMWARE: &str = "29 1 0:26 / /boot/firmware rw - nfs 192.0.2.1:/boot rw\n";
    const BOOT: &str = "28 1 0:25 / /boot rw,relatime shared:1 - vfat /dev/mmcblk0p1 rw\n";
    let [no_cmdline, no_kernel] = ["cmdline.txt", "kernel"].map(|what| format!("has no {what}"));
    let (cmdline, kernel) = (no_cmdline.as_str(), no_kernel.as_str());
    for (mounts, files, warnings) in [
        ("", "boot/firmware/x", vec![]),
        (
            "27 1 0:25 / /boot/firmware2 rw - nfs x rw\n",
            "boot/x",
            vec![],
        ),
        (
            FIRMWARE,
            "boot/firmware/cmdline.txt boot/firmware/kernel8.img",
            vec![],
        ),
        (
            FIRMWARE,
            "boot/firmware/cmdline.txt boot/firmware/vmlinuz",
            vec![],
        ),
        (
            FIRMWARE,
            "boot/firmware/kernel8.img boot/cmdline.txt",
            vec![cmdline],
        ),
        (
            FIRMWARE,
            "boot/firmware/cmdline.txt boot/firmware/kernel.txt",
            vec![kernel],
        ),
        (FIRMWARE, "boot/firmware/x", vec![cmdline, kernel]),
        (
            BOOT,
            "boot/cmdline.txt boot/vmlinuz-6.12.9+deb13-arm64",
            vec![],
        ),
        (
            BOOT,
            "boot/firmware/cmdline.txt boot/firmware/kernel8.img",
            vec![cmdline, kernel],
        ),
        (
            FIRMWARE,
            "boot/x",
            vec!["the boot folder /boot/firmware can't be read: absent"],
        ),
    ] {
        let tree = tempfile::tempdir().unwrap();
        put(tree.path(), "proc/self/mountinfo", mounts);
        for file in files.split(' ') {
            put(tree.path(), file, "");
        }
        let told = boot_warnings(&World::new(tree.path()));
        assert_eq!(told.len(), warnings.len(), "{mounts} {files}: {told:?}");
        for (told, words) in told.iter().zip(warnings) {
            assert!(
                told.contains(words) && told.contains("/boot"),
                "{files}: {told}"
            );
        }
    }
    assert_eq!(boot_warnings(&World::new("/no/such/tree")), [""; 0]);
}

#[tokio::test]
async fn a_look_tells_both() {
    let tree = tempfile::tempdir().unwrap();
    put(tree.path(), INHIBIT, "backup");
    put(
        tree.path(),
        "proc/self/mountinfo",
        "28 1 0:25 / /boot rw - nfs x rw\n",
    );
    put(tree.path(), "boot/cmdline.txt", "");
    symlink("elsewhere", tree.path().join("boot/vmlinuz")).unwrap();
    let mut preflights = Preflights::new(&World::new(tree.path()));
    preflights.begin();
    let told = Preflight {
        inhibited: Some("backup".to_owned()),
        warnings: vec![],
    };
    assert_eq!(preflights.ended().await, told);
}

#[tokio::test]
async fn a_boot_folder_that_hangs_is_a_warning_and_no_obstacle() {
    let tree = tempfile::tempdir().unwrap();
    put(tree.path(), INHIBIT, "backup");
    let mut preflights = Preflights::new(&World::new(tree.path()));
    let (answer, hanging) = mpsc::channel();
    tokio::time::pause();
    let start = Instant::now();
    preflights.begin_with(move || hanging.recv().unwrap());
    let cancelled = tokio::time::timeout(Duration::from_secs(1), preflights.ended()).await;
    assert!(cancelled.is_err());
    let hangs = Preflight {
        inhibited: Some("backup".to_owned()),
        warnings: vec![
            "the boot folder does not answer within 2 s, so nobody looked at it".to_owned(),
        ],
    };
    assert_eq!(preflights.ended().await, hangs);
    assert_eq!(start.elapsed().as_secs(), 2);
    preflights.begin_with(|| panic!("two threads hang"));
    assert_eq!(preflights.ended().await, hangs);
    assert_eq!(start.elapsed().as_secs(), 2, "it waited");
    // From here on a thread answers, which a clock that jumps doesn't wait for.
    tokio::time::resume();
    answer.send(vec!["too late".to_owned()]).unwrap();
    while preflights.look.is_out() {
        let nothing = tokio::time::timeout(Duration::from_millis(1), preflights.ended()).await;
        assert!(nothing.is_err(), "it was told after its end");
    }
    preflights.begin_with(|| vec!["looked".to_owned()]);
    assert_eq!(preflights.ended().await.warnings, ["looked"]);
}

#[tokio::test]
async fn a_look_that_is_under_way_counts_for_the_next_preflight_too() {
    let tree = tempfile::tempdir().unwrap();
    let mut preflights = Preflights::new(&World::new(tree.path()));
    let (answer, looking) = mpsc::channel();
    preflights.begin_with(move || looking.recv().unwrap());
    put(tree.path(), INHIBIT, "backup");
    preflights.begin_with(|| panic!("two threads look"));
    answer.send(vec!["looked".to_owned()]).unwrap();
    let told = Preflight {
        inhibited: Some("backup".to_owned()),
        warnings: vec!["looked".to_owned()],
    };
    assert_eq!(preflights.ended().await, told);
}

fn put(tree: &Path, path: &str, text: &str) {
    let path = tree.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
