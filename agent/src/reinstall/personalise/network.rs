//! The network of a Pi whose root filesystem comes over it: the interface to the file server is left alone by every network manager of
//! the image, since whatever one of them changed there would take the root away; and the public interface is as it is now.
//!
//! The public interface has a unit of its own that calls `ip`, the same in every image. Managers can't be given it: NetworkManager, for
//! one, takes no VLAN whose parent it doesn't manage.
mod managers;
pub mod now;
mod public;

use std::net::Ipv6Addr;

use crate::tree::Tree;

use super::Error;

/// What an image has to keep, and to set up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// The interface to the file server, which the initramfs has set up.
    pub storage: Option<String>,
    /// The interface to the world.
    pub public: Option<Public>,
    /// Lines of resolv.conf(5).
    pub resolver: String,
}

/// The interface to the world: IPv6 only. Addresses and routes that routers announce aren't in it: the kernel takes them by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// Its name.
    pub interface: String,
    /// What it is a VLAN of, if it is one.
    pub vlan: Option<Vlan>,
    /// Its addresses, each with the length of the prefix.
    pub addresses: Vec<(Ipv6Addr, u8)>,
    /// Where the rest of the world is reached.
    pub gateway: Option<Ipv6Addr>,
}

/// A tagged VLAN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vlan {
    /// Its tag, 1 to 4094.
    pub id: u16,
    /// The interface that it lies on.
    pub parent: String,
}

const RESOLV_CONF: &str = "etc/resolv.conf";

impl Network {
    /// The interfaces that no network manager may touch.
    fn kept(&self) -> Vec<&str> {
        let public = self.public.as_ref().map(|public| public.interface.as_str());
        let mut kept: Vec<_> = self.storage.as_deref().into_iter().chain(public).collect();
        kept.dedup();
        kept
    }
}

/// Writes all of it. Gives warnings, in words.
///
/// # Errors
/// Something can't be read or written.
pub(super) fn write(tree: &Tree, network: &Network) -> Result<Vec<String>, Error> {
    let kept = network.kept();
    if !kept.is_empty() {
        managers::keep_off(tree, &kept)?;
    }
    if !network.resolver.is_empty() {
        tree.write(RESOLV_CONF, &network.resolver, 0o644)?;
    }
    let warning = match &network.public {
        Some(public) => public::write(tree, public)?,
        None => None,
    };
    Ok(warning.into_iter().collect())
}
