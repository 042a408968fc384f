//! Reinstalls that take minutes: on the emulated board of a Raspberry Pi 3B, over its USB network, and of a whole Debian. What differs
//! from image to image is tested with small ones.
use std::time::Instant;

use picket_test_keys::TestKey;
use picket_tests::{
    pi::{Builder, Content, Fate, Images, Login, Machine, Pi, Wish},
    say,
};
use picketd::slots::{Slot, boot_record::BootRecord};

#[test]
fn a_raspberry_pi_3b_is_given_another_system_by_one_signed_command() {
    let (key, images, start) = (TestKey::new(1), Images::serve(), Instant::now());
    images.add("berta-1", Content::Sshd);
    let pi = builder(Machine::Raspi3b, &key, &images).start();
    say(&format!(
        "raspi3b: {:?} from power to the first tick out of a slot",
        start.elapsed()
    ));
    let login = Login::new(pi.folder());
    let wish = Wish {
        image: "berta-1",
        hostname: "berta",
        login: &login,
    };
    pi.becomes(&key, &images, wish, 2);
    assert_eq!(pi.boot_record(), BootRecord::of(Slot::B));
    assert_eq!((pi.booted("b trial"), pi.boots()), (1, 2));
    pi.is_emptied(Slot::A);
    pi.misses_no_tick();
}

#[test]
fn a_pi_becomes_a_whole_debian_and_then_something_small_again() {
    let (key, images) = (TestKey::new(1), Images::serve());
    images.add("berta-1", Content::Debian);
    images.add("anna-1", Content::Sshd);
    let pi = builder(Machine::Virt, &key, &images).start();
    let login = Login::new(pi.folder());
    for (number, image, hostname, slot) in [
        (2, "berta-1", "berta", Slot::B),
        (3, "anna-1", "anna", Slot::A),
    ] {
        let wish = Wish {
            image,
            hostname,
            login: &login,
        };
        pi.becomes(&key, &images, wish, number);
        assert_eq!(pi.boot_record(), BootRecord::of(slot));
        pi.is_emptied(slot.other());
    }
    assert_eq!((pi.booted("b trial"), pi.booted("a trial")), (1, 1));
    assert_eq!(pi.boots(), 3);
    pi.misses_no_tick();
}

/// A Pi in slot a that obeys that key, takes those images and is reached by ssh.
fn builder(machine: Machine, key: &TestKey, images: &Images) -> Builder {
    Pi::builder(machine)
        .slots(&[(Slot::A, Fate::Well)])
        .images(images)
        .obeying(key)
        .reached_by_ssh()
}
