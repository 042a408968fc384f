//! The power of an emulated Pi is cut at random points while a slot is armed, tried and committed: it always comes back in the old slot or
//! in the new one, and its boot record says in which.
use std::{
    fs,
    io::Write,
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
const CUTS: u64 = 5;
/// The same points again, unless PICKET_SEED says otherwise.
const SEED: u64 = 20_261_122;
/// In each slot's start: one on trial commits itself.
const COMMIT: &str =
    "case $(cat /run/picket/slot) in *trial) picketd slot commit ;; esac\necho 'rc: settled'\n";

#[test]
fn a_pi_whose_power_is_cut_while_it_changes_its_slot_is_in_the_old_or_the_new_one() {
    let (cuts, mut dice) = (
        setting("PICKET_SLOT_CUTS", CUTS),
        Dice::new(setting("PICKET_SEED", SEED)),
    );
    let builder = Pi::builder(Machine::Virt).slots(&[(Slot::A, Fate::Well), (Slot::B, Fate::Well)]);
    let pi = builder.start();
    for slot in Slot::ALL {
        let rc = fs::OpenOptions::new()
            .append(true)
            .open(pi.in_slot(slot, "etc/rc"));
        rc.unwrap().write_all(COMMIT.as_bytes()).unwrap();
    }
    let start = Instant::now();
    change(&pi, Slot::B);
    settles(&pi, 0);
    let whole = start.elapsed();
    assert_eq!(pi.boot_record().active, Slot::B);
    say(&format!(
        "virt: {whole:?} from one slot to the other; {cuts} cuts with PICKET_SEED={}",
        dice.seed()
    ));
    for _ in 0..cuts {
        cut(&pi, whole.mul_f64(dice.fraction()));
    }
    let ticks = pi.watcher().ticks().len();
    eventually("its agent is heard", pi.patience(), || {
        (pi.watcher().ticks().len() > ticks).then_some(())
    });
}

fn cut(pi: &Pi, after: Duration) {
    let old = pi.boot_record().active;
    change(pi, old.other());
    thread::sleep(after);
    pi.firmware().power_off();
    let before = settled(pi);
    pi.firmware().release();
    settles(pi, before);
    let (record, booted) = (pi.boot_record(), last_booted(pi));
    say(&format!("cut after {after:?}: from {old} to {booted}"));
    assert_eq!(record.trial, None, "{booted}");
    let expected = format!("{}", record.active);
    assert_eq!(booted.trim_end_matches(" trial"), expected, "{record:?}");
    assert_eq!(pi.console().count("picket: rescue"), 0);
}

fn change(pi: &Pi, to: Slot) {
    pi.console()
        .type_line(&format!("picketd slot arm {to} && reboot"));
}

/// How often a slot has come up, and was committed if it was on trial.
fn settled(pi: &Pi) -> usize {
    pi.console().count("rc: settled\n")
}

fn settles(pi: &Pi, before: usize) {
    // A trial may come in between, and each of the boots may take as long as that.
    eventually("a slot has come up", 4 * pi.patience(), || {
        (settled(pi) > before).then_some(())
    });
}

/// What the initramfs said last.
fn last_booted(pi: &Pi) -> String {
    let text = pi.console().text();
    let lines = text.lines();
    let mut said = lines.filter_map(|line| line.strip_prefix("picket: boots slot "));
    said.next_back().expect("it has booted").to_owned()
}
