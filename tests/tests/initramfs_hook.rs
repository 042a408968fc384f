//! The hook for initramfs-tools, in a tree that has what it uses: what it puts into an initramfs, and what it refuses. A whole initramfs
//! with it is made by `scripts/debian-initramfs`.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// In the place of initramfs-tools' own: they say what they were asked for.
const FUNCTIONS: &str = "copy_exec() { install -D -m 755 \"$1\" \"$DESTDIR$2\"; }\n\
    manual_add_modules() { echo \"modules: $*\"; }\nauto_add_modules() { echo \"class: $*\"; }\n";

/// A machine where an initramfs is made.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(machine.path("initramfs/scripts")).unwrap();
        machine.put("usr/share/initramfs-tools/hook-functions", FUNCTIONS, 0o644);
        machine.put("usr/bin/picketd", "the agent", 0o755);
        machine.put("bin/busybox", "busybox", 0o755);
        for (from, to) in [
            ("initramfs-tools/picket", "picket"),
            ("picket-root", "picket-root"),
        ] {
            let text = fs::read_to_string(Path::new(REPOSITORY).join("boot").join(from)).unwrap();
            machine.put(&format!("usr/share/picketd/boot/{to}"), &text, 0o644);
        }
        machine.put(
            "etc/picket/rescue/picketd.toml",
            "broker = \"mqtt://b\"",
            0o644,
        );
        machine.put("etc/picket/rescue/tls/key.pem", "secret", 0o644);
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn put(&self, path: &str, text: &str, mode: u32) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn hook(&self, settings: &[(&str, &str)]) -> Output {
        Command::new("sh")
            .arg(Path::new(REPOSITORY).join("boot/initramfs-tools/hook"))
            .env("PICKET_ROOT", self.0.path())
            .env("DESTDIR", self.path("initramfs"))
            .envs(settings.iter().copied())
            .output()
            .unwrap()
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o777
    }
}

#[test]
fn the_hook_puts_agent_scripts_modules_and_the_rescue_systems_configuration_into_the_initramfs() {
    let machine = Machine::new();
    let output = machine.hook(&[]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said,
        "modules: nfs nfsv4 8021q ipv6 af_packet\nclass: net\n"
    );
    for (path, mode) in [
        ("initramfs/bin/picketd", 0o755),
        ("initramfs/scripts/picket", 0o644),
        ("initramfs/scripts/picket-root", 0o644),
        ("initramfs/etc/picket", 0o700),
        ("initramfs/etc/picket/picketd.toml", 0o600),
        ("initramfs/etc/picket/tls", 0o700),
        ("initramfs/etc/picket/tls/key.pem", 0o600),
    ] {
        assert_eq!(machine.mode(path), mode, "{path}");
    }
    let sourced = fs::read_to_string(machine.path("initramfs/scripts/picket")).unwrap();
    assert!(sourced.contains("\n. /scripts/picket-root\n"), "{sourced}");
}

#[test]
fn a_machine_whose_operator_wants_no_slots_gets_nothing_and_one_that_lacks_something_is_told() {
    let plain = Machine::new();
    fs::remove_dir_all(plain.path("etc/picket/rescue")).unwrap();
    let output = plain.hook(&[]);
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    assert!(!plain.path("initramfs/bin").exists());
    for (missing, settings, expected) in [
        ("usr/bin/picketd", &[][..], "there is no "),
        ("bin/busybox", &[], "install busybox"),
        (
            "etc/picket/rescue/picketd.toml",
            &[],
            "nobody could reach the rescue system",
        ),
        ("none", &[("BUSYBOX", "n")], "BUSYBOX=n"),
    ] {
        let machine = Machine::new();
        let _ = fs::remove_file(machine.path(missing));
        let output = machine.hook(settings);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(expected),
            "{missing}: {said}"
        );
        assert!(!machine.path("initramfs/bin/picketd").exists(), "{missing}");
    }
}
