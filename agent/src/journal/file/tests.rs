//! Tests of the journal's file, in real directories.
use std::os::unix::fs::{PermissionsExt, symlink};

use picket_proto::{BootId, OperationId, State};
use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;
use crate::journal::Recorded;

const DEVICE: DeviceId = DeviceId([1; 8]);

#[test]
fn what_was_written_last_is_found_and_the_file_never_grows() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = JournalFile::new(directory.path(), DEVICE);
    assert_eq!(journal.open(), found(None));
    for number in 0..5 {
        journal.write(&record(number)).unwrap();
        let metadata = fs::metadata(journal.path()).unwrap();
        assert_eq!(metadata.len(), SIZE as u64);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        let mut again = JournalFile::new(directory.path(), DEVICE);
        assert_eq!(again.open(), found(Some(record(number))));
        assert!(again.is_open());
    }
    assert_eq!(names(directory.path()), ["journal"]);
}

#[test]
fn a_new_journal_holds_an_empty_record_and_what_a_crash_left_of_making_one_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("journal.new"), "half").unwrap();
    let mut journal = JournalFile::new(directory.path(), DEVICE);
    assert_eq!(journal.open(), found(None));
    assert_eq!(journal.open(), found(Some(Record::default())));
    assert_eq!(names(directory.path()), ["journal"]);
}

#[test]
fn a_torn_write_leaves_the_record_before_it_and_writing_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = JournalFile::new(directory.path(), DEVICE);
    journal.open();
    journal.write(&record(1)).unwrap();
    let whole = fs::read(journal.path()).unwrap();
    journal.write(&record(2)).unwrap();
    let mut torn = fs::read(journal.path()).unwrap();
    let at = (0..SIZE).find(|at| torn[*at] != whole[*at]).unwrap();
    torn[at + 20..].copy_from_slice(&whole[at + 20..]);
    fs::write(journal.path(), torn).unwrap();
    assert_eq!(journal.open(), found(Some(record(1))));
    journal.write(&record(3)).unwrap();
    assert_eq!(journal.open(), found(Some(record(3))));
    assert_eq!(names(directory.path()), ["journal"]);
}

/// Of a full disk (tmpfs says so at once), a missing directory, and one that works.
#[test]
fn what_the_kernel_said_is_kept_until_a_write_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = JournalFile::new(&directory.path().join("later"), DEVICE);
    journal.open();
    assert_eq!(journal.said(), Some(Errno::NOENT));
    fs::create_dir(directory.path().join("later")).unwrap();
    journal.open();
    assert_eq!(journal.said(), None);
    let place = File::open("/dev/full").unwrap();
    journal.open.as_mut().unwrap().place = place_of(&place).unwrap();
    journal.write(&record(1)).unwrap_err();
    assert_eq!(journal.said(), Some(Errno::NOSPC));
    journal.open();
    journal.write(&record(1)).unwrap();
    assert_eq!(journal.said(), None);
}

#[test]
fn what_cant_be_understood_is_kept_aside_and_told() {
    let other = DeviceId([2; 8]);
    let mut newer = blank(DEVICE);
    newer[4] = 2;
    let crc = crate::crc32::crc32(&newer[..BLOCK - 4]).to_le_bytes();
    newer[BLOCK - 4..BLOCK].copy_from_slice(&crc);
    let directory = tempfile::tempdir().unwrap();
    let kept_bytes = [
        ("corrupt-1", vec![0; SIZE]),
        ("corrupt-2", b"short".to_vec()),
        ("corrupt-3", Vec::new()),
        ("foreign-1", blank(other)),
        ("foreign-2", newer),
    ];
    for (kind, bytes) in &kept_bytes {
        let mut journal = JournalFile::new(directory.path(), DEVICE);
        fs::write(journal.path(), bytes).unwrap();
        let told = journal.open();
        assert_eq!(told.record, None);
        let problem = told.problem.unwrap();
        assert!(matches!(problem, Problem::KeptAside { .. }), "{problem}");
        let words = format!(
            "it is kept as {}/journal.{kind}, and a new one",
            directory.path().display()
        );
        assert!(problem.to_string().contains(&words), "{problem}");
        journal.write(&record(1)).unwrap();
        assert_eq!(journal.open(), found(Some(record(1))));
    }
    for (kind, bytes) in &kept_bytes {
        let kept = directory.path().join(format!("journal.{kind}"));
        assert_eq!(fs::read(kept).unwrap(), *bytes, "{kind}");
    }
}

