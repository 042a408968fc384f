//! A file that may not be read, in the eyes of a picketd that isn't root: root itself is never denied.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]
use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

/// The user `nobody` has that number everywhere.
const NOBODY: u32 = 65_534;

#[test]
fn a_file_that_may_not_be_read_is_denied_and_costs_only_its_own_readings() {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("root");
    fs::create_dir_all(tree.join("proc")).unwrap();
    fs::write(tree.join("proc/loadavg"), "0.25 0.50 1.00 1/99 77\n").unwrap();
    fs::write(tree.join("proc/uptime"), "5.00 4.00\n").unwrap();
    fs::write(tree.join("proc/cmdline"), "picket.id=00000000a1b2c3d4\n").unwrap();
    for directory in [place.path(), &tree, &tree.join("proc")] {
        mode(directory, 0o755);
    }
    for (closed, open) in [("loadavg", "uptime"), ("uptime", "loadavg")] {
        let metric = |file| if file == "loadavg" { "load1" } else { file };
        mode(&tree.join("proc").join(closed), 0o000);
        mode(&tree.join("proc").join(open), 0o644);
        let found = sample(place.path(), &tree);
        assert_eq!(found["gaps"][metric(closed)], "denied", "{found}");
        assert!(found["readings"][metric(open)].is_i64(), "{found}");
    }
}

fn sample(place: &Path, tree: &Path) -> serde_json::Value {
    // The directory of the build may be closed to others, so the agent is run from here.
    let program = place.join("picketd");
    fs::copy(env!("CARGO_BIN_EXE_picketd"), &program).unwrap();
    mode(&program, 0o755);
    let mut command = match env::var_os("PICKET_RUNNER") {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(&program);
            command
        }
        None => Command::new(&program),
    };
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command
        .args(["sample", "--json", "--root"])
        .arg(tree)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}
