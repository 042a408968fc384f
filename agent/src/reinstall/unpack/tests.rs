//! What is unpacked against what was packed by real tools, and archives that mean harm. These tests need root, as the child does.
mod forged;
mod hostile;
mod snapshot;

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, symlink},
    path::Path,
    process::Command,
};

use picket_proto::image::{Architecture, Digest, Format};
use rustix::fs::{FileType, Mode, OFlags, makedev, mknodat, open};

use super::*;
use snapshot::snapshot;

/// What must be there when everything of that archive is made.
pub(super) fn manifest(entries: u64, installed_size: u64) -> Manifest {
    Manifest {
        name: "x".to_owned(),
        version: "1".to_owned(),
        architecture: Architecture::Amd64,
        file: "x.tar.gz".to_owned(),
        format: Format::TarGz,
        sha256: Digest([0; 32]),
        size: 1,
        installed_size,
        entries,
    }
}

pub(super) fn unpacked(tar: impl Read, into: &Path, manifest: &Manifest) -> Result<Found, Fault> {
    fs::create_dir(into).unwrap();
    let setting = Setting {
        writers: WRITERS,
        read_back: false,
        counters: Arc::default(),
        cancel: Cancel::default(),
    };
    let root = open(into, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    let (found, mut rest) = unpack(tar, &root, manifest, &setting)?;
    assert_eq!(rest.read(&mut [0]).unwrap(), 0);
    assert_eq!(setting.counters.entries(), found.entries);
    Ok(found)
}

/// A tree with everything that an archive can hold.
fn tree(root: &Path) {
    let node = |path: &str, kind, major, minor| {
        let cwd = rustix::fs::CWD;
        mknodat(
            cwd,
            root.join(path),
            kind,
            Mode::from_raw_mode(0o600),
            makedev(major, minor),
        )
        .unwrap();
    };
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    fs::create_dir_all(root.join("dev/deep/er")).unwrap();
    let long = "l".repeat(120);
    fs::create_dir_all(root.join(format!("{long}/{long}"))).unwrap();
    let sized = |length: usize| (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>();
    for (name, length) in [
        ("empty", 0),
        ("small", 1),
        ("piece", PIECE),
        ("more", PIECE + 1),
        ("large", 3_000_003),
    ] {
        fs::write(root.join("usr/bin").join(name), sized(length)).unwrap();
    }
    fs::write(root.join(format!("{long}/{long}/{long}")), "far").unwrap();
    fs::write(root.join("usr/bin/na\u{ef}ve \n name"), "odd").unwrap();
    fs::hard_link(root.join("usr/bin/large"), root.join("first")).unwrap();
    fs::hard_link(root.join("usr/bin/large"), root.join("usr/last")).unwrap();
    let sparse = File::create(root.join("usr/sparse")).unwrap();
    for at in [0_u64, 5 << 20, 9 << 20] {
        sparse.write_all_at(&[7; 4096], at).unwrap();
    }
    sparse.set_len(12 << 20).unwrap();
    File::create(root.join("usr/hole"))
        .unwrap()
        .set_len(4 << 20)
        .unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("/etc/shadow", root.join("usr/abs")).unwrap();
    symlink(format!("../{long}"), root.join("dangling")).unwrap();
    node("dev/null", FileType::CharacterDevice, 1, 3);
    node("dev/disk", FileType::BlockDevice, 259, 300);
    node("dev/fifo", FileType::Fifo, 0, 0);
    settle(root);
}

/// Modes, owners and times of all kinds.
fn settle(root: &Path) {
    let set = |path: &str, mode: u32, owner: u32, seconds: i64| {
        let path = root.join(path);
        std::os::unix::fs::lchown(&path, Some(owner), Some(owner + 1)).unwrap();
        if !path.is_symlink() {
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        }
        let (folder, name) = (path.parent().unwrap(), path.file_name().unwrap());
        let folder = open(folder, OFlags::PATH, Mode::empty()).unwrap();
        let time = rustix::fs::Timespec {
            tv_sec: seconds,
            tv_nsec: 0,
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        rustix::fs::utimensat(folder, name, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
    };
    // tar's oldest format has whole seconds.
    let touch = ["-exec", "touch", "-h", "-d", "@1500000000", "{}", "+"];
    assert!(
        Command::new("find")
            .arg(root)
            .args(touch)
            .status()
            .unwrap()
            .success()
    );
    for (path, mode, owner, seconds) in [
        ("usr/bin/small", 0o4755, 0, 1_000_000_000),
        ("usr/bin/more", 0o2711, 70_000, 5),
        ("usr/bin/large", 0o400, 1000, 1_700_000_000),
        ("usr/bin", 0o2775, 50, 1_600_000_000),
        ("bin", 0o777, 33, 1_600_000_001),
        ("dev/null", 0o666, 0, 1_600_000_002),
        ("dev/fifo", 0o4610, 7, 1_600_000_003),
        ("dev/deep/er", 0o1777, 0, 1_600_000_004),
        ("dev/deep", 0o000, 0, 1_600_000_005),
        ("dev", 0o755, 0, 1_600_000_006),
        ("usr", 0o755, 0, 1_600_000_007),
    ] {
        set(path, mode, owner, seconds);
    }
    set("", 0o751, 12, 1_600_000_008);
}

fn packed(root: &Path, options: &[&str]) -> Vec<u8> {
    let out = Command::new("tar")
        .arg("-C")
        .arg(root)
        .args(options)
        .args(["-cf", "-", "."])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

#[test]
fn what_real_tars_pack_is_unpacked_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    tree(&source);
    let wanted = snapshot(&source);
    let entries = wanted.len() as u64 - 1;
    for (at, options) in [
        &["--format=gnu", "--numeric-owner"][..],
        &["--format=gnu", "--sparse"],
        &["--format=oldgnu", "--sparse"],
        &["--format=posix"],
        &["--format=posix", "--sparse", "--sparse-version=0.0"],
        &["--format=posix", "--sparse", "--sparse-version=0.1"],
        &["--format=posix", "--sparse", "--sparse-version=1.0"],
    ]
    .iter()
    .enumerate()
    {
        let tar = packed(&source, options);
        let size = wanted
            .values()
            .filter(|seen| seen.is_first_name)
            .map(|seen| seen.size)
            .sum();
        let into = folder.path().join(at.to_string());
        let found = unpacked(&tar[..], &into, &manifest(entries, size))
            .unwrap_or_else(|fault| panic!("{options:?}: {fault}"));
        assert_eq!(found.entries, entries);
        let got = snapshot(&into);
        for (path, seen) in &wanted {
            assert_eq!(got.get(path), Some(seen), "{path:?} with {options:?}");
        }
        assert_eq!(got.len(), wanted.len(), "{options:?}");
        if options.contains(&"--sparse") {
            use std::os::unix::fs::MetadataExt;
            let blocks = fs::metadata(into.join("usr/sparse")).unwrap().blocks();
            assert!(
                blocks * 512 < 1 << 20,
                "{blocks} blocks of a sparse file with {options:?}"
            );
        }
    }
}

#[test]
fn counts_that_differ_from_the_manifests_are_a_fault_and_no_more_is_made_than_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    fs::create_dir_all(source.join("a/b")).unwrap();
    for name in ["a/1", "a/2", "a/b/3"] {
        fs::write(source.join(name), "12345").unwrap();
    }
    let tar = packed(&source, &["--sort=name"]);
    for (at, (entries, size, why)) in [
        (5, 15, None),
        (6, 15, Some("5 entries, and 6 by")),
        (5, 16, Some("15 bytes of content, and 16 by")),
        (4, 15, Some("more entries than the 4")),
        (5, 14, Some("more content than the 14")),
        (5, 0, Some("more content than the 0")),
    ]
    .into_iter()
    .enumerate()
    {
        let into = folder.path().join(at.to_string());
        let found = unpacked(&tar[..], &into, &manifest(entries, size));
        match why {
            None => assert_eq!(found.unwrap().bytes, 15),
            Some(why) => {
                let fault = found.unwrap_err();
                assert!(
                    matches!(&fault, Fault::Archive(said) if said.contains(why)),
                    "{fault}"
                );
                let made: u64 = snapshot(&into).values().map(|seen| seen.size).sum();
                assert!(made <= size, "{made} of {size}");
            }
        }
    }
}

#[test]
fn folders_without_entries_of_their_own_are_made_and_more_folders_than_are_kept_open_are_found_again()
 {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |path: String| {
        let mut header = tar::Header::new_gnu();
        for set in [
            tar::Header::set_uid,
            tar::Header::set_gid,
            tar::Header::set_mtime,
        ] {
            set(&mut header, 0);
        }
        header.set_size(1);
        header.set_mode(0o600);
        builder.append_data(&mut header, path, &b"x"[..]).unwrap();
    };
    for round in 0..3 {
        for at in 0..3 * KEPT {
            add(format!("f{at}/g/{round}"));
        }
    }
    let tar = builder.into_inner().unwrap();
    let count = 9 * KEPT as u64;
    let into = folder.path().join("into");
    assert_eq!(
        unpacked(&tar[..], &into, &manifest(count, count))
            .unwrap()
            .entries,
        count
    );
    let got = snapshot(&into);
    assert_eq!(got.len(), 1 + 15 * KEPT);
    assert_eq!(got[Path::new("f7/g")].mode & 0o7777, 0o755);
}

#[test]
fn a_wish_to_give_up_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    for set in [
        tar::Header::set_uid,
        tar::Header::set_gid,
        tar::Header::set_mtime,
        tar::Header::set_size,
    ] {
        set(&mut header, 0);
    }
    header.set_mode(0o600);
    builder.append_data(&mut header, "a", &b""[..]).unwrap();
    let tar = builder.into_inner().unwrap();
    let setting = Setting {
        writers: 2,
        read_back: false,
        counters: Arc::default(),
        cancel: Cancel::default(),
    };
    setting.cancel.wish();
    let root = open(folder.path(), OFlags::PATH, Mode::empty()).unwrap();
    let given_up = unpack(&tar[..], &root, &manifest(1, 0), &setting);
    assert!(matches!(given_up, Err(Fault::GivenUp)));
}
