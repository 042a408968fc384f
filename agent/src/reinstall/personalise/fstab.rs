//! /etc/fstab (fstab(5)) for a root that the initramfs has mounted: no line for the root, which would be mounted anew with another's
//! options, and none for disks that the Pi doesn't have, each of which would hold up the boot for 90 s.
use crate::tree::Tree;

use super::Error;

const FSTAB: &str = "etc/fstab";
const MAX: u64 = 1024 * 1024;
const OFF: &str = "# picket: not here: ";
/// How fstab(5) names disks and their partitions.
const DISKS: [&str; 7] = [
    "/dev/",
    "UUID=",
    "LABEL=",
    "PARTUUID=",
    "PARTLABEL=",
    "ID=",
    "ROOTDEV",
];
const ROOT: &str = "/";

/// # Errors
/// It can't be read or written.
pub(super) fn rewrite(tree: &Tree) -> Result<(), Error> {
    match tree.text(FSTAB, MAX)? {
        Some(text) => Ok(tree.write(FSTAB, without_disks(&text), 0o644)?),
        None => Ok(()),
    }
}

fn without_disks(text: &str) -> String {
    text.lines().fold(String::new(), |text, line| {
        let off = if is_off(line) { OFF } else { "" };
        text + off + line + "\n"
    })
}

fn is_off(line: &str) -> bool {
    let mut fields = line.split_ascii_whitespace();
    let Some(what) = fields.next().filter(|what| !what.starts_with('#')) else {
        return false;
    };
    let (at, kind, options) = (fields.next(), fields.next(), fields.next());
    let waits = !options.is_some_and(|options| options.split(',').any(|option| option == "nofail"));
    // A file of swap space can't lie on NFS.
    at == Some(ROOT)
        || kind == Some("swap")
        || waits && DISKS.iter().any(|disk| what.starts_with(disk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_and_disks_are_off_and_all_else_stays() {
        for (line, off) in [
            // Raspberry Pi OS, Ubuntu, Debian.
            (
                "PARTUUID=9730496b-02  /  ext4  defaults,noatime  0  1",
                true,
            ),
            (
                "PARTUUID=9730496b-01  /boot/firmware  vfat  defaults  0  2",
                true,
            ),
            (
                "LABEL=writable\t/\text4\tdiscard,errors=remount-ro\t0 1",
                true,
            ),
            (
                "LABEL=system-boot       /boot/firmware  vfat    defaults        0       1",
                true,
            ),
            ("UUID=ab /home ext4 defaults 0 2", true),
            ("/dev/mmcblk0p2 / ext4 defaults 0 1", true),
            ("/dev/nfs / nfs defaults 0 0", true),
            ("/swapfile none swap sw 0 0", true),
            ("UUID=ab /mnt/usb ext4 defaults,nofail 0 2", false),
            (
                "proc            /proc           proc    defaults          0       0",
                false,
            ),
            ("tmpfs /tmp tmpfs size=64m 0 0", false),
            ("[2001:db8::1]:/data /data nfs4 _netdev 0 0", false),
            ("# / is mounted by the initramfs", false),
            ("", false),
            ("broken", false),
        ] {
            let once = without_disks(line);
            assert_eq!(once.starts_with(OFF), off, "{line}");
            assert!(once.trim_end().ends_with(line.trim_end()));
            assert_eq!(without_disks(&once), once);
        }
    }
}
