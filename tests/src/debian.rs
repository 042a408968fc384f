//! The small Debian with systemd that `scripts/debian-root` keeps in the cache, and picketd in it as an image installs it. It knows
//! neither containers nor emulated Pis.
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Which Debian, by what it is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// This machine's containers.
    Amd64,
    /// Emulated Pis.
    Arm64,
    /// This machine's containers, once more: with packages that were installed, not only unpacked, so that more can be.
    Installed,
    /// The same for emulated Pis.
    InstalledArm64,
    /// This machine's, as Debian's installer would make it, with sshd: large, for figures.
    Full,
    /// The same for emulated Pis.
    FullArm64,
}

/// Copies a Debian to `root`, an empty folder or none. It is fetched first if it isn't in the cache.
pub fn copy(architecture: Architecture, root: &Path) {
    let cached = cached(architecture);
    fs::create_dir_all(root).expect("the folder is writable");
    let status = Command::new("cp")
        .arg("-a")
        .args([&cached.join("."), root])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "cp -a failed");
}

/// Puts Debian's sshd for arm64 into a root that has none, with its libraries and its user. It is fetched first if it isn't in the cache.
pub fn lay_sshd_over(root: &Path) {
    let cached = printed(&mut Command::new(
        Path::new(REPOSITORY).join("scripts/sshd-root"),
    ));
    let status = Command::new("cp")
        .arg("-a")
        .args([&cached.join("."), root])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "cp -a failed");
}

/// Installs a unit of the repository, and enables it.
pub fn install(root: &Path, unit: &str) {
    let text = fs::read_to_string(Path::new(REPOSITORY).join("systemd").join(unit))
        .expect("the unit is in the repository");
    add(root, unit, &text);
}

/// Adds a unit, and enables it.
pub fn add(root: &Path, unit: &str, text: &str) {
    let units = root.join("etc/systemd/system");
    let wanted = units.join("multi-user.target.wants");
    fs::create_dir_all(&wanted).expect("the root is ours");
    fs::write(units.join(unit), text).expect("the root is ours");
    symlink(Path::new("..").join(unit), wanted.join(unit)).expect("it is enabled once");
}

/// Disables a unit that is enabled.
pub fn disable(root: &Path, unit: &str) {
    let wanted = root.join("etc/systemd/system/multi-user.target.wants");
    fs::remove_file(wanted.join(unit)).expect("it is enabled");
}

/// Adds lines to a unit.
pub fn amend(root: &Path, unit: &str, lines: &str) {
    let folder = root.join("etc/systemd/system").join(format!("{unit}.d"));
    fs::create_dir_all(&folder).expect("the root is ours");
    fs::write(folder.join("test.conf"), lines).expect("the root is ours");
}

fn cached(architecture: Architecture) -> PathBuf {
    let mut script = Command::new(Path::new(REPOSITORY).join("scripts/debian-root"));
    printed(script.arg(match architecture {
        Architecture::Amd64 => "amd64",
        Architecture::Arm64 => "arm64",
        Architecture::Installed => "installed",
        Architecture::InstalledArm64 => "installed-arm64",
        Architecture::Full => "full",
        Architecture::FullArm64 => "full-arm64",
    }))
}

/// The folder that a script prints.
fn printed(script: &mut Command) -> PathBuf {
    let output = script.output().expect("the script is there");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().into()
}
