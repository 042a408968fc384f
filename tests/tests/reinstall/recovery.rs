//! What becomes of a reinstall whose agent or machine ends on the way.
use std::{thread, time::Duration};

use picket_tests::{
    dice::{Dice, setting},
    image_server::Place,
    say,
};
use picketd::slots::Slot;

use crate::bed::Bed;

#[test]
fn an_agent_that_ends_while_its_child_works_says_so_when_it_is_back_and_nothing_is_left() {
    let bed = Bed::start();
    for place in [Place::Catalogue, Place::Archive, Place::Within(500)] {
        bed.pi.server.hold(place);
        let order = bed.order(&[]);
        bed.pi.server.wait_for_held();
        bed.pi.crash();
        let words = ["picketd or the machine ended", "nothing of it is left"];
        bed.came_to_nothing(&order.outcome(), (11, "worker"), &words);
        bed.pi.server.go_on();
    }
}

/// However often it is tried, and whoever is asked.
#[test]
fn a_trial_that_does_not_reach_the_broker_ends_in_the_slot_before_and_is_told() {
    let mut bed = Bed::start();
    bed.pi.init.stay_down();
    let order = bed.order(&[]);
    order.wait_for_state("rebooting");
    bed.pi.init.wait_for_reboots(1);
    bed.pi.broker.kill();
    let runs = |bed: &Bed| bed.pi.init.tree().read("run/picket/slot");
    bed.pi.come_up();
    for _ in 0..2 {
        assert_eq!(runs(&bed), "b trial\n");
        bed.pi.cut_power();
    }
    assert_eq!(runs(&bed), "b trial\n");
    bed.pi.cut_power();
    assert_eq!(runs(&bed), "a\n");
    bed.pi.broker.restart();
    let outcome = order.outcome();
    assert_eq!(outcome.code, Some(12), "{outcome:#?}");
    let end = outcome.end_of(&bed.pi.device().to_string());
    assert_eq!(end["reason"], "trial", "{end:#}");
    say(&format!("{}", end["detail"]));
    let record = bed.pi.boot_record();
    assert_eq!((record.active, record.trial), (Slot::A, None));
    // What is left in the other slot hinders nobody.
    let outcome = bed.order(&[]).outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(bed.pi.slots(), ["b"]);
}

/// PICKET_REINSTALL_CUTS rounds; PICKET_SEED is of which.
#[test]
fn crashes_and_power_cuts_at_any_time_leave_one_whole_system_that_runs() {
    let (rounds, seed) = (
        setting("PICKET_REINSTALL_CUTS", 4),
        setting("PICKET_SEED", 1),
    );
    let mut dice = Dice::new(seed);
    let bed = Bed::start();
    let (mut done, mut failed) = (0, 0);
    for round in 0..rounds {
        let active = bed.pi.boot_record().active;
        let before = bed.pi.snapshot(active.name());
        let order = bed.order(&[]);
        order.wait_for_state("accepted");
        thread::sleep(Duration::from_millis(1_500).mul_f64(dice.fraction()));
        let what = match dice.fraction() < 0.5 {
            true => "crash",
            false => "power cut",
        };
        match what {
            "crash" => bed.pi.crash(),
            _ => bed.pi.cut_power(),
        }
        let outcome = order.outcome();
        let record = bed.pi.boot_record();
        let end = outcome.end_of(&bed.pi.device().to_string());
        let why = format!("round {round} of seed {seed}, a {what}: {end:#}");
        assert_eq!(record.trial, None, "{why}");
        match outcome.code {
            Some(0) => {
                done += 1;
                assert_eq!(record.active, active.other(), "{why}");
            }
            Some(11) => {
                failed += 1;
                assert_eq!(end["reason"], "worker", "{why}");
                assert_eq!(record.active, active, "{why}");
                assert!(bed.pi.snapshot(active.name()) == before, "{why}");
            }
            _ => panic!("{why}"),
        }
        assert_eq!(bed.pi.slots(), [record.active.name()], "{why}");
        let runs = bed.pi.init.tree().read("run/picket/slot");
        assert!(runs.starts_with(record.active.name()), "{runs}: {why}");
    }
    say(&format!(
        "seed {seed}: of {rounds} reinstalls with a crash or a power cut {done} were done, and {failed} had to be ordered again"
    ));
}
