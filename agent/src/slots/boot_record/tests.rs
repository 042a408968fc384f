//! Tests of the boot record: its bytes, its file, and what a forged one does.
use std::{fs, os::unix::fs::symlink, path::PathBuf};

use picket_proto::DeviceId;
use proptest::prelude::*;

use super::{fields::MOST_UNKNOWN, *};
use crate::{
    blocks::{self, BLOCK, SIZE},
    slots::layout::Export,
};

const KIND: blocks::Kind = blocks::Kind {
    letters: "PKBR",
    format: 1,
};

struct Scene {
    folder: tempfile::TempDir,
    export: Export,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let export = Export::open(folder.path()).unwrap();
        Self { folder, export }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("picket/boot-record")
    }

    fn put(&self, bytes: &[u8]) {
        fs::create_dir_all(self.folder.path().join("picket")).unwrap();
        fs::write(self.path(), bytes).unwrap();
    }

    fn bad(&self) -> String {
        match read(&self.export) {
            Read::Bad(why) => why,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn golden_bytes() {
    let scene = Scene::new();
    write(&scene.export, &full()).unwrap();
    let bytes = fs::read(scene.path()).unwrap();
    let mut golden = b"PKBR\x01\0\x38\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    golden.extend(b"\x01\0\x01\0\x01");
    golden.extend(b"\x02\0\x12\0\0\x03");
    golden.extend([0x11; 16]);
    golden.extend(b"\x03\0\x01\0\x01");
    golden.extend(b"\x04\0\x12\0\0\x02");
    golden.extend([0x22; 16]);
    golden.extend(b"\x09\0\x04\0news");
    golden[6] = u8::try_from(golden.len() - 24).unwrap();
    assert_eq!(bytes[..golden.len()], golden);
    assert_eq!(bytes.len(), SIZE);
}

#[test]
fn what_was_written_is_read_in_every_turn() {
    let scene = Scene::new();
    assert_eq!(read(&scene.export), Read::Absent);
    for attempts_left in (0..6).rev() {
        let mut record = full();
        record.trial.as_mut().unwrap().attempts_left = attempts_left;
        write(&scene.export, &record).unwrap();
        assert_eq!(read(&scene.export), Read::Record(record));
    }
    let bare = BootRecord::of(Slot::A);
    write(&scene.export, &bare).unwrap();
    assert_eq!(read(&scene.export), Read::Record(bare));
    let mode = fs::metadata(scene.path().parent().unwrap()).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
        0o700
    );
}

#[test]
fn a_write_that_is_cut_at_any_byte_leaves_the_record_before_it_or_the_new_one() {
    let scene = Scene::new();
    let [old, new] = [BootRecord::of(Slot::A), full()];
    write(&scene.export, &BootRecord::of(Slot::B)).unwrap();
    write(&scene.export, &old).unwrap();
    let before = fs::read(scene.path()).unwrap();
    write(&scene.export, &new).unwrap();
    let after = fs::read(scene.path()).unwrap();
    let at = (0..SIZE).find(|at| before[*at] != after[*at]).unwrap() / BLOCK * BLOCK;
    for cut in (0..=BLOCK).step_by(7).chain([BLOCK - 1, BLOCK]) {
        let mut torn = before.clone();
        torn[at..at + cut].copy_from_slice(&after[at..at + cut]);
        scene.put(&torn);
        let expected = if torn == after { &new } else { &old };
        assert_eq!(read(&scene.export), Read::Record(expected.clone()), "{cut}");
        // And it can be written on from there.
        write(&scene.export, &new).unwrap();
        assert_eq!(read(&scene.export), Read::Record(new.clone()), "{cut}");
    }
}

#[test]
fn a_forged_record_is_bad_and_says_why() {
    for (what, fields, words) in [
        ("no field", &b""[..], "names no active slot"),
        ("a slot c", b"\x01\0\x01\0\x02", "has a wrong field 1"),
        ("two slots", b"\x01\0\x02\0\0\x01", "has a wrong field 1"),
        (
            "twice",
            b"\x01\0\x01\0\0\x01\0\x01\0\x01",
            "has a wrong field 1",
        ),
        (
            "a short trial",
            b"\x01\0\x01\0\0\x02\0\x02\0\x01\x03",
            "has a wrong field 2",
        ),
        (
            "the active slot on trial",
            b"\x01\0\x01\0\x01\x02\0\x12\0\x01\x030123456789abcdef",
            "has the slot b active and on trial at once",
        ),
        (
            "half a rescue",
            b"\x01\0\x01\0\0\x03\0\x01\0\x02",
            "has a wrong field 3",
        ),
        ("a cut one", b"\x01\0\x01\0\0\x03\0", "is cut after field 1"),
    ] {
        let scene = Scene::new();
        let block = |generation| KIND.write(fields, generation, DeviceId([0; 8]));
        scene.put(&[block(0), block(1)].concat());
        let why = scene.bad();
        assert!(why.contains(words), "{what}: {why}");
        write(&scene.export, &full()).unwrap();
        assert_eq!(read(&scene.export), Read::Record(full()), "{what}");
        assert!(scene.path().with_extension("bad").exists());
    }
}

#[test]
fn what_is_no_file_of_two_blocks_is_bad_and_nothing_is_followed() {
    for (what, make) in [
        (
            "empty",
            &(|scene: &Scene| scene.put(b"")) as &dyn Fn(&Scene),
        ),
        ("long", &|scene| scene.put(&[0; SIZE * 2])),
        ("zeros", &|scene| scene.put(&[0; SIZE])),
        ("a directory", &|scene| {
            fs::create_dir_all(scene.path().join("x")).unwrap();
        }),
        ("a symlink", &|scene| {
            fs::create_dir(scene.folder.path().join("picket")).unwrap();
            fs::write(scene.folder.path().join("elsewhere"), "theirs").unwrap();
            symlink("../elsewhere", scene.path()).unwrap();
        }),
        ("a folder elsewhere", &|scene| {
            fs::create_dir(scene.folder.path().join("elsewhere")).unwrap();
            symlink("elsewhere", scene.folder.path().join("picket")).unwrap();
        }),
    ] {
        let scene = Scene::new();
        make(&scene);
        scene.bad();
        // Where nothing can be put right it is said.
        let _ = write(&scene.export, &full());
        let elsewhere = scene.folder.path().join("elsewhere");
        match elsewhere.is_dir() {
            true => assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{what}"),
            false => assert!(!elsewhere.exists() || fs::read(&elsewhere).unwrap() == b"theirs"),
        }
    }
}

proptest! {
    #[test]
    fn no_fields_harm(fields in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = fields::read(&fields);
    }

    #[test]
    fn what_is_understood_is_written_back_the_same(ids in prop::collection::btree_map(5_u16.., any::<Vec<u8>>(), 0..4)) {
        let unknown = ids.into_iter().map(|(id, body)| UnknownField { id, body: body.as_slice().into() });
        let record = BootRecord { unknown: unknown.collect(), ..full() };
        let length: usize = record.unknown.iter().map(|field| 4 + field.body.len()).sum();
        prop_assume!(length <= MOST_UNKNOWN);
        let written = fields::write(&record);
        prop_assert_eq!(fields::read(&written), Ok(record));
    }
}

fn full() -> BootRecord {
    BootRecord {
        active: Slot::B,
        trial: Some(Trial {
            slot: Slot::A,
            attempts_left: ATTEMPTS,
            operation: OperationId([0x11; 16]),
        }),
        rescue: true,
        last_fallback: Some(Fallback {
            slot: Slot::A,
            operation: OperationId([0x22; 16]),
            why: Why::NotBootable,
        }),
        unknown: vec![UnknownField {
            id: 9,
            body: b"news".to_vec(),
        }],
    }
}
