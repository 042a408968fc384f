//! Archives that mean harm: each is refused by the name of its entry or contained, and nothing outside of the folder changes.
use std::{
    fs,
    io::{Cursor, Read},
    path::Path,
};

use tar::EntryType;

use super::{
    super::super::fault::Fault,
    forged::{Endless, forged, pax},
    manifest,
    snapshot::snapshot,
    unpacked,
};

/// What is tried, how, and what the refusal says. Where two entries are in one another's way, either may be the first.
#[expect(clippy::too_many_lines, reason = "a table")]
fn attacks() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    use EntryType as T;
    let outside = "../outside/evil";
    vec![
        (
            "..",
            forged().file(outside).end(),
            "../outside/evil: a path with ..",
        ),
        (
            ".. within",
            forged().folder("a").file("a/../../outside/evil").end(),
            "a path with ..",
        ),
        (
            "absolute",
            forged().file("/outside/evil").end(),
            "/outside/evil: an absolute path",
        ),
        (
            ".. by pax",
            forged()
                .with(T::XHeader, "p", "", &pax("path=../outside/evil"))
                .file("x")
                .end(),
            "a path with ..",
        ),
        (
            ".. by a long name",
            forged()
                .with(T::GNULongName, "l", "", b"../outside/evil\0")
                .file("x")
                .end(),
            "a path with ..",
        ),
        (
            ".. by a sparse file's name",
            forged()
                .with(
                    T::XHeader,
                    "p",
                    "",
                    &[
                        pax("GNU.sparse.name=../outside/evil"),
                        pax("GNU.sparse.size=4"),
                        pax("GNU.sparse.map=0,4"),
                    ]
                    .concat(),
                )
                .file("x")
                .end(),
            "a path with ..",
        ),
        (
            "through a symlink",
            forged().link("d", "../outside").file("d/evil").end(),
            "d: ",
        ),
        (
            "through an absolute symlink",
            forged().link("d", "/").file("d/evil").end(),
            "d: ",
        ),
        (
            "through a symlink within",
            forged()
                .folder("a")
                .link("a/d", "../..")
                .folder("a/d")
                .end(),
            "a/d: ",
        ),
        (
            "through a symlink of symlinks",
            forged().link("a", "b").link("b", "..").file("a/evil").end(),
            "a: ",
        ),
        (
            "a folder that becomes a symlink",
            forged()
                .folder("d")
                .link("d", "../outside")
                .file("d/evil")
                .end(),
            "d: ",
        ),
        (
            "over a symlink",
            forged().link("f", "../outside/file").file("f").end(),
            "f: the archive has this name twice",
        ),
        (
            "over a hard link",
            forged().file("f").hard("g", "f").file("g").end(),
            "the archive has this name twice",
        ),
        (
            "a file as a folder",
            forged().file("f").file("f/g").end(),
            "f: ",
        ),
        (
            "a hard link to outside",
            forged().hard("h", "../outside/file").end(),
            "h: a hard link to ../outside/file, outside",
        ),
        (
            "an absolute hard link",
            forged().hard("h", "/etc/passwd").end(),
            "h: a hard link to /etc/passwd, outside",
        ),
        (
            "a hard link through a symlink",
            forged().link("d", "../outside").hard("h", "d/file").end(),
            "d: something else is in this folder's place",
        ),
        (
            "a hard link to nothing",
            forged().hard("h", "none").end(),
            "h: a hard link to none, which is no file",
        ),
        (
            "a hard link to a folder",
            forged().folder("d").hard("h", "d").end(),
            "h: a hard link to d, which is no file",
        ),
        (
            "a hard link with data",
            forged().file("f").with(T::Link, "h", "f", b"evil").end(),
            "h: a hard link with data",
        ),
        (
            "a root that is a symlink",
            forged().link("./", "../outside").end(),
            "the root folder is no folder",
        ),
        (
            "a root that is a file",
            forged().file(".").end(),
            "the root folder is no folder",
        ),
        (
            "a device through a symlink",
            forged()
                .link("d", "../outside")
                .with(T::Block, "d/sda", "", b"")
                .end(),
            "d: ",
        ),
        (
            "no name",
            forged().file("").end(),
            "an entry without a name",
        ),
        (
            "a folder's name twice as a file",
            forged().folder("d").file("d").end(),
            "d: ",
        ),
        (
            "an unknown type",
            forged().with(T::new(b'Z'), "z", "", b"").end(),
            "z: an entry of the unknown type 0x5a",
        ),
        (
            "a promise of much",
            forged().promising("big", 1 << 40).end(),
            "big: more content than",
        ),
        (
            "a promise of more than there is",
            forged().promising("big", 100_000).end(),
            "it ends too early",
        ),
        (
            "a promise beyond numbers",
            forged().promising("big", u64::MAX).end(),
            "malformed",
        ),
        (
            "an extension of much",
            forged()
                .with(T::XHeader, "p", "", &vec![b'1'; 2 << 20])
                .end(),
            "more than 1 MiB",
        ),
        (
            "a size that pax lies about",
            forged()
                .with(T::XHeader, "p", "", &pax("size=99999999999"))
                .file("x")
                .end(),
            "more content than",
        ),
        (
            "an owner beyond numbers",
            forged()
                .with(T::XHeader, "p", "", &pax("uid=4294967295"))
                .file("x")
                .end(),
            "x: its owner",
        ),
        ("no end", forged().file("x").0, "it ends too early"),
        ("nothing", Vec::new(), "it ends too early"),
        (
            "something after the end",
            [forged().file("x").end(), b"evil".to_vec()].concat(),
            "follows its end",
        ),
        ("text", b"#!/bin/sh\n".repeat(100), "checksum"),
        (
            "cut in a header",
            forged().file("x").end()[..1200].to_vec(),
            "it ends too early",
        ),
    ]
}

