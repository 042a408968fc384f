//! Network managers, each told in its own way to leave interfaces alone. All of them are told that the image has, since which one starts
//! is found out at boot.
mod ifupdown;

use crate::{install::disable, tree::Tree};

use super::super::Error;

const MAX: u64 = 1024 * 1024;
const NETWORKD: [&str; 2] = [
    "usr/lib/systemd/systemd-networkd",
    "lib/systemd/systemd-networkd",
];
const UDEV: [&str; 2] = ["usr/lib/udev", "lib/udev"];
/// The first file in the order of names that matches an interface is the one that counts (systemd.network(5), systemd.link(5)), and
/// what netplan generates begins with 10.
const NETWORK: &str = "etc/systemd/network/00-picket.network";
const LINK: &str = "etc/systemd/network/00-picket.link";
const NETWORK_MANAGER: &str = "etc/NetworkManager";
const DHCPCD: &str = "etc/dhcpcd.conf";
const NETPLAN: &str = "etc/netplan";
const OFF: &str = ".picket-off";
const WHY: &str = "# The root filesystem comes over this network. Whatever manages it would take the root away.\n";

/// Tells them.
///
/// # Errors
/// Something can't be read or written.
pub(super) fn keep_off(tree: &Tree, interfaces: &[&str]) -> Result<(), Error> {
    keep_names(tree, interfaces)?;
    networkd(tree, interfaces)?;
    network_manager(tree, interfaces)?;
    dhcpcd(tree, interfaces)?;
    netplan(tree)?;
    ifupdown::keep_off(tree, interfaces)
}

/// So that udev gives the first of them, which is there before it, no other name. VLANs get theirs when they are made.
fn keep_names(tree: &Tree, interfaces: &[&str]) -> Result<(), Error> {
    match interfaces.first() {
        Some(first) if has_any(tree, UDEV) => {
            let text = format!("{WHY}[Match]\nOriginalName={first}\n\n[Link]\nName={first}\n");
            Ok(tree.write(LINK, text, 0o644)?)
        }
        _ => Ok(()),
    }
}

fn networkd(tree: &Tree, interfaces: &[&str]) -> Result<(), Error> {
    if !has_any(tree, NETWORKD) {
        return Ok(());
    }
    let names = interfaces.join(" ");
    let text = format!("{WHY}[Match]\nName={names}\n\n[Link]\nUnmanaged=yes\n");
    tree.write(NETWORK, text, 0o644)?;
    // It would wait two minutes for interfaces that nobody manages.
    Ok(disable(tree, "systemd-networkd-wait-online.service")?)
}

/// NetworkManager.conf(5).
fn network_manager(tree: &Tree, interfaces: &[&str]) -> Result<(), Error> {
    if !tree.has_directory(NETWORK_MANAGER)? {
        return Ok(());
    }
    let names: Vec<_> = interfaces
        .iter()
        .map(|name| format!("interface-name:{name}"))
        .collect();
    let names = names.join(";");
    // It has no name servers to offer, and would write that.
    let text = format!("{WHY}[main]\ndns=none\n\n[keyfile]\nunmanaged-devices+={names}\n");
    let path = format!("{NETWORK_MANAGER}/conf.d/99-picket.conf");
    Ok(tree.write(&path, text, 0o644)?)
}

/// dhcpcd.conf(5): before the first `interface` line, or it would be about that one.
fn dhcpcd(tree: &Tree, interfaces: &[&str]) -> Result<(), Error> {
    let Some(text) = tree.text(DHCPCD, MAX)? else {
        return Ok(());
    };
    let begin = format!("{WHY}denyinterfaces {}\n", interfaces.join(" "));
    match text.starts_with(&begin) {
        true => Ok(()),
        false => Ok(tree.write(DHCPCD, begin + &text, 0o644)?),
    }
}

/// netplan has no way to leave an interface alone; what it would configure, and wait for, is put aside.
fn netplan(tree: &Tree) -> Result<(), Error> {
    for name in tree.names(NETPLAN)? {
        if name.ends_with(".yaml") {
            tree.rename(&format!("{NETPLAN}/{name}"), &format!("{name}{OFF}"))?;
        }
    }
    Ok(())
}

fn has_any(tree: &Tree, paths: [&str; 2]) -> bool {
    paths
        .iter()
        .any(|path| matches!(tree.kind(path), Ok(Some(_))))
}
