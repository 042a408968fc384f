//! A tree that stands for a machine goes down: what changes in a reboot is the boot id. It doesn't know that the process ends.
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
};

use picket_proto::BootId;
use rustix::{
    fs::OFlags,
    rand::{GetRandomFlags, getrandom},
};

use crate::world::World;

const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";

/// Gives the tree another boot id, whole or not at all.
pub(super) fn reboot(world: &World) -> io::Result<()> {
    if world.is_machine() {
        return Err(io::Error::other("this is a machine and no tree"));
    }
    let path = world.resolve(BOOT_ID)?;
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .mode(0o644)
        .open(&temporary)?;
    writeln!(file, "{}", random()?)?;
    fs::rename(&temporary, path)
}

/// A random UUID, as the kernel makes them (RFC 9562, version 4).
fn random() -> io::Result<BootId> {
    let mut bytes = [0; 16];
    if getrandom(&mut bytes, GetRandomFlags::empty())? != bytes.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(BootId(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_id::boot_id;

    #[test]
    fn each_reboot_of_a_tree_is_another_boot() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        let random = tree.path().join("proc/sys/kernel/random");
        assert!(reboot(&world).is_err(), "there is no such directory");
        fs::create_dir_all(&random).unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            reboot(&world).unwrap();
            let boot = boot_id(&world).unwrap();
            assert!(!seen.contains(&boot), "{boot} again");
            let text = boot.to_string();
            assert_eq!((&text[14..15], text.len()), ("4", 36), "{text}");
            seen.push(boot);
        }
        assert_eq!(fs::read_dir(random).unwrap().count(), 1);
    }

    #[test]
    fn the_machine_is_no_tree() {
        assert!(reboot(&World::new("/")).is_err());
    }
}
