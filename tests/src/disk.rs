//! Images of disks, as distributions publish them: partition tables by sfdisk, ext4 by mkfs.ext4 from a tree. It knows no importer.
use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Partitions begin and end at multiples of this, as all tools do it.
pub const MIB: u64 = 1 << 20;

/// What a partition of a disk holds.
pub enum Holds<'a> {
    /// The bytes of that file.
    File(&'a Path),
    /// So many bytes behind its beginning, that mark of a file system, and nothing else.
    Mark(u64, &'a [u8]),
}

/// FAT, for all that can be told by its mark.
pub const FAT: Holds<'_> = Holds::Mark(0x52, b"FAT32   ");

/// Makes an ext4 file system of so many MiB from a tree.
pub fn ext4(path: &Path, mib: u64, tree: &Path, options: &[&str]) {
    let size = format!("{mib}M");
    let mut command = Command::new("mkfs.ext4");
    command.args(["-q", "-E", "root_owner=0:0"]);
    command.args(options).arg("-d").arg(tree);
    done(command.arg(path).arg(size).output());
}

/// Changes a file system.
pub fn debugfs(path: &Path, request: &str) -> String {
    let mut command = Command::new("debugfs");
    let output = done(command.args(["-w", "-R", request]).arg(path).output());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes a disk with that table (`dos` or `gpt`) and these partitions, each of 16 MiB, the first one a MiB behind the beginning.
pub fn disk(path: &Path, table: &str, partitions: &[Holds<'_>]) {
    let kind = match table {
        "dos" => "83",
        _ => "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    };
    let lines = format!("size=16MiB, type={kind}\n").repeat(partitions.len());
    let file = laid_out(path, (table, partitions.len() as u64 * 16), &lines);
    for (start, holds) in starts(path).into_iter().zip(partitions) {
        put(&file, start, holds);
    }
}

/// Makes a disk with one partition, which is that file of so many MiB.
pub fn disk_of(path: &Path, mib: u64, part: &Path) {
    let file = laid_out(path, ("dos", mib), &format!("size={mib}MiB, type=83\n"));
    put(&file, starts(path)[0], &Holds::File(part));
}

/// Makes a disk with an MBR whose partition 6 is a logical one with that content.
pub fn disk_with_logical(path: &Path, holds: &Holds<'_>) {
    let lines = "disk1: size=4MiB, type=c\ndisk2: size=44MiB, type=5\n\
                 disk5: size=16MiB, type=83\ndisk6: size=16MiB, type=83\n";
    let file = laid_out(path, ("dos", 64), lines);
    put(&file, starts(path)[3], holds);
}

/// With room for partitions of so many MiB.
fn laid_out(path: &Path, (table, mib): (&str, u64), lines: &str) -> File {
    let file = File::create(path).expect("the folder is ours");
    file.set_len((mib + 4) * MIB).expect("there is room");
    let mut child = Command::new("sfdisk")
        .arg("--quiet")
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("sfdisk is installed: scripts/setup test");
    let script = format!("label: {table}\n{lines}");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(script.as_bytes()).expect("it reads");
    drop(stdin);
    assert!(child.wait().is_ok_and(|status| status.success()));
    file
}

/// The first byte of each partition, as sfdisk says it.
fn starts(path: &Path) -> Vec<u64> {
    let output = done(Command::new("sfdisk").arg("--dump").arg(path).output());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let start = |line: &str| {
        let rest = line.split_once("start=")?.1;
        rest.split(',').next()?.trim().parse::<u64>().ok()
    };
    text.lines()
        .filter_map(start)
        .map(|start| start * 512)
        .collect()
}

fn put(disk: &File, start: u64, holds: &Holds<'_>) {
    match holds {
        Holds::File(path) => {
            let bytes = fs::read(path).expect("it was made");
            disk.write_all_at(&bytes, start).expect("there is room");
        }
        Holds::Mark(at, mark) => disk.write_all_at(mark, start + at).expect("there is room"),
    }
}

fn done(output: std::io::Result<Output>) -> Output {
    let output = output.expect("e2fsprogs and fdisk are installed: scripts/setup test");
    assert!(output.status.success(), "{output:?}");
    output
}

/// Every file of a folder, by its name.
pub fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is there");
    entries
        .map(|entry| entry.expect("it can be read").path())
        .collect()
}
