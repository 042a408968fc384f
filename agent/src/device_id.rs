//! Which Pi this is, and which boot of it. The same Pi keeps its id through reinstalls; cloned roots share nothing.
//!
//! Never the machine-id: roots are cloned with it. This file reads kernel files and knows no configuration file.
use picket_proto::{BootId, DeviceId, Gap};

use crate::world::World;

const CMDLINE: &str = "proc/cmdline";
const CMDLINE_KEY: &str = "picket.id=";
const SERIAL: &str = "proc/device-tree/serial-number";
const CPUINFO: &str = "proc/cpuinfo";
const INTERFACES: &str = "sys/class/net";
const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";
/// The interface that netboots a Pi.
const NETBOOT_INTERFACE: &str = "eth0";
/// None of these files is longer.
const MAX_FILE: usize = 64 * 1024;
const DIGITS: usize = 16;

/// Why the id or the boot of this machine can't be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kernel command line names something that is no id.
    #[error(
        "picket.id={0:?} on the kernel command line (proc/cmdline) is not an id of 16 hex digits; mend it there"
    )]
    CommandLine(String),
    /// Nothing on this machine names it.
    #[error(
        "nothing names this machine: no picket.id= in proc/cmdline, no serial in proc/device-tree/serial-number or \
         proc/cpuinfo, no MAC in sys/class/net; give it an id of 16 hex digits in the configuration"
    )]
    Nameless,
    /// The kernel doesn't say which boot this is.
    #[error("proc/sys/kernel/random/boot_id holds no boot id ({0}); is proc mounted?")]
    NoBootId(Gap),
}

/// The id of the machine: `picket.id=` of the kernel command line, else `configured`, else the board's serial of the
/// device tree, else that of cpuinfo, else `0000` and the MAC of an interface (`eth0` before others, then by name).
///
/// # Errors
/// [`Error::CommandLine`] if the command line's id is malformed: going on with another id would mix up two Pis. It is the
/// only word of the kernel command line whose typo ends `picketd run`; others are warnings.
/// [`Error::Nameless`] if there is none at all.
pub fn device_id(world: &World, configured: Option<DeviceId>) -> Result<DeviceId, Error> {
    if let Some(id) = id_of_command_line(world)? {
        return Ok(id);
    }
    configured
        .or_else(|| serial(&world.read(SERIAL, MAX_FILE).ok()?))
        .or_else(|| cpuinfo_serial(&world.read(CPUINFO, MAX_FILE).ok()?))
        .or_else(|| mac_id(world))
        .ok_or(Error::Nameless)
}

/// The boot that the machine is in.
///
/// # Errors
/// [`Error::NoBootId`].
pub fn boot_id(world: &World) -> Result<BootId, Error> {
    let text = world.read(BOOT_ID, MAX_FILE).map_err(Error::NoBootId)?;
    std::str::from_utf8(text.trim_ascii())
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Error::NoBootId(Gap::Garbled))
}

fn id_of_command_line(world: &World) -> Result<Option<DeviceId>, Error> {
    let Ok(line) = world.read(CMDLINE, MAX_FILE) else {
        return Ok(None);
    };
    // The kernel lets the last of several win, and so does this.
    let line = String::from_utf8_lossy(&line);
    let given = line
        .split_ascii_whitespace()
        .rev()
        .find_map(|word| word.strip_prefix(CMDLINE_KEY));
    given
        .map(|text| {
            text.parse()
                .map_err(|_| Error::CommandLine(text.to_owned()))
        })
        .transpose()
}

/// A serial as the device tree has it: hex digits and a NUL. Shorter ones are padded with zeroes on the left; one of
/// zeroes only is none.
fn serial(text: &[u8]) -> Option<DeviceId> {
    let text = text.split(|&byte| byte == 0).next()?.trim_ascii();
    let digits = std::str::from_utf8(text).ok()?;
    if digits.is_empty() || digits.len() > DIGITS {
        return None;
    }
    let id: DeviceId = format!("{digits:0>DIGITS$}").parse().ok()?;
    (id.0 != [0; 8]).then_some(id)
}

/// `Serial          : 00000000a1b2c3d4`, on a line of its own.
fn cpuinfo_serial(text: &[u8]) -> Option<DeviceId> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let value = line.strip_prefix(b"Serial")?.trim_ascii_start();
        serial(value.strip_prefix(b":")?)
    })
}

fn mac_id(world: &World) -> Option<DeviceId> {
    let mut names = world.list(INTERFACES).ok()?;
    names.sort_by_key(|name| name != NETBOOT_INTERFACE);
    names.iter().find_map(|name| {
        let text = world.read(&format!("{INTERFACES}/{name}/address"), MAX_FILE);
        mac(&text.ok()?)
    })
}

