//! The power of an emulated Pi is cut at random points while a slot is armed, tried and committed: it always comes back in the old slot or
//! in the new one, and its boot record says in which.
use std::{
    thread,
    time::{Duration, Instant},
};

use picket_tests::{
    dice::{Dice, setting},
    eventually,
    pi::{Fate, Machine, Pi},
    say,
};
use picketd::slots::Slot;

/// How many, unless PICKET_SLOT_CUTS says otherwise.
const CUTS: u64 = 3;
/// The same points again, unless PICKET_SEED says otherwise.
const SEED: u64 = 20_261_122;

#[test]
fn a_pi_whose_power_is_cut_while_it_changes_its_slot_is_in_the_old_or_the_new_one() {
    let (cuts, mut dice) = (
        setting("PICKET_SLOT_CUTS", CUTS),
        Dice::new(setting("PICKET_SEED", SEED)),
    );
    let builder = Pi::builder(Machine::Virt).slots(&[(Slot::A, Fate::Well), (Slot::B, Fate::Well)]);
    let pi = builder.start();
    let (start, before) = (Instant::now(), starts(&pi));
    change(&pi, Slot::B);
    settles(&pi, before);
    let whole = start.elapsed();
    assert_eq!(pi.boot_record().active, Slot::B);
    say(&format!(
        "virt: {whole:?} from one slot to the other; {cuts} cuts with PICKET_SEED={}",
        dice.seed()
    ));
    for _ in 0..cuts {
        cut(&pi, whole.mul_f64(dice.fraction()));
    }
}

fn cut(pi: &Pi, after: Duration) {
    let old = pi.boot_record().active;
    change(pi, old.other());
    thread::sleep(after);
    pi.firmware().power_off();
    let before = starts(pi);
    pi.firmware().release();
    settles(pi, before);
    let (record, booted) = (pi.boot_record(), last_booted(pi));
    say(&format!("cut after {after:?}: from {old} to {booted}"));
    let active = record.active.to_string();
    assert_eq!(booted.trim_end_matches(" trial"), active, "{record:?}");
    assert_eq!(record.last_fallback, None);
    let said = pi.console().run("cat /run/picket/slot", pi.patience());
    assert!(said.contains(&booted), "{said}");
    assert_eq!(pi.console().count("picket: rescue"), 0);
}

fn change(pi: &Pi, to: Slot) {
    pi.console()
        .type_line(&format!("picketd slot arm {to} && reboot"));
}

/// How often a slot has come up.
fn starts(pi: &Pi) -> usize {
    pi.console().count("rc: up\n")
}

/// One has come up once more, and its agent has committed it if it was on trial.
fn settles(pi: &Pi, before: usize) {
    eventually("a slot has come up", 4 * pi.patience(), || {
        (starts(pi) > before).then_some(())
    });
    eventually("no slot is on trial", pi.patience(), || {
        pi.boot_record().trial.is_none().then_some(())
    });
}

/// What the initramfs said last.
fn last_booted(pi: &Pi) -> String {
    let text = pi.console().text();
    let said = text
        .rsplit_once("picket: boots slot ")
        .expect("it has booted")
        .1;
    said.lines().next().expect("it has a line").to_owned()
}
