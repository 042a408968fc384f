//! Trees that were unpacked and then changed as no error tells. These tests need root, as the child does.
use std::{fs, os::unix::fs::FileExt, path::PathBuf, process::Command, sync::Arc};

use picket_proto::image::{Architecture, Digest, Format, Manifest};

use super::*;
use crate::reinstall::{
    progress::Counters,
    unpack::{Setting, WRITERS, unpack},
};

const SPARSE: u64 = 9_000_000;

/// Folders, files of all sizes, one with holes, one with three names.
fn source(root: &Path) {
    fs::create_dir_all(root.join("usr/lib/deep")).unwrap();
    fs::create_dir(root.join("many")).unwrap();
    let sized = |length: usize| (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>();
    for (name, length) in [
        ("empty", 0),
        ("one", 1),
        ("piece", BUFFER),
        ("long", 300_001),
    ] {
        fs::write(root.join("usr/lib").join(name), sized(length)).unwrap();
    }
    for at in 0..3 * SHARE {
        fs::write(root.join(format!("many/{at}")), format!("{at}")).unwrap();
    }
    for other in ["before", "usr/lib/deep/other"] {
        fs::hard_link(root.join("usr/lib/long"), root.join(other)).unwrap();
    }
    std::os::unix::fs::symlink("/etc/shadow", root.join("usr/link")).unwrap();
    let sparse = fs::File::create(root.join("usr/sparse")).unwrap();
    for at in [5_000, 4_000_000] {
        sparse.write_all_at(&[7; 5000], at).unwrap();
    }
    sparse.set_len(SPARSE).unwrap();
}

/// What is in `root`, unpacked into `into`.
fn unpacked(root: &Path, into: &Path) -> Digests {
    let tar = Command::new("tar")
        .args(["--sparse", "--format=posix", "-C"])
        .arg(root)
        .args(["-cf", "-", "."])
        .output()
        .unwrap();
    let shown = |what: &str| {
        let script = format!("find . -mindepth 1 {what}");
        let out = Command::new("sh")
            .args(["-c", &script])
            .current_dir(root)
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let sizes = shown("-type f -printf '%i %s\\n' | sort -u | cut -d' ' -f2");
    let manifest = Manifest {
        name: "x".to_owned(),
        version: "1".to_owned(),
        architecture: Architecture::Amd64,
        file: "x.tar.gz".to_owned(),
        format: Format::TarGz,
        sha256: Digest([0; 32]),
        size: 1,
        installed_size: sizes.lines().map(|size| size.parse::<u64>().unwrap()).sum(),
        entries: shown("-print").lines().count() as u64,
    };
    fs::create_dir(into).unwrap();
    let setting = Setting {
        writers: WRITERS,
        read_back: true,
        counters: Arc::<Counters>::default(),
        cancel: Cancel::default(),
    };
    let folder = fs::File::open(into).unwrap().into();
    let (found, _) = unpack(&tar.stdout[..], &folder, &manifest, &setting).unwrap();
    found.digests.unwrap()
}

fn read(root: &Path, digests: &Digests, threads: usize) -> Result<(), Fault> {
    let root = Dir::open_root(root).unwrap();
    read_back(&root, digests, threads, &Cancel::default())
}

/// A byte is another one, and nothing else of the file is.
fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    file.set_modified(modified).unwrap();
}

/// The tree as it came out of its archive, in that folder, and what each file held.
fn as_packed(folder: &Path) -> (PathBuf, Digests) {
    let (from, into) = (folder.join("from"), folder.join("into"));
    fs::create_dir(&from).unwrap();
    source(&from);
    let digests = unpacked(&from, &into);
    (into, digests)
}

#[test]
fn whatever_changes_after_it_was_written_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (into, digests) = as_packed(folder.path());
    for threads in [1, WRITERS] {
        read(&into, &digests, threads).unwrap();
    }
    // There and back.
    for (path, at) in [
        ("usr/lib/one", 0),
        ("usr/lib/piece", BUFFER as u64 - 1),
        ("usr/lib/long", 299_000),
        ("usr/sparse", 0),
        ("usr/sparse", 6_000),
        ("usr/sparse", SPARSE - 1),
        ("many/40", 1),
    ] {
        flip(&into.join(path), at);
        let said = read(&into, &digests, WRITERS).unwrap_err();
        // A file with several names is known by the one that the archive had it under.
        let named = ["before", "usr/lib/deep/other", path].iter().any(|name| {
            said.to_string()
                .starts_with(&format!("{name} is not what was written"))
        });
        assert!(matches!(said, Fault::Differs(_)) && named, "{path}: {said}");
        flip(&into.join(path), at);
    }
    read(&into, &digests, WRITERS).unwrap();
    let long = fs::OpenOptions::new()
        .write(true)
        .open(into.join("usr/lib/piece"))
        .unwrap();
    long.set_len(BUFFER as u64 + 1).unwrap();
    let said = read(&into, &digests, WRITERS).unwrap_err().to_string();
    assert!(
        said.starts_with("usr/lib/piece is not what was written"),
        "{said}"
    );
    long.set_len(BUFFER as u64).unwrap();
    fs::write(into.join("usr/more"), "").unwrap();
    let said = read(&into, &digests, WRITERS).unwrap_err().to_string();
    assert!(said.starts_with("usr/more is not in the archive"), "{said}");
    fs::remove_file(into.join("usr/more")).unwrap();
    fs::remove_file(into.join("many/7")).unwrap();
    let said = read(&into, &digests, WRITERS).unwrap_err().to_string();
    let all = digests.len();
    assert!(
        said.starts_with(&format!("{} of the image's {all} files", all - 1)),
        "{said}"
    );
}

#[test]
fn a_wish_to_give_up_ends_the_reading_and_too_many_files_are_refused_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (into, digests) = as_packed(folder.path());
    let cancel = Cancel::default();
    cancel.wish();
    let root = Dir::open_root(&into).unwrap();
    assert!(matches!(
        read_back(&root, &digests, 3, &cancel),
        Err(Fault::GivenUp)
    ));
    let refused = Digests::room_for(500_001).unwrap_err().to_string();
    assert!(refused.contains("read_back"), "{refused}");
}
