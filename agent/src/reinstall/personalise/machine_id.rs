//! A machine-id of its own (machine-id(5)): written, and not left empty for the first boot to fill in. So nothing needs to write it
//! back over NFS, what has no systemd finds it too, and no boot is systemd's "first", which would ask questions on the console.
use rustix::rand::{GetRandomFlags, getrandom};

use crate::tree::{Kind, Tree};

use super::Error;

const MACHINE_ID: &str = "etc/machine-id";
const OF_DBUS: &str = "var/lib/dbus/machine-id";
/// What systemd carries from one boot to the next for the kernel's randomness: shared, it would be nobody's secret.
const SEEDS: [&str; 2] = ["var/lib/systemd/random-seed", "var/lib/urandom/random-seed"];

/// # Errors
/// Something can't be written.
pub(super) fn renew(tree: &Tree) -> Result<(), Error> {
    let id = new()?;
    let text = format!("{:032x}\n", u128::from_be_bytes(id));
    tree.write(MACHINE_ID, text, 0o444)?;
    if tree.kind(OF_DBUS)? == Some(Kind::File) {
        tree.link(OF_DBUS, "/etc/machine-id")?;
    }
    for seed in SEEDS {
        tree.remove(seed)?;
    }
    Ok(())
}

/// A random UUID, as sd_id128_randomize(3) makes one: version 4 of RFC 9562.
fn new() -> Result<[u8; 16], Error> {
    let mut id = random()?;
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    Ok(id)
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    match getrandom(&mut bytes, GetRandomFlags::empty()) {
        Ok(filled) if filled == N => Ok(bytes),
        _ => Err(Error::NoRandomness),
    }
}
