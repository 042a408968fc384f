//! Which way packets to an address go: the kernel's routing tables as text, /proc/net/route (IPv4) and /proc/net/ipv6_route. It knows
//! the main table only, as these files do.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::world::World;

const IPV4: &str = "proc/net/route";
const IPV6: &str = "proc/net/ipv6_route";
/// Flags of linux/route.h and linux/ipv6_route.h.
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;
const ANNOUNCED: u32 = 0x0004_0000;
const LOOPBACK: &str = "lo";

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) interface: String,
    /// Through whom, if the address isn't on the interface's own network.
    pub(super) gateway: Option<IpAddr>,
    /// A router has announced it.
    pub(super) announced: bool,
}

struct Line {
    length: u32,
    metric: u32,
    flags: u32,
    route: Route,
}

/// The route to an address: the one of the longest prefix, and of those the cheapest.
pub(super) fn to(world: &World, address: IpAddr) -> Option<Route> {
    let text = |path| super::text(world, path);
    let lines: Vec<_> = match address {
        IpAddr::V4(address) => text(IPV4)
            .lines()
            .filter_map(|line| of_ipv4(line, address))
            .collect(),
        IpAddr::V6(address) => text(IPV6)
            .lines()
            .filter_map(|line| of_ipv6(line, address))
            .collect(),
    };
    lines
        .into_iter()
        .filter(|line| line.flags & UP != 0 && line.flags & REJECT == 0)
        .filter(|line| line.route.interface != LOOPBACK)
        .min_by_key(|line| (u32::MAX - line.length, line.metric))
        .map(|line| line.route)
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask ...`; addresses are hexadecimal, in the order of the machine's bytes.
fn of_ipv4(line: &str, wanted: Ipv4Addr) -> Option<Line> {
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let [
        interface,
        destination,
        gateway,
        flags,
        _,
        _,
        metric,
        mask,
        ..,
    ] = fields[..]
    else {
        return None;
    };
    let address = |text: &str| Some(Ipv4Addr::from(hex(text)?.to_ne_bytes()));
    let mask = u32::from(address(mask)?);
    if u32::from(wanted) & mask != u32::from(address(destination)?) {
        return None;
    }
    let gateway = address(gateway)?;
    Some(Line {
        length: mask.count_ones(),
        metric: metric.parse().ok()?,
        flags: hex(flags)?,
        route: Route {
            interface: interface.to_owned(),
            gateway: (!gateway.is_unspecified()).then_some(gateway.into()),
            announced: false,
        },
    })
}

/// `destination length source length gateway metric refcnt use flags interface`, all numbers hexadecimal.
fn of_ipv6(line: &str, wanted: Ipv6Addr) -> Option<Line> {
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let [
        destination,
        length,
        _,
        _,
        gateway,
        metric,
        _,
        _,
        flags,
        interface,
    ] = fields[..]
    else {
        return None;
    };
    let address = |text: &str| u128::from_str_radix(text, 16).ok();
    let length = hex(length).filter(|length| *length <= 128)?;
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    if u128::from(wanted) & mask != address(destination)? {
        return None;
    }
    let gateway = Ipv6Addr::from(address(gateway)?);
    let flags = hex(flags)?;
    Some(Line {
        length,
        metric: hex(metric)?,
        flags,
        route: Route {
            interface: interface.to_owned(),
            gateway: (!gateway.is_unspecified()).then_some(gateway.into()),
            announced: flags & ANNOUNCED != 0,
        },
    })
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}
