//! What an image does once, when it boots for the first time from the card that it was made for: it grows its partition, asks for a
//! user, makes new host keys, and configures the network. Here there is no card, and all of that is done.
//!
//! Sources: raspberrypi-sys-mods and userconf-pi (units and `cancel-rename`), pi-gen's stage2, cloud-init's documentation
//! ("How to disable cloud-init").
use crate::{
    install::{disable, find_unit},
    tree::Tree,
};

use super::Error;

/// Of Raspberry Pi OS: the user dialog, growing the file system (up to bookworm and since trixie), new host keys, the older installer's
/// settings, and a swap file, which can't lie on NFS.
const UNITS: [&str; 6] = [
    USER_DIALOG,
    "rpi-resize.service",
    "resize2fs_once.service",
    "regenerate_ssh_host_keys.service",
    "apply_noobs_os_config.service",
    "dphys-swapfile.service",
];
const USER_DIALOG: &str = "userconfig.service";
/// Scripts of which systemd makes units by itself, and whose links start them where no systemd is.
const SCRIPTS: [&str; 3] = ["resize2fs_once", "apply_noobs_os_config", "dphys-swapfile"];
/// The desktop's wizard, what tells everybody who logs in to rename the user, and what keeps sshd from starting (Debian).
const FILES: [&str; 3] = [
    "etc/xdg/autostart/piwiz.desktop",
    "etc/ssh/sshd_config.d/rename_user.conf",
    "etc/ssh/sshd_not_to_be_run",
];
const LEVELS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "S"];
const CLOUD_INIT: &str = "etc/cloud";
const CLOUD_INIT_OFF: &str = "etc/cloud/cloud-init.disabled";
const GETTY: &str = "getty@.service";
const CONSOLE: &str = "etc/systemd/system/getty.target.wants/getty@tty1.service";

/// Turns all of it off.
///
/// # Errors
/// Something can't be read or written.
pub(super) fn turn_off(tree: &Tree) -> Result<(), Error> {
    if find_unit(tree, USER_DIALOG)?.is_some() {
        // It stood in the way of the login on the console.
        if let Some(units) = find_unit(tree, GETTY)? {
            tree.link(CONSOLE, format!("/{units}/{GETTY}"))?;
        }
    }
    for unit in UNITS {
        disable(tree, unit)?;
    }
    for script in SCRIPTS {
        disable_script(tree, script)?;
    }
    for file in FILES {
        tree.remove(file)?;
    }
    if tree.has_directory(CLOUD_INIT)? {
        tree.write(CLOUD_INIT_OFF, "", 0o644)?;
    }
    Ok(())
}

fn disable_script(tree: &Tree, script: &str) -> Result<(), Error> {
    if !tree.has_file(&format!("etc/init.d/{script}"))? {
        return Ok(());
    }
    tree.link(&format!("etc/systemd/system/{script}.service"), "/dev/null")?;
    for level in LEVELS {
        let folder = format!("etc/rc{level}.d");
        for link in tree.names(&folder)? {
            // As in S01resize2fs_once.
            if link.get(3..) == Some(script) && link.starts_with('S') {
                tree.remove(&format!("{folder}/{link}"))?;
            }
        }
    }
    Ok(())
}
