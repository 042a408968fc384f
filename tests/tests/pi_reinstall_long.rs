//! Another operating system on the emulated board of a Raspberry Pi 3B, over its USB network, which takes minutes. What differs from image
//! to image is tested on the quicker machine.
use std::time::Instant;

use picket_test_keys::TestKey;
use picket_tests::{
    pi::{Content, Fate, Images, Login, Machine, Pi, Wish},
    say,
};
use picketd::slots::{Slot, boot_record::BootRecord};

#[test]
fn a_raspberry_pi_3b_is_given_another_system_by_one_signed_command() {
    let (key, images, start) = (TestKey::new(1), Images::serve(), Instant::now());
    images.add("berta-1", Content::Sshd);
    let pi = Pi::builder(Machine::Raspi3b)
        .slots(&[(Slot::A, Fate::Well)])
        .images(&images)
        .obeying(&key)
        .reached_by_ssh()
        .start();
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
