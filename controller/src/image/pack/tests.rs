//! Trees become archives that tar unpacks to the same tree, byte by byte the same each time.
use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use picket_proto::image::Architecture;
use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;
use crate::image::{Survey, survey};

#[test]
fn a_tree_comes_out_of_tar_as_it_was_in_each_format() {
    let place = tempfile::tempdir().unwrap();
    let (root, out) = (place.path().join("root"), place.path().join("out"));
    tree(&root);
    for format in Format::ALL {
        let mut packed = Vec::new();
        let left = pack_folder(&root, format, &mut packed).unwrap();
        assert_eq!(left, Left::default());
        let found = survey(format, packed.as_slice()).unwrap();
        assert_eq!((found.entries, found.installed_size), (10, 3 + 300_000));
        assert_eq!(found.size, packed.len() as u64);
        let file = place.path().join(format.name());
        fs::write(&file, &packed).unwrap();
        fs::create_dir(&out).unwrap();
        run(
            "tar",
            &["-xpf", text(&file), "-C", text(&out), "--numeric-owner"],
        );
        // GNU diff calls any two FIFOs different; that it is one is in its mode, below.
        run(
            "diff",
            &[
                "-r",
                "--no-dereference",
                "--exclude=fifo",
                text(&root.join("etc")),
                text(&out.join("etc")),
            ],
        );
        for name in NAMES {
            let (was, is) = (stat(&root, name), stat(&out, name));
            assert_eq!(is, was, "{name} in {format}");
        }
        let same = |name: &str| fs::metadata(out.join(name)).unwrap().ino();
        assert_eq!(same("etc/one"), same("etc/two"), "one file with two names");
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn the_same_tree_makes_the_same_archive_wherever_and_whenever_it_lies() {
    let place = tempfile::tempdir().unwrap();
    let (one, two) = (place.path().join("one"), place.path().join("two"));
    for root in [&one, &two] {
        tree(root);
    }
    for format in Format::ALL {
        let pack = |root: &Path| {
            let mut packed = Vec::new();
            pack_folder(root, format, &mut packed).unwrap();
            packed
        };
        assert!(pack(&one) == pack(&two), "{format}");
    }
    fs::write(two.join("etc/one"), "ab!").unwrap();
    set_time(&two.join("etc/one"));
    let digest = |root: &Path| {
        let mut packed = Vec::new();
        pack_folder(root, Format::TarZst, &mut packed).unwrap();
        survey(Format::TarZst, packed.as_slice()).unwrap().sha256
    };
    assert_ne!(digest(&one), digest(&two));
}

#[test]
fn what_tools_make_is_surveyed_and_what_is_cut_or_wrong_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    tree(&root);
    let mut program = fs::read(std::env::current_exe().unwrap()).unwrap();
    // More than a window of 8 MiB, so that zstd can be told to want more.
    program.truncate(4096);
    program.resize(9 << 20, 7);
    fs::create_dir(root.join("bin")).unwrap();
    fs::write(root.join("bin/picket"), program).unwrap();
    let tar = place.path().join("root.tar");
    run("tar", &["-cf", text(&tar), "-C", text(&root), "."]);
    let mut packed = Vec::new();
    pack_tar(File::open(&tar).unwrap(), Format::TarZst, &mut packed).unwrap();
    let found: Survey = survey(Format::TarZst, packed.as_slice()).unwrap();
    assert_eq!(found.entries, 12, "the root folder doesn't count");
    if cfg!(target_arch = "x86_64") {
        assert_eq!(found.architecture, Some(Architecture::Amd64));
    }
    let file = place.path().join("root.tar.zst");
    fs::write(&file, &packed).unwrap();
    let told = Command::new("sha256sum")
        .arg(&file)
        .output()
        .unwrap()
        .stdout;
    assert!(told.starts_with(found.sha256.to_string().as_bytes()));
    let half = &packed[..packed.len() / 2];
    assert!(survey(Format::TarZst, half).is_err());
    assert!(survey(Format::TarXz, packed.as_slice()).is_err());
    let wide = Command::new("zstd")
        .args(["-q", "--long=27", "-c", text(&tar)])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let refused = survey(Format::TarZst, wide.stdout.as_slice()).unwrap_err();
    assert!(refused.to_string().contains("8 MiB"), "{refused}");
}

#[test]
fn sockets_stay_behind_and_are_told() {
    let place = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.path().join("socket")).unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    let left = pack_folder(place.path(), Format::TarGz, io::sink()).unwrap();
    assert_eq!(left.sockets, [Path::new("socket")]);
    let missing = pack_folder(&place.path().join("no"), Format::TarGz, io::sink());
    assert!(missing.is_err());
    let file = pack_folder(&place.path().join("file"), Format::TarGz, io::sink());
    assert!(file.unwrap_err().to_string().contains("is no folder"));
}

const NAMES: [&str; 5] = ["etc", "etc/one", "etc/big", "etc/link", "etc/fifo"];

/// Ten entries with content, links, modes and long names.
fn tree(root: &Path) {
    let etc = root.join("etc");
    fs::create_dir_all(&etc).unwrap();
    fs::write(etc.join("one"), "abc").unwrap();
    fs::set_permissions(etc.join("one"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(etc.join("one"), etc.join("two")).unwrap();
    let big: Vec<u8> = (0..300_000_u32)
        .map(|at| (at % 1_009 * 7 % 251) as u8)
        .collect();
    fs::write(etc.join("big"), big).unwrap();
    symlink("../no//where", etc.join("link")).unwrap();
    symlink(format!("/{}", "t".repeat(150)), etc.join("long-link")).unwrap();
    mkfifoat(CWD, etc.join("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
    let deep = etc.join("d".repeat(120)).join("e".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    fs::set_permissions(&deep, fs::Permissions::from_mode(0o1777)).unwrap();
    fs::write(deep.join("empty"), "").unwrap();
    for name in ["one", "big", "fifo"] {
        set_time(&etc.join(name));
    }
    let folders = [
        deep.clone(),
        deep.parent().unwrap().into(),
        etc,
        root.into(),
    ];
    let files = [deep.join("empty")];
    for path in files.iter().chain(&folders) {
        set_time(path);
    }
    for name in ["link", "long-link"] {
        set_time(&root.join("etc").join(name));
    }
    set_time(&root.join("etc"));
}

fn set_time(path: &Path) {
    let time = Duration::from_secs(1_700_000_000);
    assert!(SystemTime::UNIX_EPOCH + time < SystemTime::now());
    let stamp = rustix::fs::Timespec {
        tv_sec: 1_700_000_000,
        tv_nsec: 0,
    };
    let times = rustix::fs::Timestamps {
        last_access: stamp,
        last_modification: stamp,
    };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(CWD, path, &times, flags).unwrap();
}

/// Kind, permissions, owner, group, time.
fn stat(root: &Path, name: &str) -> (u32, u32, u32, i64) {
    let metadata = fs::symlink_metadata(root.join(name)).unwrap();
    (
        metadata.mode(),
        metadata.uid(),
        metadata.gid(),
        metadata.mtime(),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(tool: &str, args: &[&str]) {
    let done = Command::new(tool).args(args).output().unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{tool} {args:?}: {told}{said}");
}
