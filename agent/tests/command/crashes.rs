//! The agent dies after each action and before each answer, one at a time and then in pairs, with every fate of the write that is under
//! way, while acks are lost in either order. Each time the order ends, its effect is there once at most, and its operator knows.
use picket_proto::{Action, Reason, State};

use super::{
    operator::{Again, Lost, Operator},
    orders::{CONFIGURE, IDENTIFY, QUERY_LAST, REBOOT, cancel},
    pi::{Pi, Write},
};

const LOSSES: [Lost; 3] = [Lost::Nothing, Lost::Pubacks, Lost::Reports];
const AGAINS: [Again; 3] = [Again::Never, Again::AtOnce, Again::AfterItsReports];
const WRITES: [Write; 4] = [
    Write::Nothing,
    Write::FirstHalf,
    Write::SecondHalf,
    Write::All,
];
/// No order takes fewer steps: connect, ping, pong, offer, report, confirm.
const LEAST_STEPS: usize = 6;
/// So often an operator offers his order in vain before something is wrong.
const ROUNDS: usize = 12;

/// A way for things to go.
#[derive(Debug, Clone, Copy)]
struct Way {
    lost: Lost,
    again: Again,
    write: Write,
}

/// Every way that an action may go; one that is not recorded knows no fates of a write.
fn ways(action: &Action) -> Vec<Way> {
    let writes = match action {
        Action::Configure { .. } => &WRITES[..],
        _ => &WRITES[..1],
    };
    let pairs = LOSSES
        .iter()
        .flat_map(|lost| AGAINS.iter().map(move |again| (*lost, *again)));
    let all = pairs.flat_map(|(lost, again)| {
        let way = move |write: &Write| Way {
            lost,
            again,
            write: *write,
        };
        writes.iter().map(way)
    });
    all.collect()
}

/// One order from its beginning to its end, with deaths after those steps. How many steps it took.
fn run(action: &Action, way: Way, deaths: &[usize]) -> usize {
    let what = format!("{action:?} {way:?} {deaths:?}");
    let mut pi = Pi::new();
    if let Action::Cancel { .. } = action {
        begin_reboot(&mut pi);
    }
    pi.steps = 0;
    pi.dies_at = deaths.iter().copied().collect();
    pi.write = way.write;
    let mut operator = Operator::new(1, action.clone(), way.lost, way.again);
    for _ in 0..ROUNDS {
        if operator.end.is_none() {
            operator.round(&mut pi);
        }
    }
    let Some(end) = operator.end else {
        panic!("{what}: no end after {:?}", operator.seen);
    };
    assert_eq!(pi.deaths, deaths.len(), "{what}");
    let steps = pi.steps;
    check(action, end, pi, &what);
    steps
}

/// What a cancel is to cancel; its preflight waits until the cancel had its chance.
fn begin_reboot(pi: &mut Pi) {
    pi.host_waits = true;
    Operator::new(2, REBOOT, Lost::Nothing, Again::Never).begin(pi);
}

fn check(action: &Action, end: (State, Option<Reason>), mut pi: Pi, what: &str) {
    let succeeded = (State::Succeeded, None);
    let boots = pi.boots.len();
    match action {
        Action::Reboot { .. } => assert_eq!((end, boots), (succeeded, 2), "{what}"),
        Action::Cancel { .. } => {
            // An agent that has died since knows nothing of the other one, which is given up just as well.
            let forgotten = (State::Refused, Some(Reason::UnknownOperation));
            assert!(
                end == succeeded || (end == forgotten && pi.deaths > 0),
                "{what}: {end:?}"
            );
            pi.host_waits = false;
            pi.pass(60_000);
            while pi.answer() {}
            pi.start();
            assert_eq!(pi.boots.len(), 1, "{what}: it rebooted nevertheless");
        }
        Action::Configure { .. } => {
            assert_eq!((end, boots), (succeeded, 1), "{what}");
            assert_eq!(pi.configured.last().unwrap().period_ms(), 1_000, "{what}");
            pi.kill();
            let record = pi.recorded();
            assert_eq!(record.operations.len(), 1, "{what}: {record:?}");
            assert_eq!(record.periods.unwrap().period_ms(), 1_000, "{what}");
        }
        Action::Identify { .. } => {
            assert_eq!((end, boots), (succeeded, 1), "{what}");
            assert!(pi.blinks <= 1 + pi.deaths, "{what}: {} times", pi.blinks);
        }
        _ => assert_eq!((end, boots), (succeeded, 1), "{what}"),
    }
}

#[test]
fn an_agent_that_dies_at_any_step_of_any_action_ends_it_and_does_it_once_at_most() {
    let mut points = 0;
    let mut least = 0;
    for action in [REBOOT, CONFIGURE, IDENTIFY, cancel(2), QUERY_LAST] {
        let mut of_action = 0;
        for way in ways(&action) {
            let steps = run(&action, way, &[]);
            for step in 1..=steps {
                run(&action, way, &[step]);
                of_action += 1;
            }
            least += LEAST_STEPS;
        }
        println!("{action:?}: the agent died at {of_action} points");
        points += of_action;
    }
    println!("the agent died at {points} points");
    assert!(points >= least, "{points} of {least} points");
}

#[test]
fn an_agent_that_dies_twice_ends_what_was_ordered_all_the_same() {
    let mut points = 0;
    for action in [REBOOT, CONFIGURE] {
        let whole = [Write::Nothing, Write::All];
        let plain = |way: &Way| {
            (way.lost, way.again) == (Lost::Nothing, Again::Never) && whole.contains(&way.write)
        };
        for way in ways(&action).into_iter().filter(plain) {
            for first in 1..=run(&action, way, &[]) {
                for second in first + 1..=run(&action, way, &[first]) {
                    run(&action, way, &[first, second]);
                    points += 1;
                }
            }
        }
    }
    println!("the agent died at {points} pairs of points");
    assert!(points >= 3 * LEAST_STEPS * LEAST_STEPS, "{points}");
}
