//! Every file of every machine in a directory, broken in every way, while a sampler runs: the other readings still come,
//! the gap says why, and once the file is mended everything is as before.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use picket_proto::{Gap, MetricId, Reading, metric::REGISTRY};
use picketd::{
    device_id,
    inventory::Inventory,
    sampler::{Sample, Sampler, SamplerSettings},
    world::World,
};
use rustix::fs::{CWD, Mode, mkfifoat};

#[derive(Debug, Clone, Copy)]
enum Damage {
    Missing,
    Empty,
    Garbled,
    Huge,
    Directory,
    Dangling,
    /// A symlink to a good file outside of the tree.
    Outside,
    Fifo,
}
use Damage::{Dangling, Directory, Empty, Fifo, Garbled, Huge, Missing, Outside};

const DAMAGES: [Damage; 8] = [
    Missing, Empty, Garbled, Huge, Directory, Dangling, Outside, Fifo,
];

#[test]
fn a_broken_file_costs_only_its_own_readings() {
    let mut broken = 0;
    for machine in ["pc", "pi3-nfs3", "pi4-nfs41", "pi5-debian"] {
        let tree = copy(machine);
        for file in files(tree.path()) {
            let path = tree.path().join(&file);
            let good = fs::read(&path).unwrap();
            let mut sampler = Sampler::new(&World::new(tree.path()), &SamplerSettings::default());
            sampler.sample(0);
            let healthy = sampler.sample(1);
            for damage in DAMAGES {
                let what = format!("{machine}: {file} {damage:?}");
                break_file(&path, damage);
                check(&healthy, &sampler.sample(2), &file, damage, &what);
                check_start(tree.path(), &file);
                mend(&path, &good);
                assert_eq!(sampler.sample(3), healthy, "mended, {what}");
                broken += 1;
            }
        }
    }
    assert!(broken > 500, "only {broken} files were broken");
}

fn check(healthy: &Sample, now: &Sample, file: &str, damage: Damage, what: &str) {
    assert_eq!(healthy.0.len(), now.0.len(), "{what}");
    let touched = metrics_of(file);
    for ((metric, before), (same, after)) in healthy.0.iter().zip(&now.0) {
        assert_eq!(metric, same, "{what}");
        let name = metric.metric().unwrap().name;
        if touched.contains(&name) {
            check_gap(file, damage, *after, &format!("{name} of {what}"));
        } else {
            assert_eq!(before, after, "{name} of {what}");
        }
    }
}

/// One file alone feeds these readings, so that its damage must show as a gap with the right reason.
fn metrics_of(file: &str) -> &'static [&'static str] {
    const NFS: [&str; 8] = [
        "nfs_ops",
        "nfs_rtt",
        "nfs_execute",
        "nfs_queue",
        "nfs_retransmits",
        "nfs_timeouts",
        "nfs_errors",
        "nfs_reconnects",
    ];
    match file {
        "proc/loadavg" => &["load1", "load5", "load15"],
        "proc/stat" => &["cpu_busy"],
        "proc/meminfo" => &["memory_available"],
        "proc/uptime" => &["uptime"],
        "proc/self/mountstats" => &NFS,
        _ if file.ends_with("scaling_cur_freq") => &["cpu_frequency"],
        _ if file.contains("hwmon") => &["under_voltage"],
        _ if file.contains("thermal_zone") => &["soc_temperature"],
        _ if file.contains("xprt_info") => &["nfs_pending"],
        _ => &[],
    }
}

fn check_gap(file: &str, damage: Damage, reading: Reading, what: &str) {
    // Other zones and transports of the machine may still give a value.
    let alone = !file.contains("thermal_zone") && !file.contains("xprt_info");
    let Err(gap) = reading else {
        assert!(!alone, "a value without a source: {what}");
        return;
    };
    // A zone or sensor is known by what such a file holds: with other words in it, there is none.
    let is_key = file.ends_with("/type") || file.ends_with("/name");
    let allowed: &[Gap] = match damage {
        Missing | Dangling | Outside => &[Gap::Absent, Gap::Unknown],
        Empty | Garbled if is_key => &[Gap::Absent, Gap::Unknown],
        Huge => &[Gap::TooLarge, Gap::Garbled],
        _ => &[Gap::Garbled],
    };
    let elsewhere = [Gap::Unreachable, Gap::Absent];
    assert!(
        allowed.contains(&gap) || (!alone && elsewhere.contains(&gap)),
        "{gap} for {what}"
    );
}

/// What an agent reads once, at its start, must not panic either.
fn check_start(tree: &Path, file: &str) {
    let world = World::new(tree);
    let _ = Inventory::read(&world);
    let _ = device_id::device_id(&world, None);
    let boot = device_id::boot_id(&world);
    if file.ends_with("boot_id") {
        let error = boot.unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
    } else {
        boot.unwrap();
    }
}

fn break_file(path: &Path, damage: Damage) {
    fs::remove_file(path).unwrap();
    match damage {
        Missing => {}
        Empty => fs::write(path, "").unwrap(),
        Garbled => fs::write(path, [0xFF, 0xFE, 0, b'7', b' ', 0x80, b'\n', 0xC3]).unwrap(),
        Huge => fs::write(path, vec![b'9'; 2_000_000]).unwrap(),
        Directory => fs::create_dir(path).unwrap(),
        Dangling => symlink("/no/such/file", path).unwrap(),
        Outside => symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), path).unwrap(),
        Fifo => mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap(),
    }
}

fn mend(path: &Path, good: &[u8]) {
    if path.is_dir() {
        fs::remove_dir(path).unwrap();
    } else {
        let _ = fs::remove_file(path);
    }
    fs::write(path, good).unwrap();
}

/// Every regular file of the tree, by its path beneath the tree.
fn files(tree: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(tree.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn copy(machine: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(machine);
    let status = Command::new("cp")
        .arg("-a")
        .arg(fixture.join("."))
        .arg(copy.path())
        .status()
        .unwrap();
    assert!(status.success());
    copy
}

/// The list above names metrics by hand: none of them may be a name that the registry doesn't have.
#[test]
fn the_names_are_the_registrys() {
    for file in [
        "proc/loadavg",
        "proc/stat",
        "proc/meminfo",
        "proc/uptime",
        "proc/self/mountstats",
    ] {
        assert!(
            metrics_of(file)
                .iter()
                .all(|name| MetricId::by_name(name).is_some())
        );
    }
    assert!(REGISTRY.iter().any(|metric| metric.name == "nfs_pending"));
}
