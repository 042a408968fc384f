//! What ran before is kept for the days that were ordered, by the file server's clock, and then goes.
use std::{fs, os::unix::fs::MetadataExt, time::Duration};

use picket_tests::{days::Days, eventually, mounted::Mounted, slotted::Slotted};

use crate::bed::Bed;

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn what_ran_before_is_kept_for_its_days_and_then_goes() {
    let bed = Bed::start();
    let pi = &bed.pi;
    let outcome = bed.order(&["--keep-old", "2"]).outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let end = outcome.end_of(&pi.device().to_string());
    let said = end["warnings"].to_string();
    assert!(said.contains("is kept for 2 days"), "{end:#}");
    let days = Days::of(&pi.path(""), pi.device());
    let kept = eventually("the days count", PATIENCE, || {
        days.kept().filter(|kept| kept.since.is_some())
    });
    assert_eq!(kept.days, 2);

    days.pass(1);
    let before = looks(pi);
    pi.crash();
    eventually("it is looked at", PATIENCE, || {
        (looks(pi) != before).then_some(())
    });
    assert_eq!(pi.slots(), ["a", "b"]);

    // No folder can be made where the server is asked for the time.
    days.pass(1);
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
        days.kept().is_none().then_some(())
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
