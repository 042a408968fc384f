//! The Debian packages in a small Debian: installed, upgraded, removed and purged, and the service that they bring.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]
use std::{collections::BTreeSet, fs, path::Path, process::Command, time::Duration};

use picket_tests::{
    debian::{self, Architecture},
    eventually,
    nspawn::{Container, keep_safe},
    package::{Debs, names, purged, succeeded},
    watcher::Watcher,
};

const DEADLINE: Duration = Duration::from_secs(60);
const CONFIG: &str = "etc/picket/picketd.toml";

/// One container sees it all, since each boot costs.
#[test]
fn picketd_is_installed_runs_is_upgraded_removed_and_purged() {
    let debs = Debs::of_this_build();
    let container = Container::boot_root(|root| {
        debian::copy(Architecture::Installed, root);
        keep_safe(root, DEADLINE);
        debs.copy_to(root);
    });
    eventually(
        "it is up, and has written what a boot writes",
        DEADLINE,
        || {
            let output = container.systemctl(&["is-system-running"]);
            let state = String::from_utf8_lossy(&output.stdout).into_owned();
            ["running", "degraded"]
                .contains(&state.trim())
                .then_some(())
        },
    );
    let root = container.path("");
    let before = names(&root);
    let file = debs.path("picketd", "amd64");
    dpkg(&container, &["--install", &file]);
    runs_as_the_operator_has_configured_it(&container);
    let newer = debs.newer_than("picketd", "amd64", &root);
    let process = container.picketd();
    dpkg(&container, &["--force-confold", "--install", &newer]);
    container.wait_for_picketd();
    assert_ne!(container.picketd(), process, "an upgrade restarts it");
    assert!(config(&container).contains("c01710ca1a9e0001"));
    assert!(root.join(format!("{CONFIG}.dpkg-dist")).exists());
    dpkg(&container, &["--remove", "picketd"]);
    assert_eq!(container.property("ActiveState"), "inactive");
    assert!(config(&container).contains("c01710ca1a9e0001"));
    assert!(!root.join("usr/bin/picketd").exists());
    assert!(root.join("var/lib/picket").exists(), "a spool stays");
    dpkg(&container, &["--purge", "picketd"]);
    assert_eq!(purged(&names(&root), &before), BTreeSet::new());
}

/// The default configuration starts; then the operator names a broker, and adds a secret that a purge has to take away.
fn runs_as_the_operator_has_configured_it(container: &Container) {
    for unit in ["picketd.service", "picketd-guard.service"] {
        let enabled = container.systemctl(&["is-enabled", unit]);
        assert!(enabled.status.success(), "{unit}: {enabled:?}");
    }
    let said = config(container);
    let said = said.replace("mqtt://localhost:1883", "mqtt://127.0.0.1:1883");
    let said = said.replace("#id = \"00000000a1b2c3d4\"", "id = \"c01710ca1a9e0001\"");
    let said = said.replace("connect_spread = \"30s\"", "connect_spread = \"0s\"");
    let said = said.replace("sample_every = \"10s\"", "sample_every = \"500ms\"");
    let said = said.replace("window = \"60s\"", "window = \"1s\"");
    fs::write(container.path(CONFIG), said).unwrap();
    fs::write(container.path("etc/picket/password"), "secret\n").unwrap();
    container.order(&["restart", "picketd.service"]);
    container.wait_for_picketd();
    container.order(&["is-active", "picketd-guard.service"]);
    let watcher = Watcher::start(&container.broker.url(), None, container.folder());
    eventually("telemetry comes", DEADLINE, || {
        (watcher.ticks().len() >= 4).then_some(())
    });
}

#[test]
fn a_pi_s_packages_and_the_operator_s_leave_nothing_behind() {
    let debs = Debs::of_this_build();
    let folder = tempfile::tempdir_in(debs.folder()).unwrap();
    let root = folder.path();
    debian::copy(Architecture::Installed, root);
    debs.copy_to(root);
    for foreign in ["armhf", "arm64"] {
        succeeded(root, &["dpkg", "--add-architecture", foreign]);
    }
    let before = names(root);
    // A package for armhf also runs on a Pi Zero, which Raspberry Pi OS calls armhf too.
    for (package, architecture, runner) in [
        (
            "picketd",
            "armhf",
            &["qemu-arm-static", "-cpu", "arm1176"][..],
        ),
        ("picketd", "arm64", &["qemu-aarch64-static"]),
        ("picket", "amd64", &[]),
    ] {
        let file = debs.path(package, architecture);
        succeeded(root, &["dpkg", "--install", &file]);
        let program = root.join("usr/bin").join(package);
        let version = run_as(runner, &program, &["--version"]);
        assert_eq!(
            version,
            format!("{package} {}\n", env!("CARGO_PKG_VERSION"))
        );
        if package == "picketd" {
            let config = root.join(CONFIG);
            let checked = run_as(
                runner,
                &program,
                &["check", "--config", config.to_str().unwrap()],
            );
            assert!(checked.contains("broker"), "{checked}");
        }
        succeeded(root, &["dpkg", "--purge", package]);
        let left = purged(&names(root), &before);
        assert_eq!(left, BTreeSet::new(), "{package} for {architecture}");
    }
}

