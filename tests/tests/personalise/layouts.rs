//! Trees laid out as the images of Raspberry Pi OS and Ubuntu are, with the units and files of theirs that matter.
//!
//! Sources: pi-gen (stage2), raspberrypi-sys-mods and userconf-pi, cloud-init's documentation, the images' own fstab.
use std::os::unix::fs::symlink;

use super::*;

const UNIT: &str = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";
const WANTS: &str = "etc/systemd/system/multi-user.target.wants";

#[test]
fn raspberry_pi_os_asks_nothing_grows_nothing_and_lets_both_users_in() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    raspberry_pi_os(root);
    let made = make(root, &around()).unwrap();
    assert_eq!(made.warnings, Vec::<String>::new());
    for unit in [
        "userconfig.service",
        "rpi-resize.service",
        "regenerate_ssh_host_keys.service",
        "resize2fs_once.service",
        "dphys-swapfile.service",
    ] {
        let mask = target(root, &format!("etc/systemd/system/{unit}"));
        assert_eq!(mask, "/dev/null", "{unit}");
    }
    for gone in [
        "etc/rc3.d/S01resize2fs_once",
        "etc/xdg/autostart/piwiz.desktop",
        "etc/ssh/sshd_config.d/rename_user.conf",
        "etc/ssh/sshd_not_to_be_run",
    ] {
        assert!(fs::symlink_metadata(root.join(gone)).is_err(), "{gone}");
    }
    assert!(root.join("etc/rc3.d/S01ssh").exists());
    assert_eq!(
        target(root, &format!("{WANTS}/ssh.service")),
        "/usr/lib/systemd/system/ssh.service"
    );
    assert_eq!(
        target(
            root,
            "etc/systemd/system/getty.target.wants/getty@tty1.service"
        ),
        "/usr/lib/systemd/system/getty@.service"
    );
    for (home, owner) in [("root", "0:0"), ("home/pi", "1000:1000")] {
        assert_eq!(
            read(root, &format!("{home}/.ssh/authorized_keys")),
            format!("{KEY}\n")
        );
        assert_eq!(
            rights(root, &format!("{home}/.ssh/authorized_keys")),
            format!("600 {owner}")
        );
        assert_eq!(
            rights(root, &format!("{home}/.ssh")),
            format!("700 {owner}")
        );
    }
    assert!(fs::symlink_metadata(root.join("home/pi/.ssh/authorized_keys2")).is_err());
    assert!(read(root, "etc/hosts").contains("127.0.1.1\tshelf-3-pi-7\n"));
    assert!(!read(root, "etc/hosts").contains("raspberrypi"));
    let fstab = read(root, "etc/fstab");
    let on: Vec<_> = fstab
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(
        on,
        ["proc            /proc           proc    defaults          0       0"]
    );
    let manager = read(root, "etc/NetworkManager/conf.d/99-picket.conf");
    assert!(manager.contains("unmanaged-devices+=interface-name:eth0;interface-name:eth0.131\n"));
    let dhcpcd = read(root, "etc/dhcpcd.conf");
    let deny = dhcpcd.find("denyinterfaces eth0 eth0.131\n").unwrap();
    assert!(deny < dhcpcd.find("interface eth0\n").unwrap(), "{dhcpcd}");
    let unit = read(root, "etc/systemd/system/picket-network.service");
    for step in [
        "ExecStart=-/usr/sbin/ip link add link eth0 name eth0.131 type vlan id 131\n",
        "ExecStart=/usr/sbin/ip link set dev eth0.131 up\n",
        "ExecStart=-/usr/sbin/ip -6 address replace 2001:db8::7/64 dev eth0.131\n",
        "ExecStart=-/usr/sbin/ip -6 route replace default via 2001:db8::1 dev eth0.131\n",
    ] {
        assert!(unit.contains(step), "{unit}");
    }
}

#[test]
fn ubuntu_has_no_cloud_init_no_netplan_and_its_own_way_to_start_sshd() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    ubuntu(root);
    make(root, &around()).unwrap();
    assert!(root.join("etc/cloud/cloud-init.disabled").is_file());
    let plans: Vec<_> = fs::read_dir(root.join("etc/netplan")).unwrap().collect();
    let plan = plans.into_iter().next().unwrap().unwrap().file_name();
    assert_eq!(plan, "50-cloud-init.yaml.picket-off");
    let network = read(root, "etc/systemd/network/00-picket.network");
    assert!(network.ends_with("[Match]\nName=eth0 eth0.131\n\n[Link]\nUnmanaged=yes\n"));
    assert_eq!(
        target(
            root,
            "etc/systemd/system/systemd-networkd-wait-online.service"
        ),
        "/dev/null"
    );
    assert!(
        read(root, "etc/systemd/network/00-picket.link")
            .ends_with("[Match]\nOriginalName=eth0\n\n[Link]\nName=eth0\n")
    );
    // Its socket starts sshd; both at once would fight over the port.
    assert!(!root.join(WANTS).join("ssh.service").exists());
    let fstab = read(root, "etc/fstab");
    assert!(fstab.lines().all(|line| line.starts_with('#')), "{fstab}");
    // It led to the resolver of a system that doesn't run.
    assert_eq!(target(root, "etc/resolv.conf"), "");
    assert_eq!(read(root, "etc/resolv.conf"), "nameserver 2001:db8::53\n");
    assert_eq!(target(root, "var/lib/dbus/machine-id"), "/etc/machine-id");
}

