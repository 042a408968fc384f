//! Images that are much too large in one way or another: refused or contained. The figures are printed.
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use picket_tests::{
    binaries, dice::setting, image_server::Place, images::small_root, say, slotted::Slotted,
};

use crate::bed::Bed;

/// The child may have so much memory resident, in KiB.
const MOST_KIB: u64 = 32_000;
/// Zeros of the bomb, in bytes.
const BOMB: u64 = 1 << 30;
const BLOCK: usize = 512;

/// PICKET_ENTRIES of them, as the manifest says, with room for all.
#[test]
fn very_many_entries_are_unpacked_within_memory_and_too_many_are_not_begun() {
    let count = setting("PICKET_ENTRIES", 30_000);
    // The preflight counts a block for each file, whatever the disk does.
    let (size, inodes) = (900 + count * 3 / 1024, count + 200_000);
    let disk = format!("size={size}m,nr_inodes={inodes}");
    let bed = Bed::of(Slotted::start_with(&disk));
    add(&bed, "many", |tar| {
        (0..count).try_for_each(|entry| header(tar, &format!("srv/{}/{entry}", entry % 500), 0))
    });
    // Where they don't fit, nothing is begun.
    bed.pi.export.change(&format!("nr_inodes={count}"));
    let order = bed.order_image("many", &[]);
    bed.came_to_nothing(&order.outcome(), (11, "no_room"), &["inodes left"]);
    bed.pi.export.change(&format!("nr_inodes={inodes}"));
    bed.pi.server.hold(Place::Archive);
    let order = bed.order_image("many", &["--hold"]);
    bed.pi.server.wait_for_held();
    let weigher = weigh(bed.pi.child().expect("it is at work"));
    let begin = Instant::now();
    bed.pi.server.go_on();
    let outcome = order.outcome();
    let took = begin.elapsed().as_secs_f32();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let peak = weigher.join().expect("it only reads");
    // It reads its own program, which has everything for a debugger here.
    let program = fs::metadata(binaries::picketd())
        .expect("it is there")
        .len()
        / 1024;
    say(&format!(
        "an image of {count} empty files: in its slot after {took:.1} s, with {peak} KiB at most, and {program} of them are the program"
    ));
    assert!((1..program + MOST_KIB).contains(&peak), "{peak} KiB");
}

#[test]
fn a_bomb_is_not_begun_and_one_that_lies_about_itself_ends_where_its_manifest_does() {
    let bed = Bed::start();
    let zeros = |tar: &mut dyn Write| {
        header(tar, "srv/zeros", BOMB)?;
        let chunk = vec![0; 1 << 20];
        (0..BOMB >> 20).try_for_each(|_| tar.write_all(&chunk))
    };
    add(&bed, "bomb", zeros);
    let packed = bed.pi.images.archive("bomb");
    let packed = fs::metadata(packed).expect("it was packed").len();
    let outcome = bed.order_image("bomb", &[]).outcome();
    bed.came_to_nothing(&outcome, (11, "no_room"), &["MiB left"]);
    // One that was signed all the same.
    let [(catalogue, text), _] = bed.pi.images.catalogue();
    let text = String::from_utf8(text).expect("picket wrote it");
    let at = text.rfind("installed_size").expect("the last image's");
    let end = at + text[at..].find('\n').unwrap_or(text.len() - at);
    let lying = format!("{}installed_size = 1000000{}", &text[..at], &text[end..]);
    fs::write(catalogue, lying).expect("the folder is writable");
    let images = &bed.pi.images;
    images.sign_by_hand(images.key(), "picket-image@1");
    bed.pi.server.hold(Place::Archive);
    let order = bed.order_image("bomb", &[]);
    bed.pi.server.wait_for_held();
    let weigher = weigh(bed.pi.child().expect("it is at work"));
    bed.pi.server.go_on();
    let outcome = order.outcome();
    let peak = weigher.join().expect("it only reads");
    bed.came_to_nothing(&outcome, (11, "archive"), &[]);
    say(&format!(
        "a bomb of {packed} bytes that says it has 1 MB, and has {} MB: refused with {peak} KiB at most",
        BOMB / 1_000_000
    ));
    assert!((1..MOST_KIB).contains(&peak), "{peak} KiB");
}

/// Adds an image of a small root and what that writes.
fn add(bed: &Bed, name: &str, more: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
    let root = bed.pi.folder.path().join(format!("{name}-root"));
    small_root(&root, 1);
    let mut command = Command::new("tar");
    command
        .args(["--format=ustar", "-C"])
        .arg(&root)
        .args(["-c", "."]);
    let small = command.output().expect("tar is there").stdout;
    // Without the end, which follows later.
    let mut blocks = small.chunks(BLOCK);
    let length = blocks
        .rposition(|block| block.iter().any(|byte| *byte != 0))
        .map_or(0, |last| (last + 1) * BLOCK);
    let archive = bed.pi.folder.path().join(format!("{name}.tar.zst"));
    let packed = File::create(&archive).expect("the folder is writable");
    let mut zstd = Command::new("zstd")
        .args(["-q", "-1", "-c"])
        .stdin(Stdio::piped())
        .stdout(packed)
        .spawn()
        .expect("zstd is there");
    let pipe = zstd.stdin.take().expect("it was asked for");
    let mut tar = BufWriter::new(pipe);
    tar.write_all(&small[..length])
        .and_then(|()| more(&mut tar))
        .and_then(|()| tar.write_all(&[0; 2 * BLOCK]))
        .and_then(|()| tar.flush())
        .expect("zstd reads all");
    drop(tar);
    assert!(zstd.wait().is_ok_and(|status| status.success()));
    bed.pi.images.add(name, Path::new(&archive));
}

/// The header of a file, as ustar has it.
fn header(tar: &mut dyn Write, path: &str, size: u64) -> std::io::Result<()> {
    let mut block = [0; BLOCK];
    let mut put =
        |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.write_all(&block)
}

/// The peak of a process's memory, in KiB, when it has ended.
fn weigh(pid: u32) -> JoinHandle<u64> {
    thread::spawn(move || {
        let mut peak = 0;
        while let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(line) = line else { break };
            peak = line.trim().trim_end_matches(" kB").parse().unwrap_or(peak);
            thread::sleep(Duration::from_millis(10));
        }
        peak
    })
}
