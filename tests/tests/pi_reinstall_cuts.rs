//! The power of an emulated Pi is cut while it is reinstalled, in each state and at random points: it comes back in the slot before or in
//! the new one, the operation ends as what runs says, and no half slot is ever booted.
use std::{
    collections::BTreeMap,
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

/// What became of a reinstall: it has succeeded, or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    InTheNewSlot,
    InTheOldSlot,
}

#[test]
fn a_reinstall_whose_power_is_cut_at_any_point_ends_in_a_whole_slot() {
    let seed = setting("PICKET_SEED", SEED);
    let mut dice = Dice::new(seed);
    let points = points(setting("PICKET_POWER_CUTS", CUTS), &mut dice);
    let (key, images) = (TestKey::new(1), Images::serve());
    images.add("small", Content::Small);
    let pi = Pi::builder(Machine::Virt)
        .slots(&[(Slot::A, Fate::Well)])
        .images(&images)
        .obeying(&key)
        .start();
    let mut ended = BTreeMap::<End, u32>::new();
    for point in points {
        // In the middle of the archive it waits for the cut.
        match point {
            Point::State("unpacking") => images.server().hold(Place::Within(500)),
            _ => images.server().go_on(),
        }
        let (before, start) = (pi.runs(), Instant::now());
        let order = pi.reinstall(&key, &images, "small", &[]);
        wait_for(&order, point, start);
        cut(&pi, &images);
        let end = ends(&pi, order, before.trim_end_matches(" trial"), point);
        say(&format!("{point:?}: {:?}, {end:?}", start.elapsed()));
        *ended.entry(end).or_default() += 1;
    }
    say(&format!("PICKET_SEED={seed}: {ended:?}"));
}

/// Cuts the power, and waits until a system has come up: what is typed at a machine that is being started is lost.
fn cut(pi: &Pi, images: &Images) {
    pi.firmware().power_off();
    images.server().go_on();
    let starts = || pi.console().count("rc: ") + pi.console().count("picket: rescue: ");
    let before = starts();
    pi.firmware().release();
    eventually("a system has come up", 2 * pi.patience(), || {
        (starts() > before).then_some(())
    });
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

/// The operation ends, and the Pi is ready for the next in the slot that its end means.
fn ends(pi: &Pi, order: Order, before: &str, point: Point) -> End {
    let outcome = order.outcome();
    let (same, other) = if before == "a" {
        ("a", "b")
    } else {
        ("b", "a")
    };
    let end = match outcome.end_of(&pi.id().to_string())["state"].as_str() {
        Some("succeeded") => End::InTheNewSlot,
        Some("failed") => End::InTheOldSlot,
        _ => panic!("{point:?}: {outcome:#?}"),
    };
    let (slot, other) = match end {
        End::InTheNewSlot => (other, same),
        End::InTheOldSlot => (same, other),
    };
    eventually(
        "one slot is active, and the other is gone",
        pi.patience(),
        || {
            let record = pi.boot_record();
            let left = |stage: &str| pi.export().join(&format!("slots/{stage}")).exists();
            let gone = !left(&format!("{other}.new")) && !left(&format!("{other}.old"));
            (record.trial.is_none() && record.active.to_string() == slot && gone && left(slot))
                .then_some(())
        },
    );
    let runs = pi.runs();
    assert_eq!(
        runs.trim_end_matches(" trial"),
        slot,
        "{point:?}: {outcome:#?}"
    );
    end
}
