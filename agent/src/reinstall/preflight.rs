//! What must hold before an image is fetched: the slot is idle, there is room and memory, and this machine can run it. It changes
//! nothing.
use std::{fs, io, path::Path};

use picket_proto::image::{Architecture, Format, Manifest};
use rustix::fs::{StatVfs, fstat, fstatvfs};

use super::{decompress::XZ_LIMIT_KIB, fault::Fault};
use crate::slots::{
    Slot,
    boot_record::{self, Read},
    layout::{Export, Stage},
};

/// What the child needs besides the decompressor, in bytes.
const CHILD: u64 = 16 << 20;
/// What an entry takes besides its content, in bytes: half a block lost at its end, and its inode.
const PER_ENTRY: u64 = 2560;

/// Whether nothing runs from the slot or will at the next boot.
///
/// # Errors
/// [`Fault::SlotInUse`]; [`Fault::Slots`] when that can't be told.
pub(crate) fn is_idle(export: &Export, slot: Slot, mountinfo: &str) -> Result<(), Fault> {
    let in_use = |why: String| Err(Fault::SlotInUse(format!("slot {slot} isn't idle: {why}")));
    match boot_record::read(export) {
        Read::Absent => {}
        // Nothing that could be meant by any record is there.
        Read::Bad(_) if Slot::ALL.iter().all(|slot| !export.bootable().has(*slot)) => {}
        Read::Bad(why) => {
            return Err(Fault::Slots(format!(
                "which slot is idle can't be told: the boot record {why}"
            )));
        }
        Read::Record(record) if record.active == slot => {
            return in_use("the boot record says that it is the active one".to_owned());
        }
        Read::Record(record) if record.trial.is_some_and(|trial| trial.slot == slot) => {
            return in_use("the boot record has it on trial".to_owned());
        }
        Read::Record(_) => {}
    }
    is_unused(export, slot, mountinfo)
}

/// Whether no mount of this machine shows the slot.
///
/// # Errors
/// As [`is_idle`]'s.
pub(crate) fn is_unused(export: &Export, slot: Slot, mountinfo: &str) -> Result<(), Fault> {
    let in_use = |why: String| Err(Fault::SlotInUse(format!("slot {slot} isn't idle: {why}")));
    let unknown =
        |error: io::Error| Fault::Slots(format!("slot {slot} can't be looked at: {error}"));
    let Some(tree) = export.tree(slot, Stage::Whole).map_err(unknown)? else {
        return Ok(());
    };
    let tree = fstat(&tree).map_err(|errno| unknown(errno.into()))?;
    let root = fs::metadata("/").map_err(unknown)?;
    use std::os::unix::fs::MetadataExt;
    if (tree.st_dev, tree.st_ino) == (root.dev(), root.ino()) {
        return in_use("it is the root file system of this machine".to_owned());
    }
    let device = format!(
        "{}:{}",
        rustix::fs::major(tree.st_dev),
        rustix::fs::minor(tree.st_dev)
    );
    match bound(mountinfo, &device, slot) {
        Some(place) => in_use(format!("it is mounted at {place}")),
        None => Ok(()),
    }
}

/// Where a mount shows that slot of that device: `/proc/self/mountinfo`, proc_pid_mountinfo(5).
fn bound<'a>(mountinfo: &'a str, device: &str, slot: Slot) -> Option<&'a str> {
    let path = format!("/{}", Stage::Whole.path(slot).display());
    mountinfo.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let (found, root, place) = (fields.next()?, fields.next()?, fields.next()?);
        (found == device && (root.ends_with(&path) || root.contains(&format!("{path}/"))))
            .then_some(place)
    })
}

/// Whether the export has room for it.
///
/// # Errors
/// [`Fault::NoRoom`]. A quota that the server doesn't tell shows later.
pub(crate) fn has_room(export: &Export, manifest: &Manifest) -> Result<(), Fault> {
    let stat = fstatvfs(export.root())
        .map_err(Fault::disk("can't ask the export how much room it has"))?;
    room(&stat, manifest)
}

fn room(stat: &StatVfs, manifest: &Manifest) -> Result<(), Fault> {
    const MIB: u64 = 1 << 20;
    let needed = manifest
        .installed_size
        .saturating_add(manifest.entries.saturating_mul(PER_ENTRY));
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < needed {
        return Err(Fault::NoRoom(format!(
            "{} needs {} MiB, and the export has {} MiB left: make room, or order with --discard-old",
            manifest.name,
            needed.div_ceil(MIB),
            free / MIB
        )));
    }
    // A server that counts no inodes says 0 of 0.
    if stat.f_files > 0 && stat.f_favail < manifest.entries {
        return Err(Fault::NoRoom(format!(
            "{} has {} entries, and the export has {} inodes left: make room, or order with --discard-old",
            manifest.name, manifest.entries, stat.f_favail
        )));
    }
    Ok(())
}