#[test]
fn what_an_image_lacks_is_told() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    write(root, "usr/lib/systemd/systemd", "systemd");
    let mut around = around();
    around.kernel = Some(picketd::reinstall::personalise::Kernel {
        release: "6.1.0-test".to_owned(),
        modules: None,
    });
    let made = make(root, &around).unwrap();
    let warnings = made.warnings.join("\n");
    for lack in [
        "no ip (of iproute2)",
        "no modules for the running kernel (6.1.0-test)",
        "is there an sshd",
    ] {
        assert!(warnings.contains(lack), "{warnings}");
    }
}

fn raspberry_pi_os(root: &Path) {
    for unit in [
        "userconfig",
        "rpi-resize",
        "regenerate_ssh_host_keys",
        "ssh",
        "getty@",
        "dphys-swapfile",
    ] {
        write(
            root,
            &format!("usr/lib/systemd/system/{unit}.service"),
            UNIT,
        );
    }
    for unit in ["userconfig", "regenerate_ssh_host_keys"] {
        fs::create_dir_all(root.join(WANTS)).unwrap();
        let at = format!("/usr/lib/systemd/system/{unit}.service");
        symlink(at, root.join(WANTS).join(format!("{unit}.service"))).unwrap();
    }
    symlink("usr/lib", root.join("lib")).unwrap();
    for (path, text) in [
        ("usr/lib/systemd/systemd", "systemd"),
        ("usr/sbin/ip", "ip"),
        ("etc/init.d/resize2fs_once", "#!/bin/sh\n"),
        ("etc/rc3.d/S01resize2fs_once", ""),
        ("etc/rc3.d/S01ssh", ""),
        ("etc/xdg/autostart/piwiz.desktop", "[Desktop Entry]\n"),
        (
            "etc/ssh/sshd_config",
            "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n",
        ),
        (
            "etc/ssh/sshd_config.d/rename_user.conf",
            "Banner /usr/share/userconf-pi/sshd_banner\n",
        ),
        ("etc/ssh/sshd_not_to_be_run", ""),
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000:,,,:/home/pi:/bin/bash\n",
        ),
        ("home/pi/.ssh/authorized_keys2", "ssh-ed25519 of a stranger"),
        (
            "etc/hosts",
            "127.0.0.1\tlocalhost\n127.0.1.1\t\traspberrypi\n",
        ),
        (
            "etc/fstab",
            "proc            /proc           proc    defaults          0       0\n\
             PARTUUID=9730496b-01  /boot/firmware  vfat    defaults          0       2\n\
             PARTUUID=9730496b-02  /               ext4    defaults,noatime  0       1\n",
        ),
        (
            "etc/NetworkManager/NetworkManager.conf",
            "[main]\nplugins=ifupdown,keyfile\n",
        ),
        (
            "etc/dhcpcd.conf",
            "hostname\ninterface eth0\nstatic ip_address=192.0.2.7/24\n",
        ),
    ] {
        write(root, path, text);
    }
}

fn ubuntu(root: &Path) {
    for unit in ["ssh", "systemd-networkd-wait-online"] {
        write(
            root,
            &format!("usr/lib/systemd/system/{unit}.service"),
            UNIT,
        );
    }
    for (path, text) in [
        ("usr/lib/systemd/systemd", "systemd"),
        ("usr/lib/systemd/systemd-networkd", "networkd"),
        ("usr/lib/udev/rules.d/60-block.rules", ""),
        ("usr/sbin/ip", "ip"),
        ("etc/cloud/cloud.cfg", "ssh_deletekeys: true\n"),
        ("etc/netplan/50-cloud-init.yaml", "network: {version: 2}\n"),
        (
            "etc/ssh/sshd_config",
            "Include /etc/ssh/sshd_config.d/*.conf\n",
        ),
        (
            "etc/fstab",
            "LABEL=writable\t/\text4\tdiscard,errors=remount-ro\t0 1\nLABEL=system-boot       /boot/firmware  vfat    defaults        0       1\n",
        ),
        (
            "var/lib/dbus/machine-id",
            "0123456789abcdef0123456789abcdef\n",
        ),
    ] {
        write(root, path, text);
    }
    let sockets = root.join("etc/systemd/system/sockets.target.wants");
    fs::create_dir_all(&sockets).unwrap();
    symlink(
        "/usr/lib/systemd/system/ssh.socket",
        sockets.join("ssh.socket"),
    )
    .unwrap();
    symlink(
        "../run/systemd/resolve/stub-resolv.conf",
        root.join("etc/resolv.conf"),
    )
    .unwrap();
}
