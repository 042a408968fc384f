//! The power of an emulated Pi is cut at random points of a reboot operation: it ends as the one reboot that was wished for.
use std::{
    thread,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use picket_tests::{
    dice::{Dice, setting},
    eventually,
    operator::Operator,
    pi::{Machine, Pi},
    say,
};

/// How many, unless PICKET_POWER_CUTS says otherwise.
const CUTS: u64 = 5;
/// The same points again, unless PICKET_SEED says otherwise.
const SEED: u64 = 20_261_122;

#[test]
fn a_reboot_whose_power_is_cut_at_any_point_succeeds_once() {
    let (cuts, mut dice) = (
        setting("PICKET_POWER_CUTS", CUTS),
        Dice::new(setting("PICKET_SEED", SEED)),
    );
    let key = TestKey::new(1);
    let pi = Pi::builder(Machine::Virt).obeying(&key).start();
    let operator = pi.operator(&key);
    // So long is there something to be cut.
    let whole = cut(&pi, &operator, None);
    say(&format!(
        "virt: {whole:?} for a whole reboot; {cuts} cuts with PICKET_SEED={}",
        dice.seed()
    ));
    for _ in 0..cuts {
        cut(&pi, &operator, Some(whole.mul_f64(dice.fraction())));
    }
}

/// Orders a reboot, cuts the power after a while, and sees to the end; how long the order took.
fn cut(pi: &Pi, operator: &Operator, after: Option<Duration>) -> Duration {
    let (boots, name) = (pi.boots(), pi.id().to_string());
    let (before, start) = (pi.boot_ids(), Instant::now());
    let order = operator.order(&["reboot", &name, "--json"]);
    if let Some(after) = after {
        thread::sleep(after);
        pi.qmp().system_reset();
    }
    let outcome = order.outcome();
    let took = start.elapsed();
    say(&format!(
        "cut after {after:?}: {:?} after {took:?}",
        outcome.states_of(&name)
    ));
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let end = outcome.end_of(&name);
    assert_eq!(end["state"], "succeeded", "{outcome:#?}");
    let boot = end["boot_id"].as_str().expect("the end names its boot");
    assert!(!before.iter().any(|known| known == boot), "{outcome:#?}");
    settles(pi, boots, usize::from(after.is_some()));
    took
}

/// The machine was started for the reboot, the cut, or both, and stays up.
fn settles(pi: &Pi, boots: usize, cuts: usize) {
    let mut seen = pi.watcher().ticks().len();
    eventually("three ticks of one boot arrive", pi.patience(), || {
        let ticks = pi.watcher().ticks();
        let new = &ticks[seen..];
        let last = &new.last()?["boot_id"];
        if let Some(other) = new.iter().rposition(|tick| &tick["boot_id"] != last) {
            seen += other + 1;
        }
        (ticks.len() >= seen + 3).then_some(())
    });
    let started = pi.boots() - boots;
    assert!((1..=1 + cuts).contains(&started), "started {started} times");
}
