//! The operator's overlay comes last and is copied as it is, and so are the modules of the running kernel.
use std::{
    fs::FileTimes,
    os::unix::fs::{FileTypeExt, chown, lchown, symlink},
    time::{Duration, SystemTime},
};

use picketd::reinstall::personalise::Kernel;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::*;

#[test]
fn an_overlay_beats_the_image_and_keeps_types_owners_and_times() {
    let (root, overlay) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (root, from) = (root.path(), overlay.path());
    write(root, "usr/lib/systemd/systemd", "systemd");
    symlink("usr/lib", root.join("lib")).unwrap();
    write(root, "etc/motd", "the image's");
    symlink("/etc/motd", root.join("etc/issue")).unwrap();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for (path, mode, owner) in [
        ("etc/motd", 0o640, (7, 8)),
        ("etc/issue", 0o644, (0, 0)),
        ("lib/own/tool", 0o4755, (0, 0)),
        ("etc/hostname", 0o644, (0, 0)),
        ("etc/picket/picketd.toml", 0o600, (0, 0)),
        ("etc/ssh/ssh_host_ed25519_key", 0o600, (0, 0)),
    ] {
        write(from, path, "the operator's");
        chown(from.join(path), Some(owner.0), Some(owner.1)).unwrap();
        fs::set_permissions(from.join(path), fs::Permissions::from_mode(mode)).unwrap();
        let file = fs::File::options()
            .write(true)
            .open(from.join(path))
            .unwrap();
        file.set_times(FileTimes::new().set_modified(old)).unwrap();
    }
    // Host keys of the operator's own, whose fingerprint is what counts.
    write(from, "etc/ssh/ssh_host_ed25519_key.pub", KEY);
    fs::create_dir_all(from.join("srv/sticky")).unwrap();
    fs::set_permissions(from.join("srv/sticky"), fs::Permissions::from_mode(0o1777)).unwrap();
    symlink("/nowhere", from.join("srv/link")).unwrap();
    lchown(from.join("srv/link"), Some(7), Some(8)).unwrap();
    let made = |kind, name: &str, device| {
        mknodat(CWD, from.join(name), kind, Mode::empty(), device).unwrap();
        fs::set_permissions(from.join(name), fs::Permissions::from_mode(0o620)).unwrap();
    };
    made(FileType::Fifo, "srv/fifo", 0);
    made(FileType::CharacterDevice, "srv/null", makedev(1, 3));
    let mut around = around();
    around.overlay = Some(Tree::open(from).unwrap());
    let made = make(root, &around).unwrap();

    for (path, is) in [
        ("etc/motd", "640 7:8"),
        ("etc/issue", "644 0:0"),
        ("usr/lib/own/tool", "4755 0:0"),
        ("etc/picket/picketd.toml", "600 0:0"),
        ("etc/hostname", "644 0:0"),
    ] {
        assert_eq!(read(root, path), "the operator's", "{path}");
        assert_eq!(rights(root, path), is, "{path}");
        let modified = fs::metadata(root.join(path)).unwrap().modified().unwrap();
        assert_eq!(modified, old, "{path}");
    }
    assert_eq!(target(root, "lib"), "usr/lib");
    assert_eq!(rights(root, "srv/sticky"), "1777 0:0");
    assert_eq!(target(root, "srv/link"), "/nowhere");
    let link = fs::symlink_metadata(root.join("srv/link")).unwrap();
    assert_eq!((link.uid(), link.gid()), (7, 8));
    let fifo = fs::symlink_metadata(root.join("srv/fifo")).unwrap();
    assert!(fifo.file_type().is_fifo());
    let null = fs::symlink_metadata(root.join("srv/null")).unwrap();
    assert!(null.file_type().is_char_device() && null.rdev() == makedev(1, 3));
    assert_eq!(null.permissions().mode() & 0o7777, 0o620);
    let listed = said(&run(
        "sh",
        &["-c", &format!("echo '{KEY}' | ssh-keygen -l -f -")],
    ));
    assert_eq!(made.host_keys, [listed.trim()]);
}

#[test]
fn modules_come_from_the_running_system_only_if_the_image_lacks_them() {
    let modules = tempfile::tempdir().unwrap();
    write(modules.path(), "modules.dep", "running");
    write(modules.path(), "kernel/net/8021q.ko", "module");
    for (there, merged) in [(false, true), (false, false), (true, true)] {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, "usr/lib/systemd/systemd", "systemd");
        let library = match merged {
            true => {
                symlink("usr/lib", root.join("lib")).unwrap();
                "usr/lib"
            }
            false => "lib",
        };
        let index = format!("{library}/modules/6.1.0-test/modules.dep");
        if there {
            write(root, &index, "the image's");
        }
        let mut around = around();
        around.kernel = Some(Kernel {
            release: "6.1.0-test".to_owned(),
            modules: Some(Tree::open(modules.path()).unwrap()),
        });
        make(root, &around).unwrap();
        assert_eq!(
            read(root, &index),
            if there { "the image's" } else { "running" }
        );
        let module = root.join("lib/modules/6.1.0-test/kernel/net/8021q.ko");
        assert_eq!(module.is_file(), !there);
    }
}

#[test]
fn the_agents_configuration_is_copied_unless_the_image_has_one() {
    let running = tempfile::tempdir().unwrap();
    write(running.path(), "picketd.toml", "running");
    write(running.path(), "password", "secret");
    fs::set_permissions(
        running.path().join("password"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    for there in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, "usr/lib/systemd/systemd", "systemd");
        if there {
            write(root, "etc/picket/picketd.toml", "the image's");
        }
        let mut around = around();
        around.configuration = Some(Tree::open(running.path()).unwrap());
        make(root, &around).unwrap();
        let expected = if there { "the image's" } else { "running" };
        assert_eq!(read(root, "etc/picket/picketd.toml"), expected);
        assert_eq!(root.join("etc/picket/password").exists(), !there);
        if !there {
            assert_eq!(rights(root, "etc/picket/password"), "600 0:0");
        }
    }
}