/// An Ethernet address, but not that of the loopback interface (zeroes only) or a group.
fn mac(text: &[u8]) -> Option<DeviceId> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() != 6 || parts.iter().any(|part| part.len() != 2) {
        return None;
    }
    let id: DeviceId = format!("0000{}", parts.concat()).parse().ok()?;
    let unicast = id.0[2] & 1 == 0 && id.0 != [0; 8];
    unicast.then_some(id)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn each_source_of_an_id_has_its_rank() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        let id = |configured: Option<&str>| {
            device_id(&world, configured.map(|text| text.parse().unwrap())).map(|id| id.to_string())
        };
        assert_eq!(id(None), Err(Error::Nameless));
        for (path, text, expected) in [
            (
                "sys/class/net/lo/address",
                "00:00:00:00:00:00\n",
                Err(Error::Nameless),
            ),
            (
                "sys/class/net/wlan0/address",
                "b8:27:eb:00:00:02\n",
                Ok("0000b827eb000002"),
            ),
            (
                "sys/class/net/enx1/address",
                "b8:27:eb:00:00:03\n",
                Ok("0000b827eb000003"),
            ),
            (
                "sys/class/net/eth0/address",
                "b8:27:eb:00:00:01\n",
                Ok("0000b827eb000001"),
            ),
            (
                "etc/machine-id",
                "0123456789abcdef0123456789abcdef\n",
                Ok("0000b827eb000001"),
            ),
            (
                "proc/cpuinfo",
                "processor\t: 0\nSerial\t\t: 00000000c0ffee00\n",
                Ok("00000000c0ffee00"),
            ),
            (
                "proc/device-tree/serial-number",
                "00000000a1b2c3d4\0",
                Ok("00000000a1b2c3d4"),
            ),
            (
                "proc/cmdline",
                "quiet root=/dev/nfs\n",
                Ok("00000000a1b2c3d4"),
            ),
        ] {
            put(tree.path(), path, text);
            assert_eq!(id(None), expected.map(str::to_owned), "{path}");
        }
        assert_eq!(id(Some("1111111111111111")).unwrap(), "1111111111111111");
        put(
            tree.path(),
            "proc/cmdline",
            "picket.id=3333333333333333 picket.id=2222222222222222\n",
        );
        assert_eq!(id(Some("1111111111111111")).unwrap(), "2222222222222222");
        put(tree.path(), "proc/cmdline", "picket.id=22\n");
        let error = id(Some("1111111111111111")).unwrap_err();
        assert_eq!(error, Error::CommandLine("22".to_owned()));
        assert!(error.to_string().contains("picket.id=\"22\""));
    }

    #[test]
    fn a_serial_is_up_to_16_hex_digits() {
        for (text, id) in [
            ("", None),
            ("\0", None),
            ("0000000000000000\0", None),
            ("00000000a1b2c3d4e\0", None),
            ("not-a-serial\0", None),
            ("+1\0", None),
            ("a1b2c3d4\0", Some("00000000a1b2c3d4")),
            ("10000000A1B2C3D4\0", Some("10000000a1b2c3d4")),
            ("00000000a1b2c3d4", Some("00000000a1b2c3d4")),
        ] {
            let found = serial(text.as_bytes()).map(|id| id.to_string());
            assert_eq!(found.as_deref(), id, "{text:?}");
        }
    }

    #[test]
    fn a_mac_is_six_bytes_of_one_station() {
        for (text, ok) in [
            ("", false),
            ("b8:27:eb:00:00", false),
            ("b8:27:eb:00:00:01:02", false),
            ("b8:27:eb:0:00:011", false),
            ("ff:ff:ff:ff:ff:ff", false),
            ("00:00:00:00:00:00", false),
            ("b8:27:eb:00:00:+1", false),
            ("b8:27:eb:00:00:01\n", true),
        ] {
            assert_eq!(mac(text.as_bytes()).is_some(), ok, "{text:?}");
        }
    }

    #[test]
    fn a_missing_boot_id_names_its_file() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        let boot = "6c45ee9d-3e4a-4a0b-b2c1-0f61de43d3d5";
        for (text, gap) in [
            ("", "garbled"),
            ("no uuid\n", "garbled"),
            ("\u{fffd}", "garbled"),
        ] {
            put(tree.path(), BOOT_ID, text);
            let error = boot_id(&world).unwrap_err().to_string();
            assert!(error.contains(BOOT_ID) && error.contains(gap), "{error}");
        }
        put(tree.path(), BOOT_ID, &format!("{boot}\n"));
        assert_eq!(boot_id(&world).unwrap().to_string(), boot);
        let error = boot_id(&World::new(tree.path().join("missing"))).unwrap_err();
        assert_eq!(error, Error::NoBootId(Gap::Absent));
    }

    #[test]
    fn this_machine_has_a_boot_id() {
        boot_id(&World::new("/")).unwrap();
    }

    fn put(tree: &Path, path: &str, text: &str) {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
