//! What ran before is kept for the days that were ordered, by the file server's clock, and then goes. The days pass in the journal: it says
//! that they began earlier.
use std::{fs, os::unix::fs::MetadataExt, time::Duration};

use picket_tests::{eventually, mounted::Mounted, slotted::Slotted};
use picketd::journal::{self, Kept, Outcome, Record};

use crate::bed::Bed;

const PATIENCE: Duration = Duration::from_secs(120);
const DAY: u64 = 86_400;

#[test]
fn what_ran_before_is_kept_for_its_days_and_then_goes() {
    let bed = Bed::start();
    let pi = &bed.pi;
    let outcome = bed.order(&["--keep-old", "2"]).outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let end = outcome.end_of(&pi.device().to_string());
    let said = end["warnings"].to_string();
    assert!(said.contains("is kept for 2 days"), "{end:#}");
    let kept = eventually("the days count", PATIENCE, || {
        kept(pi).filter(|kept| kept.since.is_some())
    });
    assert_eq!(kept.days, 2);

    days_pass(pi, 1);
    let before = looks(pi);
    pi.crash();
    eventually("it is looked at", PATIENCE, || {
        (looks(pi) != before).then_some(())
    });
    assert_eq!(pi.slots(), ["a", "b"]);

    // No folder can be made where the server is asked for the time.
    days_pass(pi, 1);
    fs::create_dir(pi.path("picket/now")).expect("the export is writable");
    let in_the_way = Mounted::in_memory(&pi.path("picket/now"), "size=4k");
    pi.crash();
    eventually("it is said", PATIENCE, || {
        let log = pi.init.log();
        log.contains("until the file server tells the time")
            .then_some(())
    });
    assert_eq!(pi.slots(), ["a", "b"]);

    drop(in_the_way);
    pi.cut_power();
    eventually("it is removed", PATIENCE, || {
        (pi.slots() == ["b"]).then_some(())
    });
    eventually("the journal knows", PATIENCE, || {
        self::kept(pi).is_none().then_some(())
    });
    let outcome = bed.order(&[]).outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(pi.slots(), ["a"]);
}

/// When something was last made in the folder in which the server is asked for the time.
fn looks(pi: &Slotted) -> (i64, i64) {
    let folder = fs::metadata(pi.path("picket")).expect("it is there");
    (folder.mtime(), folder.mtime_nsec())
}

fn kept(pi: &Slotted) -> Option<Kept> {
    read(pi)?.kept.first().copied()
}

/// What the journal says. It is read from a copy: the agent may be writing it.
fn read(pi: &Slotted) -> Option<Record> {
    let copy = tempfile::tempdir().expect("a folder can be made");
    fs::copy(journal_of(pi), copy.path().join("journal")).ok()?;
    journal::open(copy.path(), pi.device()).record
}

fn journal_of(pi: &Slotted) -> std::path::PathBuf {
    pi.path("picket/journal")
}

/// The journal says that the days began so many of them earlier. The agent finds that when it is started.
fn days_pass(pi: &Slotted, days: u64) {
    let copy = tempfile::tempdir().expect("a folder can be made");
    let file = copy.path().join("journal");
    fs::copy(journal_of(pi), &file).expect("the agent has one");
    let opened = journal::open(copy.path(), pi.device());
    let (mut record, mut journal) = (opened.record.expect("it holds one"), opened.journal);
    for kept in &mut record.kept {
        let since = kept.since.as_mut().expect("the days count");
        since.time_s -= days * DAY;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    journal.write(record).expect("nothing else is written");
    let written = runtime.expect("it can be had").block_on(journal.outcome());
    assert_eq!(written, Outcome::Written);
    fs::copy(file, journal_of(pi)).expect("the tree is writable");
}
