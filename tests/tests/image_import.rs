//! `picket image import`: the root file system out of a disk's image, entry by entry as it went in, and what can't be had is said.
use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use picket_proto::image::Format;
use picket_tests::{
    binaries,
    debian::{self, Architecture},
    disk::{self, FAT, Holds, MIB},
};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use tempfile::TempDir;

#[test]
fn a_disks_root_is_packed_as_the_tree_that_it_was_made_of() {
    let place = Place::new();
    place.tree();
    let (part, old) = (place.path("part"), place.path("old"));
    disk::ext4(&part, 16, &place.path("root"), &[]);
    let without = ["-O", "^metadata_csum,^64bit", "-I", "128"];
    disk::ext4(&old, 16, &place.path("root"), &without);
    // What a tree on this machine's file system perhaps could not hold.
    fs::write(place.path("value"), vec![7; 900]).unwrap();
    let value = place.path("value");
    for request in [
        "ea_set /usr/bin/sh security.capability 0123456789".to_owned(),
        "ea_set /etc user.small x".to_owned(),
        format!("ea_set -f {} /etc/one user.big", value.display()),
    ] {
        disk::debugfs(&part, &request);
        disk::debugfs(&old, &request);
    }
    let packed = place.picket(&["pack", "root", "--format", "tar.gz"], "packed");
    assert!(packed.status.success(), "{packed:?}");
    let image = place.path("disk.img");
    for (table, part, format) in [
        ("dos", &part, None),
        ("gpt", &part, Some(Format::TarXz)),
        ("gpt", &old, Some(Format::TarGz)),
        ("dos", &old, Some(Format::TarZst)),
    ] {
        disk::disk(&image, table, &[FAT, Holds::File(part)]);
        let file = place.path("published");
        match format {
            None => drop(fs::copy(&image, &file).unwrap()),
            Some(format) => {
                let into = File::create(&file).unwrap();
                picket::image::pack_tar(File::open(&image).unwrap(), format, into).unwrap();
            }
        }
        let imported = place.picket(&["import", "published", "--format", "tar.gz"], "imported");
        let said = String::from_utf8_lossy(&imported.stderr).into_owned();
        assert!(imported.status.success(), "{table} {format:?}: {said}");
        for words in [
            "5 entries have extended attributes",
            "etc (user.small)",
            "etc/one (user.big)",
            "usr/bin/sh (security.capability)",
            "1 sockets are left out: run/socket",
            "partition 1 (FAT) isn't taken",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        let archive = place.path("imported/test.tar.gz");
        let same =
            fs::read(&archive).unwrap() == fs::read(place.path("packed/test.tar.gz")).unwrap();
        let mut tar = Command::new("tar");
        tar.args(["--compare", "--numeric-owner", "-zf"])
            .arg(&archive);
        let compared = tar.arg("-C").arg(place.path("root")).output().unwrap();
        assert!(compared.status.success(), "{compared:?}");
        assert!(
            same,
            "{table} {format:?}: other bytes than picket image pack makes"
        );
    }
}

#[test]
fn a_debian_comes_out_whole() {
    let place = Place::new();
    let (root, part) = (place.path("root"), place.path("part"));
    debian::copy(Architecture::Arm64, &root);
    disk::ext4(&part, 160, &root, &["-b", "4096"]);
    disk::disk_of(&place.path("disk.img"), 160, &part);
    let archive = |arguments: &[&str], into| {
        let made = place.picket(arguments, into);
        assert!(made.status.success(), "{made:?}");
        fs::read(place.path(into).join("test.tar.gz")).unwrap()
    };
    let packed = archive(&["pack", "root", "--format", "tar.gz"], "packed");
    let imported = archive(&["import", "disk.img", "--format", "tar.gz"], "imported");
    assert!(
        packed == imported,
        "other bytes than picket image pack makes"
    );
}

#[test]
fn what_cannot_be_imported_is_said_and_leaves_nothing() {
    let place = Place::new();
    place.tree();
    let part = place.path("part");
    disk::ext4(&part, 16, &place.path("root"), &[]);
    let ext4 = || Holds::File(&part);
    let image = place.path("disk.img");
    let refused = |arguments: &[&str], words: &[&str]| {
        let mut all = vec!["import", "disk.img"];
        all.extend(arguments);
        let output = place.picket(&all, "imported");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{words:?}");
        for words in words {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(disk::listed(&place.path("imported")), Vec::<PathBuf>::new());
    };
    fs::write(&image, vec![0; 2 << 20]).unwrap();
    refused(&[], &["no partition table"]);
    fs::copy(&part, &image).unwrap();
    refused(&[], &["no partition table"]);
    disk::disk(&image, "dos", &[FAT]);
    refused(
        &[],
        &["no partition holds ext4", "partition 1 (16 MiB) FAT"],
    );
    let others = [
        FAT,
        Holds::Mark(0x10040, b"_BHRfS_M"),
        Holds::Mark(0x400, &[0x10, 0x20, 0xf5, 0xf2]),
    ];
    disk::disk(&image, "gpt", &others);
    refused(
        &[],
        &["partition 2 (16 MiB) btrfs", "partition 3 (16 MiB) f2fs"],
    );
    refused(&["--partition", "2"], &["partition 2 holds btrfs"]);
    disk::disk(&image, "gpt", &[FAT, ext4(), ext4()]);
    refused(
        &[],
        &["several", "--partition N", "partition 3 (16 MiB) ext4"],
    );
    refused(&["--partition", "9"], &["no partition 9"]);
    let third = place.picket(&["import", "disk.img", "--partition", "3"], "third");
    assert!(third.status.success(), "{third:?}");

    let flip = |at: u64| {
        let file = File::options().read(true).write(true).open(&image).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 4], at).unwrap();
    };
    flip(2 * 512 + 60);
    refused(&[], &["entries of its GPT are broken"]);
    disk::disk(&image, "dos", &[ext4()]);
    // The flag needs_recovery among the incompatible features.
    flip(MIB + 1024 + 0x60);
    refused(&[], &["journal of partition 1", "e2fsck"]);
    disk::disk(&image, "dos", &[ext4()]);
    let located = disk::debugfs(&part, "imap /etc/one");
    let block = number(&located, "at block ", 10);
    let offset = number(&located, "offset 0x", 16);
    flip(MIB + block * block_size(&part) + offset + 4);
    refused(&[], &["etc/one", "checksum"]);
    disk::disk(&image, "dos", &[ext4()]);
    let whole = fs::read(&image).unwrap();
    fs::write(&image, &whole[..12 << 20]).unwrap();
    refused(&[], &["truncated"]);
    let mut packed = Vec::new();
    picket::image::pack_tar(whole.as_slice(), Format::TarXz, &mut packed).unwrap();
    fs::write(&image, &packed[..packed.len() / 2]).unwrap();
    refused(&[], &["ends too early"]);

    disk::disk_with_logical(&image, &ext4());
    let logical = place.picket(&["import", "disk.img", "--partition", "6"], "logical");
    assert!(logical.status.success(), "{logical:?}");
}

