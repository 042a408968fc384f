//! The network as it is on the running machine: from /proc/net, which needs no tool and no netlink (proc_pid_net(5)). It changes nothing.
mod route;

use std::net::{IpAddr, Ipv6Addr};

use crate::{sampler::NfsProbe, sources::nfs_server, world::World};

use super::{Network, Public, Vlan};

pub(super) const MAX: usize = 1024 * 1024;
const ADDRESSES: &str = "proc/net/if_inet6";
const VLANS: &str = "proc/net/vlan/config";
/// resolv.conf(5), and what systemd-resolved has it from.
const RESOLVERS: [&str; 2] = ["etc/resolv.conf", "run/systemd/resolve/resolv.conf"];
/// systemd-resolved's own addresses: they are of this machine's present system, not of its network.
const STUBS: [&str; 2] = ["127.0.0.53", "127.0.0.54"];
/// IFA_F_PERMANENT of linux/if_addr.h: not announced by a router.
const PERMANENT: u32 = 0x80;
/// The scope of addresses that are valid everywhere.
const GLOBAL: u32 = 0;
/// IFNAMSIZ of linux/if.h, without the end.
const MAX_NAME: usize = 15;
const MAX_TAG: u16 = 4094;

/// The network now. The root filesystem is at that place, as the kernel writes it.
#[must_use]
pub fn network(world: &World, root: &str) -> Network {
    let server = nfs_server::server(world, NfsProbe::Auto, root);
    let storage = server
        .and_then(|server| route::to(world, server.address.ip()))
        .map(|route| route.interface)
        .filter(|name| is_name(name));
    Network {
        public: public(world),
        storage,
        resolver: resolver(world),
    }
}

fn public(world: &World) -> Option<Public> {
    let route = route::to(
        world,
        IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1)),
    )?;
    let interface = Some(route.interface).filter(|name| is_name(name))?;
    let gateway = match route.gateway {
        Some(IpAddr::V6(gateway)) if !route.announced => Some(gateway),
        _ => None,
    };
    Some(Public {
        vlan: vlan(&text(world, VLANS), &interface),
        addresses: addresses(&text(world, ADDRESSES), &interface),
        gateway,
        interface,
    })
}

/// Lines as in `20010db8000000000000000000000007 03 40 00 80 eth0.131`.
fn addresses(text: &str, interface: &str) -> Vec<(Ipv6Addr, u8)> {
    let parse = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let [address, _, length, scope, flags, name] = fields[..] else {
            return None;
        };
        let hex = |text| u32::from_str_radix(text, 16).ok();
        let wanted = name == interface && hex(scope)? == GLOBAL && hex(flags)? & PERMANENT != 0;
        let address = u128::from_str_radix(address, 16).ok()?;
        let length = u8::try_from(hex(length)?)
            .ok()
            .filter(|length| *length <= 128)?;
        wanted.then_some((Ipv6Addr::from(address), length))
    };
    text.lines().filter_map(parse).collect()
}

/// Lines as in `eth0.131       | 131  | eth0`.
fn vlan(text: &str, interface: &str) -> Option<Vlan> {
    text.lines().find_map(|line| {
        let mut fields = line.split('|').map(str::trim);
        if fields.next()? != interface {
            return None;
        }
        let id = fields
            .next()?
            .parse()
            .ok()
            .filter(|id| (1..=MAX_TAG).contains(id))?;
        let parent = fields.next().filter(|name| is_name(name))?.to_owned();
        Some(Vlan { id, parent })
    })
}

fn resolver(world: &World) -> String {
    let found = RESOLVERS.iter().map(|path| servers(&text(world, path)));
    found
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// The lines that say which servers to ask, and how; none if no server is left.
fn servers(text: &str) -> String {
    let kept = |line: &&str| {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some("nameserver"), Some(address)) => {
                !STUBS.contains(&address) && address.parse::<IpAddr>().is_ok()
            }
            (Some("search" | "domain" | "options"), Some(_)) => true,
            _ => false,
        }
    };
    let lines: Vec<_> = text.lines().filter(kept).collect();
    match lines.iter().any(|line| line.starts_with("nameserver")) {
        true => lines.join("\n") + "\n",
        false => String::new(),
    }
}

/// A name that means nothing else in any of the files that it is written to.
fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=MAX_NAME).contains(&name.len())
        && name.chars().all(letter)
        && !name.starts_with(['.', '-'])
}

pub(super) fn text(world: &World, path: &str) -> String {
    let bytes = world.read(path, MAX).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
