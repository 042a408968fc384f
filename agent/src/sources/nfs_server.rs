//! Which NFS server holds the root mount, from `/proc/self/mounts` (proc_mounts(5)). Nothing is asked of that server.
use std::net::{IpAddr, SocketAddr};

use crate::{sampler::NfsProbe, world::World};

/// Where NULL calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Address and TCP port.
    pub address: SocketAddr,
    /// Version of the NFS program, 2 to 4.
    pub version: u32,
}

const NFS_PORT: u16 = 2049;
const MAX_FILE: usize = 256 * 1024;
/// What a configured server is asked for if the root isn't on NFS.
const DEFAULT_VERSION: u32 = 3;

/// The server that the settings choose: none if the probe is off, or if it follows the mount at `mountpoint` (written as
/// the kernel writes it) and that is not on NFS.
#[must_use]
pub fn server(world: &World, probe: NfsProbe, mountpoint: &str) -> Option<Server> {
    let mounted = || parse(&world.read("proc/self/mounts", MAX_FILE).ok()?, mountpoint);
    match probe {
        NfsProbe::Off => None,
        NfsProbe::Auto => mounted(),
        NfsProbe::Server(address) => Some(Server {
            address,
            version: mounted().map_or(DEFAULT_VERSION, |server| server.version),
        }),
    }
}

/// Whether the file system at `mountpoint` (written as the kernel writes it) is on NFS.
#[must_use]
pub fn is_nfs(world: &World, mountpoint: &str) -> bool {
    let mounts = world.read("proc/self/mounts", MAX_FILE);
    mounts.is_ok_and(|text| options(&String::from_utf8_lossy(&text), mountpoint).is_some())
}

/// Understands `/proc/self/mounts`: the options `addr=`, `port=`, `proto=` and `vers=` of the NFS mount at `mountpoint`. Of
/// several at one place the last counts: it lies on top of the others.
#[must_use]
pub fn parse(text: &[u8], mountpoint: &str) -> Option<Server> {
    let text = String::from_utf8_lossy(text);
    let options = options(&text, mountpoint)?;
    let option = |key: &str| {
        let mut options = options.split(',');
        options.find_map(|option| option.strip_prefix(key)?.strip_prefix('='))
    };
    let address: IpAddr = option("addr")?.parse().ok()?;
    let version = option("vers")?.split('.').next()?.parse().ok()?;
    // The port of an rdma mount is not a TCP port.
    let port = option("port")
        .filter(|_| option("proto") != Some("rdma"))
        .and_then(|port| port.parse().ok())
        .filter(|&port| port != 0)
        .unwrap_or(NFS_PORT);
    (2..=4).contains(&version).then_some(Server {
        address: SocketAddr::new(address, port),
        version,
    })
}

/// The options of the NFS mount at that place.
fn options<'t>(text: &'t str, mountpoint: &str) -> Option<&'t str> {
    text.lines().rev().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let here = fields.next()? == mountpoint && matches!(fields.next()?, "nfs" | "nfs4");
        here.then(|| fields.next())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_stands_in_the_options_of_the_root_mount() {
        let nfs = |kind, options| {
            format!("proc /proc proc rw 0 0\n127.0.0.1:/srv / {kind} {options} 0 0\n")
        };
        for (text, server) in [
            (String::new(), None),
            ("\u{fffd}\n / / /".to_owned(), None),
            (nfs("ext4", "rw,vers=3,addr=127.0.0.1"), None),
            (nfs("nfs", "rw,vers=3"), None),
            (nfs("nfs", "rw,vers=3,addr=nowhere"), None),
            (nfs("nfs", "rw,vers=9,addr=127.0.0.1"), None),
            (
                nfs(
                    "nfs",
                    "rw,vers=3,mountaddr=127.0.0.9,proto=tcp,addr=127.0.0.1",
                ),
                Some(("127.0.0.1:2049", 3)),
            ),
            (
                nfs("nfs", "rw,vers=3,port=0,addr=127.0.0.1"),
                Some(("127.0.0.1:2049", 3)),
            ),
            (
                nfs("nfs", "rw,vers=3,port=20048,proto=udp,addr=127.0.0.1"),
                Some(("127.0.0.1:20048", 3)),
            ),
            (
                nfs("nfs", "rw,vers=3,port=20049,proto=rdma,addr=127.0.0.1"),
                Some(("127.0.0.1:2049", 3)),
            ),
            (
                nfs("nfs4", "rw,vers=4.0,clientaddr=127.0.0.9,addr=127.0.0.1"),
                Some(("127.0.0.1:2049", 4)),
            ),
            (
                nfs("nfs4", "rw,vers=4.2,clientaddr=127.0.0.9,addr=127.0.0.1"),
                Some(("127.0.0.1:2049", 4)),
            ),
            (
                nfs("nfs", "rw,vers=3,addr=127.0.0.1") + &nfs("nfs4", "rw,vers=4.2,addr=127.0.0.2"),
                Some(("127.0.0.2:2049", 4)),
            ),
            (
                nfs("nfs4", "rw,vers=4.1,clientaddr=::1,addr=::1"),
                Some(("[::1]:2049", 4)),
            ),
        ] {
            let expected = server.map(|(address, version): (&str, _)| Server {
                address: address.parse().unwrap(),
                version,
            });
            assert_eq!(parse(text.as_bytes(), "/"), expected, "{text}");
        }
    }

    #[test]
    fn a_configured_server_is_asked_wherever_the_root_is() {
        let world = World::new(tempfile::tempdir().unwrap().path());
        let address = "127.0.0.1:9".parse().unwrap();
        let configured = server(&world, NfsProbe::Server(address), "/");
        assert_eq!(
            configured,
            Some(Server {
                address,
                version: 3
            })
        );
        assert!(!is_nfs(&world, "/"));
        assert_eq!(server(&world, NfsProbe::Auto, "/"), None);
        assert_eq!(server(&world, NfsProbe::Off, "/"), None);
    }
}