fn neighbours(folder: &Path) {
    for path in ["outside", "active/etc"] {
        fs::create_dir_all(folder.join(path)).unwrap();
    }
    for path in ["outside/file", "active/etc/passwd"] {
        fs::write(folder.join(path), "as it was").unwrap();
    }
}

#[test]
fn what_leads_outside_or_is_malformed_is_refused_by_name_and_nothing_outside_changes() {
    for (what, tar, why) in attacks() {
        let folder = tempfile::tempdir().unwrap();
        neighbours(folder.path());
        let kept = ["outside", "active"].map(|path| folder.path().join(path));
        let before = kept.each_ref().map(|path| snapshot(path));
        let fault = match unpacked(
            &tar[..],
            &folder.path().join("a.new"),
            &manifest(10, 1_000_000),
        ) {
            Ok(found) => panic!("{what}: unpacked {found:?}"),
            Err(fault) => fault,
        };
        assert!(
            matches!(&fault, Fault::Archive(said) if said.contains(why)),
            "{what}: {fault}"
        );
        assert_eq!(kept.each_ref().map(|path| snapshot(path)), before, "{what}");
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 3, "{what}: {names:?}");
    }
}

#[test]
fn every_attack_is_an_attack() {
    // Were the table's archives broken by mistake, all would be refused for that.
    let folder = tempfile::tempdir().unwrap();
    let honest = forged()
        .folder("d")
        .file("d/f")
        .link("l", "d")
        .hard("h", "d/f")
        .with(EntryType::Block, "sda", "", b"");
    let found = unpacked(&honest.end()[..], &folder.path().join("x"), &manifest(5, 4)).unwrap();
    assert_eq!(found.entries, 5);
}

#[test]
fn an_archive_that_is_cut_or_changed_anywhere_does_no_harm() {
    let honest = forged()
        .folder("d")
        .file("d/f")
        .link("l", "d")
        .hard("h", "d/f")
        .end();
    for at in (0..honest.len()).step_by(61) {
        let folder = tempfile::tempdir().unwrap();
        neighbours(folder.path());
        let before = snapshot(&folder.path().join("active"));
        let cut = unpacked(&honest[..at], &folder.path().join("cut"), &manifest(4, 4));
        // The second block of zeros at the end is a custom.
        assert!(cut.is_err() || at >= honest.len() - 512, "cut at {at}");
        let mut changed = honest.clone();
        changed[at] ^= 0x41;
        let _ = unpacked(
            &changed[..],
            &folder.path().join("changed"),
            &manifest(4, 4),
        );
        assert_eq!(
            snapshot(&folder.path().join("active")),
            before,
            "changed at {at}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}

#[test]
fn extended_attributes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let record = pax("SCHILY.xattr.security.capability=x");
    let tar = forged()
        .with(EntryType::XHeader, "p", "", &record)
        .file("bin/ping")
        .file("bin/ls")
        .end();
    let found = unpacked(&tar[..], &folder.path().join("x"), &manifest(2, 8)).unwrap();
    assert_eq!(
        found.extended,
        (1, vec!["bin/ping (security.capability)".to_owned()])
    );
}

#[test]
fn entries_without_end_are_refused_at_the_first_too_many_and_before_they_fill_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    for (at, (most, why, made)) in [
        (100, "more entries than the 100", 0..=101),
        (
            1_000_000,
            "more folders and hard links than are kept",
            200..=1500,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let into = folder.path().join(at.to_string());
        let fault = unpacked(Endless::default(), &into, &manifest(most, 0)).unwrap_err();
        assert!(fault.to_string().contains(why), "{fault}");
        let root = fs::read_dir(&into).unwrap().next().unwrap().unwrap();
        let found = fs::read_dir(root.path()).unwrap().count();
        assert!(made.contains(&found), "{found}");
    }
}

#[test]
fn zeros_without_end_are_refused_where_the_manifest_ends_and_after_the_archives_end() {
    let folder = tempfile::tempdir().unwrap();
    let zeros = || std::io::repeat(0).take(1 << 40);
    // A file that holds all of them, by its own word.
    let bomb = Cursor::new(forged().promising("zeros", 1 << 39).0).chain(zeros());
    let into = folder.path().join("file");
    let fault = unpacked(bomb, &into, &manifest(1, 1_000_000)).unwrap_err();
    let why = "zeros: more content than the 1000000";
    assert!(fault.to_string().contains(why), "{fault}");
    assert_eq!(fs::read_dir(&into).unwrap().count(), 0);
    // Padding that does not end.
    let bomb = Cursor::new(forged().file("f").0).chain(zeros());
    let fault = unpacked(bomb, &folder.path().join("padding"), &manifest(1, 4)).unwrap_err();
    assert!(fault.to_string().contains("padding without end"), "{fault}");
}
