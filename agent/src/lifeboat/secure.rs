//! What the second life does first: it keeps its memory from being paged out, and drops every capability that it doesn't need. Neither
//! is worth staying ashore for, so what fails is a warning.
use std::path::Path;

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        set_capabilities, set_no_new_privs,
    },
};

/// What the agent may need until the machine is down: reboot(2), and reading files that belong to others, as a password of its own
/// user. Signals to process 1, the emergency key and the LED take root and no capability.
const NEEDED: CapabilitySet = CapabilitySet::SYS_BOOT.union(CapabilitySet::DAC_READ_SEARCH);

/// What the child that installs an image needs, and the agent may not use: under no_new_privs what is given away once doesn't come back
/// with an exec, so where there are slots these stay permitted, and are never effective here. It owns files as others do, makes device
/// nodes, and has a root of its own.
const OF_THE_CHILD: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::SYS_CHROOT);
/// Where there are slots.
const EXPORT: &str = "/run/picket/export";

/// Does it; what could not be done.
pub(super) fn secure() -> Vec<String> {
    let mut warnings = Vec::new();
    // Safety-order: locking takes a capability.
    let also = lock_memory().unwrap_or_else(|warning| {
        warnings.push(warning);
        CapabilitySet::empty()
    });
    let child = match Path::new(EXPORT).is_dir() {
        true => OF_THE_CHILD,
        false => CapabilitySet::empty(),
    };
    warnings.extend(drop_capabilities(NEEDED | also, child).err());
    warnings
}

/// Pages are locked as they are touched, so what is reserved and never used costs nothing. Gives the capability that this needs from
/// now on: where the limit stays, each new mapping beyond it would fail without, and the allocator with it.
fn lock_memory() -> Result<CapabilitySet, String> {
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    // It may be forbidden and need not be: a service manager has set it then.
    let _ = setrlimit(Resource::Memlock, unlimited);
    let held = capabilities(None).map_or(CapabilitySet::empty(), |held| held.effective);
    let also = match getrlimit(Resource::Memlock).current {
        None => CapabilitySet::empty(),
        Some(_) if held.contains(CapabilitySet::IPC_LOCK) => CapabilitySet::IPC_LOCK,
        Some(bytes) => {
            return Err(format!(
                "memory is not locked, because this process may lock {} KiB only; set LimitMEMLOCK=infinity",
                bytes / 1024
            ));
        }
    };
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    mlockall(flags).map(|()| also).map_err(|error| {
        format!("memory is not locked ({error}), which matters where there is swap; set LimitMEMLOCK=infinity")
    })
}

/// All but those; `permitted` can be had by a child, and not be used here.
fn drop_capabilities(but: CapabilitySet, permitted: CapabilitySet) -> Result<(), String> {
    let dropped = capabilities(None).and_then(|held| {
        let kept = held.permitted & but;
        set_no_new_privs(true)?;
        clear_ambient_capability_set()?;
        set_capabilities(
            None,
            CapabilitySets {
                effective: kept,
                permitted: held.permitted & (but | permitted),
                inheritable: CapabilitySet::empty(),
            },
        )
    });
    dropped.map_err(|error| format!("capabilities are not dropped: {error}"))
}
