//! The public interface in an image: a unit that sets it up with `ip`. It reads nothing of the running machine.
use crate::{
    install::{Init, enable},
    tree::Tree,
};

use super::{super::Error, Public};

const UNITS: &str = "etc/systemd/system";
const UNIT: &str = "picket-network.service";
const IP: [&str; 4] = ["usr/sbin/ip", "sbin/ip", "usr/bin/ip", "bin/ip"];

/// Writes and enables the unit, or says what the image lacks for it.
///
/// # Errors
/// Something can't be read or written.
pub(super) fn write(tree: &Tree, public: &Public) -> Result<Option<String>, Error> {
    let lacks = |what| {
        let interface = &public.interface;
        Ok(Some(format!(
            "the image has no {what}, so nothing sets up the public interface {interface} in it"
        )))
    };
    if !matches!(Init::of(tree)?, Some(Init::Systemd { .. })) {
        return lacks("systemd");
    }
    for ip in IP {
        if tree.has_file(ip)? {
            tree.write(&format!("{UNITS}/{UNIT}"), unit(public, ip), 0o644)?;
            enable(tree, UNITS, UNIT)?;
            return Ok(None);
        }
    }
    lacks("ip (of iproute2)")
}

/// A step that begins with a minus may fail: the initramfs may have done it before.
fn unit(public: &Public, ip: &str) -> String {
    let name = &public.interface;
    let mut steps = Vec::new();
    if let Some(vlan) = &public.vlan {
        let (id, parent) = (vlan.id, &vlan.parent);
        steps.push(format!(
            "-/{ip} link add link {parent} name {name} type vlan id {id}"
        ));
    }
    steps.push(format!("/{ip} link set dev {name} up"));
    for (address, length) in &public.addresses {
        steps.push(format!(
            "-/{ip} -6 address replace {address}/{length} dev {name}"
        ));
    }
    if let Some(gateway) = public.gateway {
        steps.push(format!(
            "-/{ip} -6 route replace default via {gateway} dev {name}"
        ));
    }
    let steps: String = steps
        .iter()
        .flat_map(|step| ["ExecStart=", step, "\n"])
        .collect();
    format!(
        "# The public interface, as it was when this system was installed. It is yours to change, but no network manager may touch\n\
         # the interface that the root filesystem comes over.\n\
         [Unit]\n\
         Description=The public network interface {name}\n\
         Wants=network.target\n\
         Before=network.target network-online.target\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         RemainAfterExit=yes\n\
         {steps}\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}
