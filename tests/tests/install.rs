//! `picketd install` on root filesystems of several kinds: what it writes, that it does it once, and that it stays inside.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output},
};

use picket_tests::{
    binaries,
    debian::{self, Architecture},
    hostile_tree::{Outside, small_program},
};
use tempfile::TempDir;

#[test]
fn a_real_debian_has_picketd_enabled_and_a_second_time_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    debian::copy(Architecture::Amd64, root.path());
    let first = said(&install(root.path(), &[]));
    for changed in [
        "changed usr/bin/picketd\n",
        "/systemd/system/picketd.service\n",
        "changed etc/picket/picketd.toml\n",
        "systemd starts it\n",
    ] {
        assert!(first.contains(changed), "{first}");
    }
    let before = listing(root.path());
    let second = said(&install(root.path(), &[]));
    assert_eq!(
        second,
        "nothing to change: picketd is installed; systemd starts it\n"
    );
    assert_eq!(listing(root.path()), before);
    for unit in ["picketd.service", "picketd-guard.service"] {
        let asked = systemctl(root.path(), &["is-enabled", unit]);
        assert_eq!(said(&asked), "enabled\n", "{unit}");
    }
    let program = fs::metadata(root.path().join("usr/bin/picketd")).unwrap();
    assert_eq!(program.permissions().mode() & 0o7777, 0o755);
    // What systemd does when a system boots for the first time.
    assert!(systemctl(root.path(), &["preset-all"]).status.success());
    let asked = systemctl(root.path(), &["is-enabled", "picketd.service"]);
    assert_eq!(said(&asked), "enabled\n");
}

#[test]
fn a_configuration_is_kept_and_a_mask_is_not() {
    let root = systemd();
    let etc = root.path().join("etc");
    fs::create_dir_all(etc.join("picket")).unwrap();
    fs::write(etc.join("picket/picketd.toml"), "mine").unwrap();
    fs::create_dir_all(etc.join("systemd/system")).unwrap();
    symlink("/dev/null", etc.join("systemd/system/picketd.service")).unwrap();
    said(&install(root.path(), &[]));
    assert_eq!(
        fs::read_to_string(etc.join("picket/picketd.toml")).unwrap(),
        "mine"
    );
    assert!(!etc.join("systemd/system/picketd.service").exists());
}

#[test]
fn a_newer_picketd_is_left_and_one_that_is_none_is_replaced() {
    let program = fs::read(binaries::picketd()).unwrap();
    for (there, stays) in [
        (
            b"\x7fELF\x02\x01 picketd's version: 999.0.0\n...........".to_vec(),
            true,
        ),
        (b"#!/bin/sh\n# picketd's version: 999.0.0\n".to_vec(), false),
        (
            b"\x7fELF\x02\x01 picketd's version: 0.0.1\n...........".to_vec(),
            false,
        ),
        (Vec::new(), false),
    ] {
        let root = systemd();
        let at = root.path().join("usr/bin/picketd");
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(&at, &there).unwrap();
        let said = said(&install(root.path(), &[]));
        assert_eq!(said.contains("is newer (999.0.0)"), stays, "{said}");
        let expected = if stays { &there } else { &program };
        assert!(fs::read(&at).unwrap() == *expected);
    }
}

#[test]
fn other_inits_get_a_line_in_their_inittab_once() {
    let busybox = "::sysinit:/etc/init.d/rcS\n::ctrlaltdel:/sbin/reboot\n";
    let sysv =
        "id:2:initdefault:\nsi::sysinit:/etc/init.d/rcS\n1:2345:respawn:/sbin/getty 38400 tty1\n";
    for (inittab, init, line) in [
        (
            busybox,
            "busybox's init",
            "\n::respawn:/bin/sh -c '/bin/mkdir ",
        ),
        (
            sysv,
            "System V's init",
            "\npkt:2345:respawn:/bin/sh -c '/bin/mkdir ",
        ),
    ] {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("sbin")).unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::write(root.path().join("sbin/init"), "init").unwrap();
        fs::write(root.path().join("etc/inittab"), inittab).unwrap();
        let first = said(&install(root.path(), &[]));
        assert!(first.ends_with(&format!("{init} starts it\n")), "{first}");
        let after = fs::read_to_string(root.path().join("etc/inittab")).unwrap();
        assert!(
            after.starts_with(inittab) && after.contains(line),
            "{after}"
        );
        assert!(!root.path().join("etc/systemd").exists());
        assert!(said(&install(root.path(), &[])).starts_with("nothing to change"));
    }
}

