//! Captured tables of a Pi with two networks, and of others.
use std::fs;

use super::*;

const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
    eth1\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
    eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
const MOUNTS: &str =
    "10.0.2.2:/srv/pi7/slots/a / nfs4 rw,vers=4.1,clientaddr=10.0.2.15,addr=10.0.2.2 0 0\n";
const ROUTES6: &str = "\
    20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0.131\n\
    fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0\n\
    00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000005 00000000 00000003 eth0.131\n\
    00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
const ADDRESSES6: &str = "\
    20010db8000000000000000000000007 03 40 00 80 eth0.131\n\
    20010db80000000002000000000000ff 03 40 00 00 eth0.131\n\
    fe80000000000000ba27ebfffe000007 03 40 20 80 eth0.131\n\
    00000000000000000000000000000001 01 80 10 80       lo\n";
const VLANS_TABLE: &str = "VLAN Dev name\t | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\neth0.131       | 131  | eth0\n";

#[test]
fn a_pi_with_two_networks_is_read_from_proc() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(
        folder.path(),
        &[
            ("proc/self/mounts", MOUNTS),
            ("proc/net/route", ROUTES),
            ("proc/net/ipv6_route", ROUTES6),
            ("proc/net/if_inet6", ADDRESSES6),
            ("proc/net/vlan/config", VLANS_TABLE),
            (
                "etc/resolv.conf",
                "# by hand\nnameserver 2001:db8::53\nsearch example.org\n",
            ),
        ],
    );
    let public = Public {
        interface: "eth0.131".to_owned(),
        vlan: Some(Vlan {
            id: 131,
            parent: "eth0".to_owned(),
        }),
        addresses: vec![("2001:db8::7".parse().unwrap(), 64)],
        gateway: Some("2001:db8::1".parse().unwrap()),
    };
    let expected = Network {
        storage: Some("eth0".to_owned()),
        public: Some(public),
        resolver: "nameserver 2001:db8::53\nsearch example.org\n".to_owned(),
    };
    assert_eq!(network(&world, "/"), expected);
}

#[test]
fn what_a_router_announces_and_a_stub_resolver_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let announced = ROUTES6.replace("00000003 eth0.131", "00450003 eth0.131");
    let world = world(
        folder.path(),
        &[
            ("proc/net/ipv6_route", &announced),
            (
                "proc/net/if_inet6",
                &ADDRESSES6.replace(" 80 eth0.131", " 00 eth0.131"),
            ),
            ("etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0\n"),
            (
                "run/systemd/resolve/resolv.conf",
                "nameserver 192.0.2.53\nnameserver nobody\n",
            ),
        ],
    );
    let found = network(&world, "/");
    let public = found.public.unwrap();
    assert_eq!((public.gateway, public.vlan), (None, None));
    assert_eq!(public.addresses, []);
    assert_eq!(
        (found.storage, found.resolver.as_str()),
        (None, "nameserver 192.0.2.53\n")
    );
}

#[test]
fn a_machine_without_a_network_has_none() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "\u{fffd}\n| |\n", "x x x x x x x x x x x x"] {
        let files = ["proc/self/mounts", "proc/net/route", "proc/net/ipv6_route"];
        let files: Vec<_> = files.map(|file| (file, text)).into();
        let world = world(folder.path(), &files);
        assert_eq!(network(&world, "/"), Network::default());
    }
}

#[test]
fn names_that_would_mean_something_in_a_file_are_refused() {
    for (name, is) in [
        ("eth0", true),
        ("eth0.131", true),
        ("enxb827eb000007", true),
        ("", false),
        ("eth0 eth1", false),
        ("eth0;reboot", false),
        ("eth*", false),
        ("eth0\n", false),
        ("-6", false),
        ("sixteen_letters_", false),
    ] {
        assert_eq!(is_name(name), is, "{name:?}");
    }
}

fn world(root: &std::path::Path, files: &[(&str, &str)]) -> World {
    for (file, text) in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    World::new(root)
}
