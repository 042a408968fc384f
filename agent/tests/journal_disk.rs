//! The journal on a disk that is full, read-only, or takes only half of a write: in a mount namespace of its own, on a tmpfs
//! that nobody else sees.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use picket_proto::DeviceId;
use picketd::{
    config::Periods,
    journal::{self, Journal, Outcome, Problem, Record},
};

const DEVICE: DeviceId = DeviceId([1; 8]);
const DIRECTORY: &str = "PICKET_TEST_DISK";

#[test]
fn a_full_disk_takes_every_write_to_a_journal_that_is_there_and_no_new_journal() {
    match disk() {
        Some(disk) => inside_full(&disk),
        None => on_a_tmpfs(
            "a_full_disk_takes_every_write_to_a_journal_that_is_there_and_no_new_journal",
        ),
    }
}

fn inside_full(disk: &Path) {
    let [old, new] = ["old", "new"].map(|name| disk.join(name));
    fs::create_dir(&old).unwrap();
    fs::create_dir(&new).unwrap();
    let mut opened = journal::open(&old, DEVICE);
    assert_eq!((opened.record, opened.problem), (None, None));
    fill(&disk.join("ballast"));
    for number in 0..20 {
        assert_eq!(write(&mut opened.journal, number), Outcome::Written);
    }
    drop(opened.journal);
    assert_eq!(journal::open(&old, DEVICE).record, Some(record(19)));

    let mut opened = journal::open(&new, DEVICE);
    let problem = opened.problem.unwrap();
    assert!(matches!(problem, Problem::Unusable { .. }), "{problem}");
    assert!(problem.to_string().contains("No space left"), "{problem}");
    let refused = Outcome::Failed(problem.to_string());
    assert_eq!(write(&mut opened.journal, 1), refused);
    assert_eq!(
        fs::read_dir(&new).unwrap().count(),
        0,
        "nothing is left of the attempt"
    );
    fs::remove_file(disk.join("ballast")).unwrap();
    assert_eq!(write(&mut opened.journal, 1), Outcome::Written);
    assert_eq!(journal::open(&new, DEVICE).record, Some(record(1)));
}

#[test]
fn a_read_only_disk_gives_its_record_and_takes_none_until_it_can_be_written() {
    match disk() {
        Some(disk) => inside_read_only(&disk),
        None => {
            on_a_tmpfs("a_read_only_disk_gives_its_record_and_takes_none_until_it_can_be_written")
        }
    }
}

fn inside_read_only(disk: &Path) {
    let empty = disk.join("empty");
    let corrupt = disk.join("corrupt");
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&corrupt).unwrap();
    fs::write(corrupt.join("journal"), "damaged").unwrap();
    let mut opened = journal::open(disk, DEVICE);
    assert_eq!(write(&mut opened.journal, 1), Outcome::Written);
    drop(opened.journal);
    remount(disk, "ro");
    let mut opened = journal::open(disk, DEVICE);
    assert_eq!(opened.record, Some(record(1)));
    let problem = opened.problem.unwrap();
    assert!(problem.to_string().contains("Read-only"), "{problem}");
    let refused = Outcome::Failed(problem.to_string());
    assert_eq!(write(&mut opened.journal, 2), refused);
    for directory in [&empty, &corrupt] {
        let opened = journal::open(directory, DEVICE);
        let problem = opened.problem.unwrap().to_string();
        assert!(
            opened.record.is_none() && problem.contains("nothing is recorded"),
            "{problem}"
        );
    }
    remount(disk, "rw");
    assert_eq!(write(&mut opened.journal, 2), Outcome::Written);
    assert_eq!(journal::open(disk, DEVICE).record, Some(record(2)));
}

#[test]
fn a_disk_that_takes_half_of_a_block_gets_back_what_it_held() {
    if let Some(disk) = disk() {
        return inside_limited(&disk);
    }
    let disk = tempfile::tempdir().unwrap();
    let mut opened = journal::open(disk.path(), DEVICE);
    assert_eq!(write(&mut opened.journal, 9), Outcome::Written);
    // The second block is next. It begins at 4096, so its writes break off in the middle.
    let mut limit = Command::new("prlimit");
    limit.args([
        "--fsize=6144",
        "sh",
        "-c",
        "trap '' XFSZ; exec \"$@\"",
        "sh",
    ]);
    let test = "a_disk_that_takes_half_of_a_block_gets_back_what_it_held";
    run(limit, test, disk.path());
}

fn inside_limited(disk: &Path) {
    let before = fs::read(disk.join("journal")).unwrap();
    let mut opened = journal::open(disk, DEVICE);
    assert_eq!((opened.record, opened.problem), (Some(record(9)), None));
    for _ in 0..3 {
        let Outcome::Failed(error) = write(&mut opened.journal, 1) else {
            panic!("it was written")
        };
        assert!(error.contains("File too large"), "{error}");
        assert!(fs::read(disk.join("journal")).unwrap() == before);
    }
}

/// Runs that test again, with a tmpfs of 64 KiB, in a mount namespace that ends with it.
fn on_a_tmpfs(test: &str) {
    let disk = tempfile::tempdir().unwrap();
    let mut command = namespace();
    let mount = "mount -t tmpfs -o size=64k picket \"$1\" && shift && exec \"$@\"";
    command.args(["sh", "-c", mount, "sh"]).arg(disk.path());
    run(command, test, disk.path());
}

/// The first way to a mount namespace that works here: as root, as root of a user namespace, or with sudo.
fn namespace() -> Command {
    let ways: [&[&str]; 3] = [
        &["unshare", "--mount"],
        &["unshare", "--mount", "--user", "--map-root-user"],
        &["sudo", "-n", "unshare", "--mount"],
    ];
    let command = |way: &[&str]| {
        let mut command = Command::new(way[0]);
        command.args(&way[1..]);
        command
    };
    let works = |way: &&&[&str]| {
        let output = command(way).arg("true").output();
        output.is_ok_and(|output| output.status.success())
    };
    let way = ways.iter().find(works);
    command(way.expect("a mount namespace; run the tests as root, or allow user namespaces"))
}

fn run(mut command: Command, test: &str, disk: &Path) {
    let place = format!("{DIRECTORY}={}", disk.display());
    command.args(["env", &place]);
    // Cross-built tests run under an emulator, and the kernel beneath cannot execute them without it.
    command.args(env::var_os("PICKET_RUNNER"));
    command.arg(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]);
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{output:?}"
    );
}

/// The disk on which this test was started again by itself.
fn disk() -> Option<PathBuf> {
    env::var_os(DIRECTORY).map(PathBuf::from)
}

fn remount(disk: &Path, how: &str) {
    let options = format!("remount,{how}");
    let mount = Command::new("mount")
        .args(["-o", &options])
        .arg(disk)
        .status();
    assert!(mount.unwrap().success());
}

fn fill(ballast: &Path) {
    let mut file = fs::File::create(ballast).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}
}

fn write(journal: &mut Journal, number: u8) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    journal.write(record(number)).unwrap();
    runtime.unwrap().block_on(journal.outcome())
}

fn record(number: u8) -> Record {
    let periods = Periods::new(1_000 * (1 + u32::from(number)), 60_000);
    Record {
        periods: Some(periods.unwrap()),
        ..Record::default()
    }
}
