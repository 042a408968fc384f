//! Whether this process may bring this machine down, and how process 1 is asked. Only looks; nothing here acts.
use picket_proto::Gap;

use crate::world::World;

/// glibc's SIGRTMIN: the kernel's first real-time signal is 32, of which glibc takes two for itself (signal(7)).
const GLIBC_RTMIN: i32 = 34;
/// musl's SIGRTMIN: it takes three (arch/generic/bits/signal.h, src/signal/sigrtmin.c).
const MUSL_RTMIN: i32 = 35;
/// systemd starts reboot.target on SIGRTMIN+5 (systemd(1), "Signals").
const REBOOT: i32 = 5;

/// What cargo sets for whatever it runs, and what runs cross-built tests. A test must never bring down the machine that it
/// runs on; an emulator that runs single programs (qemu-user) hands reboot(2) through to that machine.
const OF_TESTS: [&str; 4] = ["PICKET_RUNNER", "CARGO", "CARGO_MANIFEST_DIR", "NEXTEST"];

/// Why this process must not bring the machine down, if so. `is_set` says whether an environment variable is there.
pub(super) fn barred(world: &World, is_set: impl Fn(&str) -> bool) -> Result<(), String> {
    if !world.is_machine() {
        return Err("this is a tree and no machine".to_owned());
    }
    if let Some(name) = OF_TESTS.into_iter().find(|name| is_set(name)) {
        return Err(format!(
            "{name} is in the environment, so this is a test; start picketd without it"
        ));
    }
    let kernel = world.read("proc/sys/kernel/arch", 64).unwrap_or_default();
    let kernel = String::from_utf8_lossy(&kernel);
    match emulated(kernel.trim(), std::env::consts::ARCH) {
        true => Err(format!(
            "this picketd is for {} and the kernel for {}: an emulator runs it",
            std::env::consts::ARCH,
            kernel.trim()
        )),
        false => Ok(()),
    }
}

/// Whether a program of that architecture can't run on that kernel by itself. A kernel before 6.1 doesn't say which it is.
fn emulated(kernel: &str, program: &str) -> bool {
    let family = |name: &str| match name {
        "aarch64" | "arm" => Some("arm"),
        "x86_64" | "x86" => Some("x86"),
        name if name.starts_with("armv") => Some("arm"),
        name if name.starts_with('i') && name.ends_with("86") => Some("x86"),
        _ => None,
    };
    !kernel.is_empty() && family(kernel) != family(program)
}

/// The number of the signal that makes process 1 reboot, where it is systemd.
///
/// It is counted as process 1 counts, and not as this program's C library does: with musl SIGRTMIN()+5 is 40, and to a systemd that
/// counts from 34 that is kexec. systemd blocks its signals to read them from a descriptor (src/core/manager.c), so the
/// lowest real-time signal among those that it blocks is its SIGRTMIN.
///
/// # Errors
/// Why there is none.
pub(super) fn reboot_signal(world: &World) -> Result<i32, String> {
    let comm = read(world, "proc/1/comm")?;
    let runs = world
        .resolve("run/systemd/system")
        .is_ok_and(|path| path.is_dir());
    if !runs || comm.trim() != "systemd" {
        return Err(format!(
            "process 1 is {} and not systemd",
            comm.trim().escape_default()
        ));
    }
    let status = read(world, "proc/1/status")?;
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let blocked = blocked.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let waits = |signal: i32| blocked.is_some_and(|mask| mask >> (signal - 1) & 1 == 1);
    [GLIBC_RTMIN, MUSL_RTMIN]
        .into_iter()
        .find(|first| waits(*first))
        .map(|first| first + REBOOT)
        .ok_or_else(|| "systemd doesn't wait for signals".to_owned())
}

fn read(world: &World, path: &str) -> Result<String, String> {
    match world.read(path, 4096) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(Gap::Absent) => Err(format!("there is no /{path}")),
        Err(gap) => Err(format!("can't read /{path}: {gap}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_the_machine_itself_and_no_test_is_brought_down() {
        let tree = World::new(tempfile::tempdir().unwrap().path());
        let machine = World::new("/");
        assert!(barred(&tree, |_| false).unwrap_err().contains("tree"));
        for name in OF_TESTS {
            let error = barred(&machine, |asked| asked == name).unwrap_err();
            assert!(
                error.starts_with(name) && error.contains("a test"),
                "{error}"
            );
        }
        let here = barred(&machine, |name| std::env::var_os(name).is_some());
        assert!(
            here.is_err(),
            "cargo sets none of them, or did not start this"
        );
    }

    #[test]
    fn a_program_of_another_processor_runs_in_an_emulator() {
        for (kernel, program, expected) in [
            ("", "arm", false),
            ("x86_64", "x86_64", false),
            ("x86_64", "x86", false),
            ("aarch64", "arm", false),
            ("armv7l", "arm", false),
            ("aarch64", "aarch64", false),
            ("x86_64", "arm", true),
            ("x86_64", "aarch64", true),
            ("aarch64", "x86_64", true),
            ("riscv64", "aarch64", true),
        ] {
            assert_eq!(emulated(kernel, program), expected, "{program} on {kernel}");
        }
    }

    #[test]
    fn the_signal_is_counted_as_process_1_counts() {
        let glibc = "Name:\tsystemd\nSigPnd:\t0000000000000000\nSigBlk:\t7be3c0fe28014a03\n";
        let musl = "SigBlk:\tf7c781fc28014a03\n";
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        let write = |path: &str, text: &str| {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let refused = |words: &str| {
            let error = reboot_signal(&world).unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        refused("there is no /proc/1/comm");
        write("proc/1/comm", "systemd\n");
        refused("process 1 is systemd and not systemd");
        write("run/systemd/system/x", "");
        refused("there is no /proc/1/status");
        for (status, signal) in [
            (glibc, Ok(39)),
            (musl, Ok(40)),
            ("SigBlk:\t0\n", Err(())),
            ("", Err(())),
        ] {
            write("proc/1/status", status);
            assert_eq!(reboot_signal(&world).map_err(drop), signal, "{status}");
        }
        write("proc/1/comm", "busybox\u{1b}\n");
        refused("process 1 is busybox\\u{1b} and not systemd");
    }
}
