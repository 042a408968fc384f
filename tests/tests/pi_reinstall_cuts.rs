//! The power of an emulated Pi is cut while it is reinstalled, in each state and at random points: it comes back in the slot before or in
//! the new one, the operation ends as what runs says, and no half slot is ever booted.
use std::{
    thread,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use picket_tests::{
    dice::{Dice, setting},
    eventually,
    image_server::Place,
    operator::Order,
    pi::{Content, Fate, Images, Machine, Pi},
    say,
};
use picketd::slots::Slot;

/// How many, unless PICKET_POWER_CUTS says otherwise.
const CUTS: u64 = 5;
/// The same points again, unless PICKET_SEED says otherwise.
const SEED: u64 = 20_261_122;
/// Random points are within that time of the order: what a reinstall takes on a machine with both processors busy.
const RANGE: Duration = Duration::from_secs(30);
/// In their order. A short sample takes them from the places that differ most.
const STATES: [&str; 11] = [
    "preflight",
    "fetching",
    "unpacking",
    "sealed",
    "personalised",
    "staged",
    "armed",
    "rebooting",
    "trial",
    "committed",
    "cleaning",
];
const FIRST: [&str; 4] = ["unpacking", "armed", "trial", "committed"];

/// When the power is cut.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// As soon as that state, or one after it, is told.
    State(&'static str),
    /// So long after the order.
    After(Duration),
}

#[test]
fn a_reinstall_whose_power_is_cut_at_any_point_ends_in_a_whole_slot() {
    let mut dice = Dice::new(setting("PICKET_SEED", SEED));
    let points = points(setting("PICKET_POWER_CUTS", CUTS), &mut dice);
    let (key, images) = (TestKey::new(1), Images::serve());
    images.add("small", Content::Small);
    let pi = Pi::builder(Machine::Virt)
        .slots(&[(Slot::A, Fate::Well)])
        .images(&images)
        .obeying(&key)
        .start();
    for point in points {
        // In the middle of the archive it waits for the cut.
        match point {
            Point::State("unpacking") => images.server().hold(Place::Within(500)),
            _ => images.server().go_on(),
        }
        let (before, start) = (pi.runs(), Instant::now());
        let order = pi.reinstall(&key, &images, "small", &[]);
        wait_for(&order, point, start);
        pi.qmp().system_reset();
        images.server().go_on();
        ends(&pi, order, before.trim_end_matches(" trial"), point);
        say(&format!("{point:?}: {:?}", start.elapsed()));
    }
}

/// The states that differ most, then a random one; then the others, then random ones.
fn points(cuts: u64, dice: &mut Dice) -> Vec<Point> {
    let others = STATES.iter().filter(|state| !FIRST.contains(state));
    let mut random = || Point::After(RANGE.mul_f64(dice.fraction()));
    let mut points: Vec<Point> = FIRST.map(Point::State).into();
    points.push(random());
    points.extend(others.map(|state| Point::State(state)));
    let cuts = usize::try_from(cuts).expect("a number of cuts is small");
    while points.len() < cuts {
        points.push(random());
    }
    points.truncate(cuts);
    points
}

fn wait_for(order: &Order, point: Point, start: Instant) {
    match point {
        Point::After(time) => thread::sleep(time.saturating_sub(start.elapsed())),
        Point::State(wanted) => {
            let at = |state: &str| STATES.iter().position(|known| *known == state);
            let wanted = at(wanted);
            order.wait_for(&format!("{point:?}"), |line| {
                let state = line["state"].as_str().unwrap_or_default();
                at(state) >= wanted || state == "succeeded"
            });
        }
    }
}

/// The operation ends as what runs says, and the Pi is ready for the next.
fn ends(pi: &Pi, order: Order, before: &str, point: Point) {
    let outcome = order.outcome();
    let end = outcome.end_of(&pi.id().to_string());
    let state = end["state"].as_str().expect("an end is a state");
    let after = if before == "a" { "b" } else { "a" };
    eventually(
        "one slot is active, and the other is gone",
        pi.patience(),
        || {
            let record = pi.boot_record();
            let runs = if state == "succeeded" { after } else { before };
            let left = |stage: &str| pi.export().join(&format!("slots/{stage}")).exists();
            let other = if runs == "a" { "b" } else { "a" };
            let gone = !left(&format!("{other}.new")) && !left(&format!("{other}.old"));
            (record.trial.is_none() && record.active.to_string() == runs && gone && left(runs))
                .then_some(())
        },
    );
    assert!(
        matches!(state, "succeeded" | "failed"),
        "{point:?}: {outcome:#?}"
    );
    let runs = pi.runs();
    let expected = if state == "succeeded" { after } else { before };
    assert_eq!(
        runs.trim_end_matches(" trial"),
        expected,
        "{point:?}: {outcome:#?}"
    );
}
