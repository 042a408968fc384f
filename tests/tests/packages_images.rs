//! A whole image by mmdebstrap, with picketd preinstalled by the hook of `packaging/mmdebstrap`. It fetches a Debian, and so is no part
//! of the tests of each change.
use std::{path::Path, process::Command};

use picket_tests::package::Debs;

#[test]
fn the_hook_of_mmdebstrap_preinstalls_and_enables_picketd() {
    let debs = Debs::of_this_build();
    let folder = tempfile::tempdir_in(debs.folder()).unwrap();
    let root = folder.path().join("root");
    // What fails leaves what there was of the root.
    let without = mmdebstrap(&folder.path().join("without"), None);
    assert!(!without.0, "{}", without.1);
    assert!(
        without.1.contains("names the package of picketd"),
        "{}",
        without.1
    );
    let with = mmdebstrap(&root, Some(&debs.file("picketd", "amd64")));
    assert!(with.0, "{}", with.1);
    assert!(root.join("usr/bin/picketd").is_file());
    for unit in ["picketd.service", "picketd-guard.service"] {
        let wanted = root
            .join("etc/systemd/system/multi-user.target.wants")
            .join(unit);
        assert!(wanted.is_symlink(), "{unit} is enabled");
    }
    assert!(!root.join("picketd.deb").exists());
}

/// Whether it succeeded, and what it said.
fn mmdebstrap(root: &Path, package: Option<&Path>) -> (bool, String) {
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/mmdebstrap");
    let mirror = std::env::var("PICKET_DEBIAN_MIRROR");
    let mut command = Command::new("mmdebstrap");
    command
        .args([
            "--quiet",
            "--variant=essential",
            "--include=init-system-helpers",
        ])
        .arg(format!("--hook-directory={}", hooks.display()))
        .arg("bookworm")
        .arg(root)
        .arg(mirror.as_deref().unwrap_or("http://deb.debian.org/debian"))
        .env_remove("PICKETD_DEB")
        .env_remove("PICKETD_CONFIG");
    if let Some(package) = package {
        command.env("PICKETD_DEB", package);
    }
    let output = command
        .output()
        .expect("mmdebstrap is there: run scripts/setup test");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}
