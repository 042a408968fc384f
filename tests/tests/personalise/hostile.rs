//! Images and overlays that want something outside of the tree to be written.
use std::os::unix::fs::symlink;

use picket_tests::hostile_tree::Outside;

use super::*;

/// All that is read or written, and every folder on the way.
const PATHS: [&str; 31] = [
    "etc",
    "etc/NetworkManager",
    "etc/NetworkManager/conf.d",
    "etc/cloud",
    "etc/cloud/cloud-init.disabled",
    "etc/dhcpcd.conf",
    "etc/fstab",
    "etc/hostname",
    "etc/hosts",
    "etc/machine-id",
    "etc/netplan",
    "etc/network/interfaces",
    "etc/network/interfaces.d",
    "etc/passwd",
    "etc/picket",
    "etc/rc3.d",
    "etc/resolv.conf",
    "etc/ssh",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/sshd_config",
    "etc/ssh/sshd_config.d",
    "etc/systemd",
    "etc/systemd/network",
    "etc/systemd/system",
    "etc/systemd/system/picket-network.service",
    "etc/systemd/system/multi-user.target.wants",
    "lib/modules",
    "root",
    "root/.ssh",
    "root/.ssh/authorized_keys",
    "srv/own",
];

#[test]
fn no_symlink_of_an_image_leads_outside() {
    let outside = Outside::new();
    let overlay = tempfile::tempdir().unwrap();
    write(overlay.path(), "srv/own/file", "the operator's");
    write(overlay.path(), "file", "the operator's");
    let mut around = around();
    around.overlay = Some(Tree::open(overlay.path()).unwrap());
    around.kernel = Some(picketd::reinstall::personalise::Kernel {
        release: "new".to_owned(),
        modules: Some(Tree::open(overlay.path()).unwrap()),
    });
    for path in PATHS {
        for target in [outside.ways(), outside.files()].concat() {
            let root = image();
            outside.lead(root.path(), path, &target);
            // Some of these can't be made into anything; what matters is where it writes.
            let _ = make(root.path(), &around);
            outside.check(path, &target);
        }
    }
}

#[test]
fn no_fifo_of_an_image_is_waited_for() {
    let outside = Outside::new();
    for path in PATHS {
        let root = image();
        outside.block(root.path(), path);
        let _ = make(root.path(), &around());
    }
}

#[test]
fn a_home_that_is_the_root_of_all_is_in_the_tree() {
    let root = image();
    let root = root.path();
    symlink("/", root.join("etc/ssh")).unwrap();
    symlink("/../..", root.join("root")).unwrap();
    make(root, &around()).unwrap();
    assert!(root.join("ssh_host_ed25519_key").is_file());
    assert_eq!(rights(root, ".ssh/authorized_keys"), "600 0:0");
}

#[test]
fn a_users_home_that_names_a_way_out_is_in_the_tree() {
    let outside = Outside::new();
    for home in outside.ways() {
        let root = image();
        let passwd = format!("eve:x:1000:1000::{}:/bin/sh\n", home.display());
        write(root.path(), "etc/passwd", &passwd);
        make(root.path(), &around()).unwrap();
        outside.check("etc/passwd", &home);
    }
}

#[test]
fn symlinks_that_go_round_in_circles_are_an_error() {
    let root = image();
    symlink("machine-id", root.path().join("etc/machine-id")).unwrap();
    symlink("ssh", root.path().join("etc/ssh")).unwrap();
    let error = make(root.path(), &around()).unwrap_err().to_string();
    assert!(error.contains("etc/ssh"), "{error}");
}

fn image() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "usr/lib/systemd/systemd", "systemd");
    write(root.path(), "usr/lib/systemd/systemd-networkd", "networkd");
    write(root.path(), "usr/sbin/ip", "ip");
    fs::create_dir_all(root.path().join("etc/NetworkManager")).unwrap();
    root
}