/// Whether there is memory to decompress it. `meminfo` is `/proc/meminfo`.
///
/// # Errors
/// [`Fault::NoRoom`].
pub(crate) fn has_memory(meminfo: &str, format: Format) -> Result<(), Fault> {
    let decompressor = match format {
        Format::TarZst => 10 << 20,
        Format::TarXz => u64::from(XZ_LIMIT_KIB) << 10,
        Format::TarGz => 1 << 20,
    };
    let needed = (CHILD + decompressor) >> 20;
    let available = meminfo.lines().find_map(|line| {
        let rest = line.strip_prefix("MemAvailable:")?;
        rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    match available.map(|kib| kib >> 10) {
        Some(available) if available < needed => Err(Fault::NoRoom(format!(
            "a {format} needs {needed} MiB of memory, and {available} MiB are available"
        ))),
        // What the kernel doesn't say keeps nobody from trying.
        _ => Ok(()),
    }
}

/// Whether this kernel, by uname(2)'s machine, can run it.
///
/// # Errors
/// [`Fault::Architecture`].
pub(crate) fn can_run(machine: &str, architecture: Architecture) -> Result<(), Fault> {
    use Architecture::{Amd64, Arm64, Armel, Armhf};
    let runs: &[Architecture] = match machine {
        "aarch64" => &[Arm64, Armhf, Armel],
        "x86_64" => &[Amd64],
        machine if machine.starts_with("arm") => &[Armhf, Armel],
        _ => &[],
    };
    match runs.contains(&architecture) {
        true => Ok(()),
        false => Err(Fault::Architecture(format!(
            "the image is for {architecture}, which this machine ({machine}) can't run"
        ))),
    }
}

/// A small file of the kernel, empty if it can't be read.
pub(crate) fn kernel_text(path: &str) -> String {
    fs::read_to_string(Path::new(path)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use picket_proto::image::Digest;

    use super::*;

    fn manifest(installed_size: u64, entries: u64) -> Manifest {
        Manifest {
            name: "debian".to_owned(),
            version: "1".to_owned(),
            architecture: Architecture::Arm64,
            file: "debian.tar.zst".to_owned(),
            format: Format::TarZst,
            sha256: Digest([0; 32]),
            size: 1,
            installed_size,
            entries,
        }
    }

    #[test]
    fn room_is_for_content_and_for_entries() {
        let mut stat = rustix::fs::statvfs("/").unwrap();
        stat.f_frsize = 4096;
        (stat.f_files, stat.f_favail) = (1000, 100);
        for (free, favail, installed, entries, said) in [
            (1000, 100, 3_000_000, 100, None),
            (1000, 100, 4_000_000, 100, Some("needs 5 MiB")),
            (1000, 99, 3_000_000, 100, Some("99 inodes")),
            (0, 100, 0, 1, Some("0 MiB left")),
        ] {
            (stat.f_bavail, stat.f_favail) = (free, favail);
            let found =
                room(&stat, &manifest(installed, entries)).map_err(|fault| fault.to_string());
            match said {
                None => assert_eq!(found, Ok(())),
                Some(said) => assert!(
                    found.as_ref().is_err_and(|found| found.contains(said)),
                    "{found:?}"
                ),
            }
        }
        (stat.f_bavail, stat.f_files, stat.f_favail) = (1000, 0, 0);
        room(&stat, &manifest(1, 100)).unwrap();
    }

    #[test]
    fn memory_is_what_the_format_may_need() {
        for (kib, format, fits) in [
            (27 << 10, Format::TarZst, true),
            (25 << 10, Format::TarZst, false),
            (60 << 10, Format::TarXz, false),
            (90 << 10, Format::TarXz, true),
        ] {
            let meminfo = format!("MemTotal: 1 kB\nMemAvailable:    {kib} kB\n");
            assert_eq!(has_memory(&meminfo, format).is_ok(), fits, "{kib} {format}");
        }
        has_memory("", Format::TarXz).unwrap();
    }

    #[test]
    fn a_kernel_runs_its_own_and_what_it_is_compatible_with() {
        for (machine, architecture, runs) in [
            ("aarch64", Architecture::Armhf, true),
            ("aarch64", Architecture::Amd64, false),
            ("armv6l", Architecture::Armhf, true),
            ("armv7l", Architecture::Arm64, false),
            ("x86_64", Architecture::Amd64, true),
            ("riscv64", Architecture::Arm64, false),
        ] {
            assert_eq!(
                can_run(machine, architecture).is_ok(),
                runs,
                "{machine} {architecture}"
            );
        }
    }

    #[test]
    fn a_slot_that_is_mounted_anywhere_is_seen() {
        let mountinfo = "22 1 0:50 /pi/slots/a / rw - nfs4 s:/ rw\n23 1 0:50 /pi /run/picket/export rw - nfs4 s:/ rw\n\
             24 1 0:51 /slots/b /x rw - tmpfs t rw\n25 1 0:50 /pi/slots/bb /y rw - nfs4 s:/ rw\n";
        assert_eq!(bound(mountinfo, "0:50", Slot::A), Some("/"));
        assert_eq!(bound(mountinfo, "0:50", Slot::B), None);
        assert_eq!(bound(mountinfo, "0:51", Slot::B), Some("/x"));
    }

    #[test]
    fn a_slot_that_the_boot_record_needs_is_not_idle() {
        use crate::slots::boot_record::{BootRecord, write};
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("slots/b")).unwrap();
        let export = Export::open(folder.path()).unwrap();
        is_idle(&export, Slot::A, "").unwrap();
        write(&export, &BootRecord::of(Slot::A)).unwrap();
        assert!(matches!(
            is_idle(&export, Slot::A, ""),
            Err(Fault::SlotInUse(_))
        ));
        is_idle(&export, Slot::B, "").unwrap();
        fs::write(folder.path().join("picket/boot-record"), "garbage").unwrap();
        is_idle(&export, Slot::B, "").unwrap();
        fs::create_dir_all(folder.path().join("slots/a/sbin")).unwrap();
        let init = folder.path().join("slots/a/sbin/init");
        fs::write(&init, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&init, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert!(matches!(
            is_idle(&export, Slot::B, ""),
            Err(Fault::Slots(_))
        ));
    }
}