#[test]
fn what_is_no_file_is_kept_aside_and_never_followed_or_waited_for() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    fs::write(&target, blank(DEVICE)).unwrap();
    for kind in ["symlink", "dangling", "directory", "fifo", "socket"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        match kind {
            "symlink" => symlink(&target, &path).unwrap(),
            "dangling" => symlink("/no/such/file", &path).unwrap(),
            "directory" => fs::create_dir(&path).unwrap(),
            "fifo" => mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap(),
            _ => drop(std::os::unix::net::UnixListener::bind(&path).unwrap()),
        }
        let mut journal = JournalFile::new(directory.path(), DEVICE);
        let problem = journal.open().problem.unwrap().to_string();
        assert!(
            problem.contains("is no regular file; it is kept as"),
            "{kind}: {problem}"
        );
        journal.write(&record(1)).unwrap();
        assert_eq!(
            names(directory.path()),
            ["journal", "journal.corrupt-1"],
            "{kind}"
        );
    }
    assert_eq!(fs::read(target).unwrap(), blank(DEVICE));
}

#[test]
fn a_journal_that_cant_be_set_aside_is_left_alone_and_not_written() {
    let directory = tempfile::tempdir().unwrap();
    for number in 1..=MOST_KEPT {
        fs::write(
            directory.path().join(format!("journal.corrupt-{number}")),
            "",
        )
        .unwrap();
    }
    let mut journal = JournalFile::new(directory.path(), DEVICE);
    fs::write(journal.path(), "damaged").unwrap();
    let problem = journal.open().problem.unwrap();
    assert!(matches!(problem, Problem::Stuck { .. }), "{problem}");
    let text = problem.to_string();
    assert!(
        text.contains("has 7 bytes in place of 8192") && text.contains("16 files"),
        "{text}"
    );
    assert!(text.contains("move it away by hand"), "{text}");
    assert!(!journal.is_open());
    assert_eq!(fs::read(journal.path()).unwrap(), b"damaged");
    fs::remove_file(journal.path()).unwrap();
    assert_eq!(journal.open(), found(None));
}

#[test]
fn a_state_directory_that_is_missing_or_none_is_named_with_the_way_out() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("missing");
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    for directory in [&missing, &file] {
        let mut journal = JournalFile::new(directory, DEVICE);
        let problem = journal.open().problem.unwrap();
        assert!(matches!(problem, Problem::Unusable { .. }), "{problem}");
        let text = problem.to_string();
        assert!(
            text.contains("the state directory is not there; make it, or set state_dir"),
            "{text}"
        );
        assert!(!journal.is_open());
    }
    assert_eq!(names(place.path()), ["file"], "nothing is made");
    fs::create_dir(&missing).unwrap();
    let mut journal = JournalFile::new(&missing, DEVICE);
    assert_eq!(journal.open(), found(None));
}

#[test]
fn a_write_that_fails_does_not_count_and_the_journal_is_opened_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = JournalFile::new(directory.path(), DEVICE);
    journal.open();
    journal.write(&record(1)).unwrap();
    // A directory can't be written.
    let place = File::open(directory.path()).unwrap();
    journal.open.as_mut().unwrap().place = place_of(&place).unwrap();
    let Unwritten::Not(error) = journal.write(&record(2)).unwrap_err() else {
        panic!("nothing was taken")
    };
    assert!(
        error.contains("can't write the journal") && error.contains("/journal: "),
        "{error}"
    );
    assert!(!journal.is_open());
    assert_eq!(journal.open(), found(Some(record(1))));
    journal.write(&record(3)).unwrap();
    assert_eq!(journal.open(), found(Some(record(3))));
}

#[test]
fn a_write_that_was_taken_and_perhaps_is_durable_is_taken_back_when_the_disk_lets_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = JournalFile::new(directory.path(), DEVICE);
    journal.open();
    journal.write(&record(1)).unwrap();
    let before = fs::read(journal.path()).unwrap();
    // It takes everything, and makes nothing durable.
    let place = File::open("/dev/null").unwrap();
    journal.open.as_mut().unwrap().place = place_of(&place).unwrap();
    let Unwritten::Perhaps(error) = journal.write(&record(2)).unwrap_err() else {
        panic!("all of it was taken")
    };
    assert!(error.contains("can't write the journal"), "{error}");
    let aside = directory.path().join("aside");
    fs::rename(journal.path(), &aside).unwrap();
    assert!(!journal.take_back(), "there is no journal");
    // As if the disk had got it, and then comes back.
    let block = format::write(&record(2), 3, DEVICE).unwrap();
    fs::write(&aside, [&before[..BLOCK], &block].concat()).unwrap();
    fs::rename(&aside, journal.path()).unwrap();
    assert!(journal.take_back());
    assert_eq!(fs::read(journal.path()).unwrap(), before);
    assert!(journal.take_back(), "nothing is owed");
    assert_eq!(journal.open(), found(Some(record(1))));
}

fn found(record: Option<Record>) -> Found {
    Found {
        record,
        problem: None,
    }
}

fn record(number: u8) -> Record {
    let operation = Recorded {
        operation: OperationId([number; 16]),
        action: 7,
        state: State::Succeeded,
        reason: None,
        fingerprint: 1,
        boot: BootId([2; 16]),
        boots: 0,
    };
    Record {
        operations: vec![operation],
        ..Record::default()
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