fn block_size(part: &Path) -> u64 {
    let mut shift = [0; 1];
    let file = File::open(part).expect("the folder is ours");
    file.read_exact_at(&mut shift, 1024 + 0x18)
        .expect("the folder is ours");
    1024 << shift[0]
}

fn number(text: &str, after: &str, radix: u32) -> u64 {
    let rest = text.split_once(after).expect(text).1;
    let end = rest
        .find(|one: char| !one.is_digit(radix))
        .unwrap_or(rest.len());
    u64::from_str_radix(&rest[..end], radix).expect(text)
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("the folder is ours"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `picket image`, with its product in a new folder.
    fn picket(&self, arguments: &[&str], into: &str) -> Output {
        let folder = self.path(into);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("the folder is ours");
        let mut command = Command::new(binaries::picket());
        command
            .current_dir(self.0.path())
            .arg("image")
            .args(arguments);
        command.args(["--name", "test", "--image-version", "1", "--into", into]);
        command.output().expect("the folder is ours")
    }

    /// One entry of each kind, and some that are hard to get right.
    fn tree(&self) {
        let root = self.path("root");
        for folder in ["etc", "dev", "run", "usr/bin", "usr/share/many", "srv"] {
            fs::create_dir_all(root.join(folder)).expect("the folder is ours");
        }
        fs::copy("/bin/true", root.join("usr/bin/sh")).expect("the folder is ours");
        fs::set_permissions(root.join("usr/bin/sh"), fs::Permissions::from_mode(0o4755))
            .expect("the folder is ours");
        fs::write(root.join("etc/one"), "one file").expect("the folder is ours");
        fs::hard_link(root.join("etc/one"), root.join("srv/two")).expect("the folder is ours");
        fs::hard_link(root.join("etc/one"), root.join("etc/three")).expect("the folder is ours");
        fs::write(root.join("etc/empty"), "").expect("the folder is ours");
        symlink("/etc/one", root.join("etc/link")).expect("the folder is ours");
        symlink("../".repeat(40) + "far", root.join("etc/long")).expect("the folder is ours");
        std::os::unix::fs::chown(root.join("srv"), Some(70_000), Some(1_000_001))
            .expect("the folder is ours");
        // Enough for an index, and for a block in the tree of extents.
        for number in 0..900 {
            let name = format!("usr/share/many/a-name-that-is-rather-long-{number:04}");
            fs::write(root.join(name), number.to_string()).expect("the folder is ours");
        }
        let holes = File::create(root.join("srv/holes")).expect("the folder is ours");
        holes.set_len(3 << 20).expect("the folder is ours");
        holes
            .write_all_at(b"in the middle", 1 << 20)
            .expect("the folder is ours");
        let node = |name: &str, kind, device| {
            mknodat(CWD, root.join(name), kind, Mode::from(0o640), device)
                .expect("the folder is ours");
        };
        node("dev/null", FileType::CharacterDevice, makedev(1, 3));
        node("dev/far", FileType::CharacterDevice, makedev(300, 70_000));
        node("dev/disk", FileType::BlockDevice, makedev(179, 2));
        node("run/fifo", FileType::Fifo, 0);
        node("run/socket", FileType::Socket, 0);
        assert_eq!(
            fs::metadata(root.join("srv/two"))
                .expect("the folder is ours")
                .nlink(),
            3
        );
    }
}
