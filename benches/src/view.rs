//! The machine as a contender sees it: this one, with what a netbooted Pi has and this machine lacks mounted over it, in a
//! mount namespace of the contender's own. `/proc/stat`, `/proc/meminfo` and the like stay the kernel's, so that reading
//! them costs what it costs. Nothing can leak: the namespace is private before anything is mounted.
use std::{
    fs,
    os::unix::{net::UnixDatagram, process::CommandExt},
    path::Path,
    process::{self, Command},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{mount_bind, mount_bind_recursive};

/// What is mounted over the machine: a path beneath the stage, and where it goes. The files of `/proc/self` are the
/// contender's own, because the process that mounts them becomes the contender by exec.
const MOUNTS: [(&str, &str); 7] = [
    ("sys/class", "/sys/class"),
    ("sys/kernel", "/sys/kernel"),
    ("sys/cpu", "/sys/devices/system/cpu"),
    ("proc/mountstats", "/proc/self/mountstats"),
    ("proc/mounts", "/proc/self/mounts"),
    ("proc/net", "/proc/self/net"),
    ("run", "/run"),
];

/// Said on `NOTIFY_SOCKET` at the moment of the exec.
pub const EXEC: &str = "X_BENCH=exec";

/// The command that runs another one in a new mount namespace with that stage as its machine.
///
/// # Errors
/// This program does not know its own path.
pub fn command(stage: &Path) -> Result<Command> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--"]);
    command
        .arg(std::env::current_exe().context("path of this program")?)
        .arg("view")
        .arg(stage);
    Ok(command)
}

/// Mounts the stage over the machine and becomes the program. Returns only with an error.
///
/// # Errors
/// This is not a namespace made by [`command`], a mount is refused, or the program can't be run.
pub fn enter(stage: &Path, program: &str, arguments: &[String]) -> Result<()> {
    ensure_own_namespace()?;
    // Its own directory stays reachable when /run is mounted over, wherever the stage lies.
    for (from, onto) in MOUNTS {
        let from = stage.join(from);
        mount_bind_recursive(&from, onto)
            .or_else(|_| mount_bind(&from, onto))
            .with_context(|| format!("bind {} onto {onto}", from.display()))?;
    }
    announce()?;
    let error = Command::new(program).args(arguments).exec();
    bail!("run {program}: {error}")
}

/// Mounting in the namespace of the machine would break it for everybody.
fn ensure_own_namespace() -> Result<()> {
    let own = fs::read_link("/proc/self/ns/mnt").context("/proc/self/ns/mnt")?;
    let parents = fs::read_link(format!(
        "/proc/{}/ns/mnt",
        std::os::unix::process::parent_id()
    ))
    .context("the parent's mount namespace")?;
    ensure!(
        own != parents,
        "`view` mounts over /proc and /sys: only `picket-benches` itself starts it, through unshare --mount"
    );
    Ok(())
}

fn announce() -> Result<()> {
    let Ok(socket) = std::env::var("NOTIFY_SOCKET") else {
        return Ok(());
    };
    UnixDatagram::unbound()?
        .send_to(EXEC.as_bytes(), &socket)
        .with_context(|| format!("pid {}: notify {socket}", process::id()))?;
    Ok(())
}
