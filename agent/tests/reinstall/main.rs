//! The child that installs an image, as a process: orders to its standard input, a server or a folder of images, and an export on this
//! machine. These tests need root, as the child does.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]
mod disk;
mod giving_up;
mod image;
mod mounted;
mod rig;
mod server;

use std::fs;

use picket_proto::{Reason, image::Digest};
use picketd::reinstall::wire::{Event, Images, Install, Order, Stage};

use image::Image;
use rig::{Rig, last};

#[test]
fn an_image_is_put_into_the_idle_slot_and_the_active_one_stays_as_it_is() {
    for format in ["tar.zst", "tar.xz", "tar.gz"] {
        let rig = Rig::new(&Image::small(), format);
        let before = rig.active();
        let read_back = format == "tar.zst";
        let events = rig.run(&Install {
            read_back,
            ..rig.order()
        });
        let Event::Staged {
            catalogue_version,
            host_keys,
        } = last(&events)
        else {
            panic!("{format}: {events:?}");
        };
        assert_eq!(*catalogue_version, 7);
        assert!(
            !host_keys.is_empty() && host_keys.iter().all(|key| key.contains("SHA256:")),
            "{host_keys:?}"
        );
        let stages: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Stage { stage } => Some(*stage),
                _ => None,
            })
            .collect();
        use Stage::{Fetching, Personalised, Preflight, Sealed, Unpacking};
        assert_eq!(
            stages,
            [Preflight, Fetching, Unpacking, Sealed, Personalised]
        );
        assert_eq!(
            fs::read_to_string(rig.slot("b").join("etc/hostname")).unwrap(),
            "shelf-3\n"
        );
        assert_eq!(
            fs::read(rig.slot("b").join("var/large")).unwrap().len(),
            image::LARGE
        );
        assert_eq!(rig.active(), before);
        assert_eq!(rig.slots(), ["a", "b"]);
    }
}

#[test]
fn what_was_in_the_idle_slot_is_kept_aside_or_discarded_before() {
    let rig = Rig::new(&Image::small(), "tar.gz");
    for discard_old in [false, true] {
        let mut order = rig.order();
        order.discard_old = discard_old;
        fs::create_dir_all(rig.slot("b").join("old/deep")).unwrap();
        let events = rig.run(&order);
        assert!(matches!(last(&events), Event::Staged { .. }), "{events:?}");
        let warned = events.iter().any(|event| matches!(event, Event::Warning { text } if text.contains("only the one that runs")));
        assert_eq!(warned, discard_old);
        assert!(!rig.slot("b").join("old").exists());
        let expected: &[&str] = if discard_old {
            &["a", "b"]
        } else {
            &["a", "b", "b.old"]
        };
        assert_eq!(rig.slots(), expected);
    }
}

#[test]
fn what_speaks_against_it_is_found_before_anything_is_made() {
    let rig = Rig::new(&Image::small(), "tar.gz");
    let good = rig.order();
    let with = |change: &dyn Fn(&mut Install)| {
        let mut order = good.clone();
        change(&mut order);
        order
    };
    let missing = rig.path("none");
    for (order, reason, words) in [
        (
            with(&|order| order.catalogue_at_least = 8),
            Reason::CatalogueOld,
            "has version 7",
        ),
        (
            with(&|order| order.image = "other".to_owned()),
            Reason::UnknownImage,
            "no image of that name",
        ),
        (
            with(&|order| order.digest = Digest([1; 32])),
            Reason::UnknownImage,
            "order it again",
        ),
        (
            with(&|order| order.signers = missing.clone()),
            Reason::Catalogue,
            "none",
        ),
        (
            with(&|order| order.images = Images::Folder(missing.clone())),
            Reason::Fetch,
            "none",
        ),
        (
            with(&|order| order.export = missing.clone()),
            Reason::NoSlots,
            "none",
        ),
        (
            with(&|order| order.slot = picketd::slots::Slot::A),
            Reason::SlotInUse,
            "active",
        ),
        (
            with(&|order| order.personal.hostname = Some("-".to_owned())),
            Reason::Personalise,
            "hostname",
        ),
        (
            with(&|order| order.image = "foreign".to_owned()),
            Reason::Architecture,
            "can't run",
        ),
        (
            with(&|order| order.image = "huge".to_owned()),
            Reason::NoRoom,
            "MiB left",
        ),
    ] {
        let before = rig.active();
        let events = rig.run(&order);
        let Event::Failed {
            reason: found,
            detail,
        } = last(&events)
        else {
            panic!("{reason}: {events:?}");
        };
        assert_eq!(*found, reason, "{detail}");
        assert!(detail.contains(words), "{detail}");
        assert_eq!(rig.slots(), ["a"]);
        assert_eq!(rig.active(), before);
    }
}

#[test]
fn an_archive_that_is_not_what_the_catalogue_says_leaves_nothing() {
    for (what, change) in [
        (
            "a byte",
            &(|bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1) as &dyn Fn(&mut Vec<u8>),
        ),
        ("the middle", &|bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        }),
        ("shorter", &|bytes| bytes.truncate(bytes.len() - 1)),
        ("longer", &|bytes| bytes.push(0)),
    ] {
        let rig = Rig::new(&Image::small(), "tar.zst");
        rig.spoil(change);
        let before = rig.active();
        let events = rig.run(&rig.order());
        let Event::Failed { reason, .. } = last(&events) else {
            panic!("{what}: {events:?}");
        };
        assert!(
            matches!(*reason, Reason::Digest | Reason::Archive),
            "{what}: {events:?}"
        );
        assert_eq!(rig.slots(), ["a"], "{what}");
        assert_eq!(rig.active(), before, "{what}");
    }
}

#[test]
fn a_child_cleans_what_one_before_has_left() {
    let rig = Rig::new(&Image::small(), "tar.gz");
    for name in ["a.new", "b.new"] {
        fs::create_dir_all(rig.slot(name).join("x/y/z")).unwrap();
        fs::write(rig.slot(name).join("x/file"), "left").unwrap();
    }
    let clean = Order::Clean {
        export: rig.export(),
        slot: None,
        lock: None,
    };
    assert_eq!(rig.give(&clean), [Event::Cleaned]);
    assert_eq!(rig.slots(), ["a"]);
    assert_eq!(rig.give(&clean), [Event::Cleaned]);
}

#[test]
fn its_memory_stays_below_32_mb_with_a_window_of_8_mib() {
    if std::env::var_os("PICKET_RUNNER").is_some() {
        return; // what is weighed there is QEMU
    }
    let rig = Rig::new(&Image::large(), "tar.zst");
    let mut order = rig.order();
    // All of it is unpacked by then, and no program without optimisation, which is as large as all of the rest, is put into it.
    order.image = "miscounted".to_owned();
    let (events, peak) = rig.run_and_weigh(&order);
    let Event::Failed { reason, detail } = last(&events) else {
        panic!("{events:?}");
    };
    assert_eq!(*reason, Reason::Archive, "{detail}");
    assert!(detail.contains("entries, and"), "{detail}");
    println!(
        "peak memory of the child with tar.zst, window 8 MiB: {:.1} MB",
        peak as f64 / 1e6
    );
    assert!(peak < 32_000_000, "{peak} bytes");
    // One that was never seen weighs nothing.
    assert!(peak > 8 << 20, "{peak} bytes");
}

#[test]
fn what_is_no_order_is_refused() {
    for line in ["", "\n", "{}\n", "{\"order\":\"other\"}\n"] {
        assert_eq!(rig::raw(line).code(), Some(2), "{line:?}");
    }
}
