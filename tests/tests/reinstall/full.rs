//! An export without room, or without inodes, at each stage.
use std::fs;

use picket_proto::image::Catalogue;
use picket_tests::{image_server::Place, slotted::Slotted};

use crate::bed::Bed;

const SIZE: usize = 8 << 20;

fn bed() -> Bed {
    Bed::of(Slotted::start_with(&format!("size={SIZE},nr_inodes=5000")))
}

/// Somebody else uses up all that is left.
fn fill(bed: &Bed) {
    let filler = bed.pi.path("filler");
    let filled = fs::write(filler, vec![7; SIZE]);
    assert!(filled.is_err(), "the disk isn't full");
}

#[test]
fn no_room_at_any_stage_is_told_and_nothing_is_left() {
    let bed = bed();
    for (place, words) in [
        (Place::Catalogue, "MiB left"),
        (Place::Archive, "is full"),
        (Place::Within(100), "is full"),
        (Place::Within(900), "is full"),
    ] {
        bed.pi.server.hold(place);
        let order = bed.order(&[]);
        bed.pi.server.wait_for_held();
        fill(&bed);
        bed.pi.server.go_on();
        println!("{place:?}");
        bed.came_to_nothing(&order.outcome(), (11, "no_room"), &[words]);
        fs::remove_file(bed.pi.path("filler")).expect("it was written");
    }
}

#[test]
fn no_inodes_at_any_stage_is_told_and_nothing_is_left() {
    let bed = bed();
    let text = &bed.pi.images.catalogue()[0].1;
    let catalogue: Result<Catalogue, _> = picketd::reinstall::catalogue::parse(text);
    let entries = catalogue.expect("picket wrote it").images[0].entries;
    // In the middle of unpacking, at its end, and while it is made this Pi's.
    for left in [entries / 2, entries - 1, entries + 1, entries + 3] {
        bed.pi.server.hold(Place::Archive);
        let order = bed.order(&[]);
        bed.pi.server.wait_for_held();
        let disk = rustix::fs::statvfs(bed.pi.path("")).expect("it is mounted");
        let used = disk.f_files - disk.f_ffree;
        bed.pi.export.change(&format!("nr_inodes={}", used + left));
        bed.pi.server.go_on();
        println!("{left} inodes for {entries} entries");
        bed.came_to_nothing(&order.outcome(), (11, "no_room"), &["is full"]);
        bed.pi.export.change("nr_inodes=5000");
    }
    // Seen before anything is begun.
    bed.pi.server.hold(Place::Catalogue);
    let order = bed.order(&[]);
    bed.pi.server.wait_for_held();
    let disk = rustix::fs::statvfs(bed.pi.path("")).expect("it is mounted");
    let used = disk.f_files - disk.f_ffree;
    bed.pi.export.change(&format!("nr_inodes={}", used + 20));
    bed.pi.server.go_on();
    bed.came_to_nothing(&order.outcome(), (11, "no_room"), &["inodes left"]);
}

/// All that is written from there on has its place already.
#[test]
fn an_image_that_is_staged_is_armed_booted_and_committed_on_a_full_disk() {
    let bed = bed();
    let operation = "00112233445566778899aabbccddeeff";
    let held = bed.order(&["--hold", "--op-id", operation]).outcome();
    assert_eq!(held.code, Some(0), "{held:#?}");
    fill(&bed);
    let outcome = bed.pi.operator.run(&["activate", operation, "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let end = outcome.end_of(&bed.pi.device().to_string());
    assert_eq!(
        (&end["state"], &end["warnings"]),
        (&"succeeded".into(), &serde_json::Value::Null)
    );
    assert_eq!(bed.pi.slots(), ["b"]);
}

#[test]
fn two_systems_that_do_not_fit_need_discard_old() {
    let bed = bed();
    let old = bed.pi.path("slots/b/old");
    fs::create_dir_all(&old).expect("the disk has room");
    fs::write(old.join("large"), vec![7; SIZE - (1 << 20)]).expect("the disk has room");
    let outcome = bed.order(&[]).outcome();
    assert_eq!(outcome.code, Some(11), "{outcome:#?}");
    let end = outcome.end_of(&bed.pi.device().to_string());
    let detail = end["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("--discard-old"), "{end:#}");
    assert!(old.join("large").exists(), "nobody wished it away");
    let outcome = bed.order(&["--discard-old"]).outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let warned = outcome.lines.iter().any(|line| {
        let warnings = line["warnings"].to_string();
        warnings.contains("only the one that runs")
    });
    assert!(warned, "{outcome:#?}");
    assert_eq!(bed.pi.slots(), ["b"]);
    assert!(!old.exists());
}
