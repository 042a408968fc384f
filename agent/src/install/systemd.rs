//! picketd under systemd: its units, and the links that enable them, as `systemctl enable` makes them. It knows no other service's
//! meaning, but can enable and disable one.
use std::path::{Path, PathBuf};

use crate::tree::{Error, Kind, Tree};

const OWN: &str = "etc/systemd/system";
const WANTS: &str = "multi-user.target.wants";
const NOTHING: &str = "/dev/null";
const PRESET: &str = "80-picket.preset";
const UNITS: [(&str, &str); 2] = [
    (
        "picketd.service",
        include_str!("../../../systemd/picketd.service"),
    ),
    (
        "picketd-guard.service",
        include_str!("../../../systemd/picketd-guard.service"),
    ),
];

/// Puts the units where packages' are, and enables them.
///
/// # Errors
/// Something can't be written.
pub(super) fn install(tree: &Tree, units: &str) -> Result<(), Error> {
    let mut preset = String::new();
    for (unit, text) in UNITS {
        tree.write(&format!("{units}/{unit}"), text, 0o644)?;
        enable(tree, units, unit)?;
        preset += &format!("enable {unit}\n");
    }
    // For an image whose first boot lets systemd enable and disable everything anew.
    let presets = format!("{}/system-preset/{PRESET}", above(units));
    tree.write(&presets, preset, 0o644)
}

/// Enables a service of `multi-user.target`, also one that is masked.
///
/// # Errors
/// Something can't be written.
pub fn enable(tree: &Tree, units: &str, unit: &str) -> Result<(), Error> {
    let own = format!("{OWN}/{unit}");
    if tree
        .target(&own)?
        .is_some_and(|to| to == Path::new(NOTHING))
    {
        tree.remove(&own)?;
    }
    let at = match tree.kind(&own)? {
        Some(Kind::File) => PathBuf::from("/").join(own),
        _ => Path::new("/").join(units).join(unit),
    };
    tree.link(&format!("{OWN}/{WANTS}/{unit}"), at)
}

/// Masks a unit, if there is one: then nothing can start it. What an administrator wrote of his own under its name is replaced.
///
/// # Errors
/// Something can't be written.
pub fn disable(tree: &Tree, unit: &str) -> Result<(), Error> {
    match find_unit(tree, unit)? {
        Some(_) => tree.link(&format!("{OWN}/{unit}"), NOTHING),
        None => Ok(()),
    }
}

/// The directory that has a unit, if one has.
///
/// # Errors
/// The tree can't be read.
pub fn find_unit(tree: &Tree, unit: &str) -> Result<Option<&'static str>, Error> {
    for units in ["usr/lib/systemd/system", "lib/systemd/system", OWN] {
        if tree.has_file(&format!("{units}/{unit}"))? {
            return Ok(Some(units));
        }
    }
    Ok(None)
}

fn above(units: &str) -> &str {
    units.rsplit_once('/').map_or("", |(above, _)| above)
}