#[test]
fn where_it_cannot_be_started_or_executed_nothing_is_written() {
    let arm = Path::new("/proc/self/exe");
    let empty = tempfile::tempdir().unwrap();
    let foreign = systemd();
    fs::create_dir_all(foreign.path().join("bin")).unwrap();
    let mut sh = vec![0; 64];
    sh[..6].copy_from_slice(b"\x7fELF\x02\x01");
    sh[18] = 183;
    fs::write(foreign.path().join("bin/sh"), sh).unwrap();
    for (root, arguments, says) in [
        (empty.path(), vec![], "has no init that is known"),
        (foreign.path(), vec![], "are for 64-bit ARM"),
        (
            foreign.path(),
            vec!["--program", "/etc/passwd"],
            "is no program",
        ),
        (
            foreign.path(),
            vec!["--program", "/nowhere"],
            "can't read the program",
        ),
        (arm, vec![], "can't open"),
    ] {
        let before = root.is_dir().then(|| listing(root));
        let output = install(root, &arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(says), "{error}");
        assert_eq!(root.is_dir().then(|| listing(root)), before);
    }
}

#[test]
fn a_hostile_tree_leads_nowhere_outside() {
    let outside = Outside::new();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("picketd");
    small_program(&program);
    let arguments = ["--program", program.to_str().unwrap()];
    let folders = [
        "usr",
        "usr/bin",
        "usr/lib/systemd/system",
        "usr/lib/systemd/system-preset",
        "etc",
        "etc/systemd",
        "etc/systemd/system",
        "etc/systemd/system/multi-user.target.wants",
        "etc/picket",
    ];
    for folder in folders {
        for target in outside.ways() {
            let root = systemd();
            outside.lead(root.path(), folder, &target);
            install(root.path(), &arguments);
            outside.check(folder, &target);
        }
    }
    for file in [
        "usr/bin/picketd",
        "usr/lib/systemd/system/picketd.service",
        "etc/systemd/system/picketd.service",
        "etc/systemd/system/multi-user.target.wants/picketd.service",
    ] {
        for target in outside.files() {
            let root = systemd();
            outside.lead(root.path(), file, &target);
            said(&install(root.path(), &arguments));
            outside.check(file, &target);
        }
        let root = systemd();
        outside.block(root.path(), file);
        said(&install(root.path(), &arguments));
    }
}

#[test]
fn on_a_full_or_read_only_disk_it_fails_and_what_was_there_stays() {
    for (options, then, says) in [
        ("size=32k", "true", "No space left on device"),
        (
            "size=400m",
            "mount -o remount,ro $1",
            "Read-only file system",
        ),
    ] {
        let root = tempfile::tempdir().unwrap();
        let script = format!(
            "set -e\nmount -t tmpfs -o {options} tmpfs $1\nmkdir -p $1/usr/bin $1/usr/lib/systemd\n\
             echo systemd >$1/usr/lib/systemd/systemd\necho before >$1/usr/bin/picketd\n{then}\n\
             ! $2 install --root $1 2>&1\nls -A $1/usr/bin\ncat $1/usr/bin/picketd"
        );
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script, "sh"])
            .arg(root.path())
            .arg(binaries::picketd())
            .output()
            .expect("unshare is there");
        let said = said(&output);
        assert!(
            said.contains(says) && said.contains("usr/bin/picketd"),
            "{said}"
        );
        assert!(said.ends_with("\npicketd\nbefore\n"), "{said}");
    }
}

/// A tree that systemd would start from, with nothing in it.
fn systemd() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let systemd = root.path().join("usr/lib/systemd");
    fs::create_dir_all(&systemd).unwrap();
    fs::write(systemd.join("systemd"), "systemd").unwrap();
    root
}

fn install(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binaries::picketd());
    command.arg("install").arg("--root").arg(root);
    command.args(arguments).output().unwrap()
}

fn systemctl(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("systemctl");
    command.arg("--root").arg(root).args(arguments);
    command.output().expect("systemctl is there")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything in a tree: names, modes, owners, times of change, targets.
fn listing(root: &Path) -> String {
    let listed = Command::new("find")
        .arg(root)
        .args(["-printf", "%P %y %m %U %G %T@ %s %l\n"])
        .output()
        .expect("find is there");
    said(&listed)
}
