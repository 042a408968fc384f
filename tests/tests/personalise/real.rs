//! On copies of a real Debian, with the tools that will read what was written.
use std::{collections::BTreeMap, fs};

use picket_tests::debian::{self, Architecture};

use super::*;

#[test]
fn a_debian_becomes_this_pis_and_real_tools_agree() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    debian::copy(Architecture::Amd64, root);
    write(root, "etc/ssh/sshd_config", "UsePAM yes\n");
    write(root, "etc/ssh/ssh_host_rsa_key", "everybody's");
    write(root, "etc/ssh/ssh_host_rsa_key.pub", "everybody's");
    let sshd = "[Service]\nExecStart=/usr/bin/true\n[Install]\nWantedBy=multi-user.target\n";
    write(root, "usr/lib/systemd/system/ssh.service", sshd);
    write(root, "usr/sbin/ip", "#!/bin/sh\n");
    fs::set_permissions(root.join("usr/sbin/ip"), fs::Permissions::from_mode(0o755)).unwrap();
    let made = make(root, &around_with(&binaries::picketd())).unwrap();
    assert_eq!(made.warnings, Vec::<String>::new());

    let private = root.join("etc/ssh/ssh_host_ed25519_key");
    let private = private.to_str().unwrap();
    let listed = said(&run("ssh-keygen", &["-l", "-f", private]));
    assert_eq!(made.host_keys, [listed.trim()]);
    let public = said(&run("ssh-keygen", &["-y", "-f", private]));
    assert_eq!(public, read(root, "etc/ssh/ssh_host_ed25519_key.pub"));
    assert!(public.ends_with(" root@shelf-3-pi-7\n"));
    assert_eq!(rights(root, "etc/ssh/ssh_host_ed25519_key"), "600 0:0");
    assert!(!root.join("etc/ssh/ssh_host_rsa_key").exists());
    let keys = root.join("root/.ssh/authorized_keys");
    let listed = said(&run("ssh-keygen", &["-l", "-f", keys.to_str().unwrap()]));
    assert!(listed.contains("anna@example.org"), "{listed}");
    assert_eq!(rights(root, "root/.ssh/authorized_keys"), "600 0:0");
    assert_eq!(rights(root, "root/.ssh"), "700 0:0");

    let at = root.to_str().unwrap();
    for unit in ["picketd.service", "ssh.service", "picket-network.service"] {
        let asked = run("systemctl", &["--root", at, "is-enabled", unit]);
        assert_eq!(said(&asked), "enabled\n", "{unit}");
    }
    for unit in ["picket-network.service", "picketd.service"] {
        let verified = run("systemd-analyze", &["verify", "--root", at, unit]);
        let words = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(
            verified.status.success() && !words.contains(unit),
            "{words}"
        );
    }
    let id = read(root, "etc/machine-id");
    assert!(id.len() == 33 && id.as_bytes()[12] == b'4', "{id}");
    let told = said(&run("systemd-id128", &["show", id.trim()]));
    assert!(told.contains(id.trim()), "{told}");
    assert_eq!(read(root, "etc/hostname"), "shelf-3-pi-7\n");
    assert!(read(root, "etc/hosts").contains("127.0.1.1\tshelf-3-pi-7\n"));
    assert_eq!(read(root, "etc/resolv.conf"), "nameserver 2001:db8::53\n");
}

#[test]
fn a_second_time_changes_nothing_but_keys_and_the_machine_id() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    debian::copy(Architecture::Amd64, root);
    write(root, "etc/fstab", "PARTUUID=1-02 / ext4 defaults 0 1\n");
    write(root, "etc/dhcpcd.conf", "hostname\n");
    write(
        root,
        "etc/network/interfaces",
        "auto eth0\niface eth0 inet dhcp\n",
    );
    let first = make(root, &around()).unwrap();
    let before = digests(root);
    let second = make(root, &around()).unwrap();
    let changed: Vec<_> = digests(root)
        .into_iter()
        .filter(|(path, digest)| before.get(path) != Some(digest))
        .map(|(path, _)| path)
        .collect();
    let own = [
        "./etc/machine-id",
        "./etc/ssh/ssh_host_ed25519_key",
        "./etc/ssh/ssh_host_ed25519_key.pub",
    ];
    assert_eq!(changed, own);
    assert_ne!(first.host_keys, second.host_keys);
}

#[test]
fn wrong_names_and_keys_are_refused_before_anything_is_written() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "usr/lib/systemd/systemd", "systemd");
    let secret = "-----BEGIN OPENSSH PRIVATE KEY-----";
    for (hostname, keys, says) in [
        ("a b", vec![KEY], "the hostname \"a b\" is not valid"),
        (
            "a",
            vec![KEY, "", KEY],
            "line 2 of the ssh keys is not valid",
        ),
        ("a", vec![KEY, KEY, secret], "line 3 of the ssh keys"),
    ] {
        let wrong = Personal {
            hostname: Some(hostname.to_owned()),
            ssh_keys: keys.into_iter().map(str::to_owned).collect(),
            ..personal()
        };
        let tree = Tree::open(root.path()).unwrap();
        let error = personalise(&tree, &wrong, &around())
            .unwrap_err()
            .to_string();
        assert!(error.contains(says) && !error.contains("BEGIN"), "{error}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}

/// What each file holds, is, and where each symlink leads.
fn digests(root: &Path) -> BTreeMap<String, String> {
    let script = "find . -type f -exec sha256sum {} + | sed 's/\\([^ ]*\\)  \\(.*\\)/\\2 \\1/'; find . -printf '%p/ %y %m %U %G %l\\n'";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(root);
    let listed = said(&command.output().unwrap());
    let pair = |line: &str| {
        line.split_once(' ')
            .map(|(path, rest)| (path.to_owned(), rest.to_owned()))
    };
    listed.lines().filter_map(pair).collect()
}