/// pi-gen calls the stage with the image's root and a function that runs a shell in there; here both are the test's.
#[test]
fn the_stage_of_pi_gen_preinstalls_and_enables_picketd() {
    let debs = Debs::of_this_build();
    let folder = tempfile::tempdir_in(debs.folder()).unwrap();
    let root = folder.path().join("root");
    debian::copy(Architecture::Installed, &root);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/pi-gen/stage-picket");
    let stage = folder.path().join("stage");
    let copied = Command::new("cp")
        .arg("-r")
        .args([&source, &stage])
        .status();
    assert!(copied.unwrap().success());
    let files = stage.join("00-picketd/files");
    fs::create_dir(&files).unwrap();
    let script = "on_chroot() { chroot \"$ROOTFS_DIR\" bash -e; }; export -f on_chroot; ../prerun.sh && ./00-run.sh";
    let run = || {
        let mut stage_run = Command::new("bash");
        stage_run.args(["-c", script]).env("ROOTFS_DIR", &root);
        stage_run
            .current_dir(stage.join("00-picketd"))
            .output()
            .unwrap()
    };
    let without = run();
    assert!(!without.status.success());
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(said.contains("must hold one package"), "{said}");
    let deb = debs.file("picketd", "amd64");
    fs::copy(&deb, files.join(deb.file_name().unwrap())).unwrap();
    fs::write(files.join("picketd.toml"), "topic_root = \"fleet\"\n").unwrap();
    let with = run();
    assert!(with.status.success(), "{with:?}");
    is_preinstalled(&root);
    assert_eq!(
        fs::read_to_string(root.join(CONFIG)).unwrap(),
        "topic_root = \"fleet\"\n"
    );
}

#[test]
fn no_package_holds_a_secret_or_a_file_in_an_unexpected_place() {
    let debs = Debs::of_this_build();
    for (package, architecture) in [
        ("picketd", "armhf"),
        ("picketd", "arm64"),
        ("picketd", "amd64"),
        ("picket", "amd64"),
    ] {
        for name in debs.files_of(package, architecture) {
            let share = format!("usr/share/doc/{package}/");
            let expected = [
                "usr/bin/",
                &share,
                "usr/share/man/man",
                "usr/share/bash-completion/",
                "usr/share/zsh/",
                "usr/share/fish/",
                "usr/share/lintian/overrides/",
                "usr/lib/systemd/system/",
                "usr/share/initramfs-tools/hooks/picket",
                "usr/share/picketd/boot/",
            ];
            let known = name == CONFIG || expected.iter().any(|place| name.starts_with(place));
            assert!(known, "{package} for {architecture} has {name}");
        }
    }
}

fn is_preinstalled(root: &Path) {
    assert!(root.join("usr/bin/picketd").is_file());
    for unit in ["picketd.service", "picketd-guard.service"] {
        let wanted = root
            .join("etc/systemd/system/multi-user.target.wants")
            .join(unit);
        assert!(wanted.is_symlink(), "{unit} is enabled");
    }
    let left = root
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left
        .filter(|name| name.to_string_lossy().ends_with(".deb"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The program on this machine's processor, or on the one that QEMU plays.
fn run_as(runner: &[&str], program: &Path, arguments: &[&str]) -> String {
    let mut words: Vec<&str> = runner.to_vec();
    words.push(program.to_str().unwrap());
    words.extend(arguments);
    succeeded(Path::new("/"), &words)
}

fn dpkg(container: &Container, arguments: &[&str]) {
    let output = container.run("dpkg", arguments);
    assert!(output.status.success(), "dpkg {arguments:?}: {output:?}");
}

fn config(container: &Container) -> String {
    fs::read_to_string(container.path(CONFIG)).unwrap()
}
