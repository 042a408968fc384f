//! The emulated Pi boots from NFS, its agent is heard, and reboots on order.
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    operator::{Operator, Outcome},
    pi::{Machine, Pi},
    say,
};

/// Less than it takes a Pi to come back, so that nobody cuts its power meanwhile.
const SILENCE: Duration = Duration::from_secs(15);
/// Twice that: its power is cut then, and it has as long once more.
const IMPATIENT: &str = "30s";
/// Time enough to come back, also on a busy machine.
const PATIENT: &str = "75s";

#[test]
fn a_pi_on_an_nfs_root_is_heard_and_reboots_on_order() {
    reboots_on_order(Machine::Virt);
}

#[test]
fn a_pi_that_does_not_come_back_ends_in_power_cycle_and_advice() {
    let bed = Dark::start();
    let outcome = bed.reboot();
    assert_eq!(outcome.code, Some(13), "{outcome:#?}");
    let name = bed.pi.id().to_string();
    let states = outcome.states_of(&name);
    for state in ["rebooting", "power_cycling", "power_cycled", "timed_out"] {
        assert!(states.contains(&state), "no {state} in {states:?}");
    }
    let end = outcome.end_of(&name);
    let advice = end["detail"].as_str().unwrap_or_default();
    assert!(
        advice.contains("not even after its power was cut"),
        "{end:#}"
    );
    assert_eq!(fs::read_to_string(&bed.switched).unwrap_or_default(), name);
    // Somebody mended its boot server.
    bed.pi.firmware().release();
    let operation = end["operation"].as_str().expect("a line names it");
    let resume = ["resume", operation, "--timeout", PATIENT, "--json"];
    let outcome = bed.operator.run(&resume);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(bed.pi.boots(), 2, "{outcome:#?}");
}

#[test]
fn a_pi_whose_power_is_cycled_comes_back_and_has_succeeded() {
    let bed = Dark::start();
    let order = bed.order(PATIENT);
    eventually("its power is cycled", 20 * SILENCE, || {
        bed.switched.exists().then_some(())
    });
    bed.pi.firmware().release();
    let outcome = order.outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let end = outcome.end_of(&bed.pi.id().to_string());
    let boot = &bed.pi.wait_for_tick_of_boot(2)["boot_id"];
    assert_eq!(&end["boot_id"], boot, "{outcome:#?}");
    assert_eq!(bed.pi.boots(), 2);
}

fn reboots_on_order(machine: Machine) {
    let key = TestKey::new(1);
    let start = Instant::now();
    let pi = Pi::builder(machine).obeying(&key).start();
    say(&format!(
        "{machine:?}: {:?} from power to the first tick",
        start.elapsed()
    ));
    let (start, name) = (Instant::now(), pi.id().to_string());
    let outcome = pi
        .operator(&key)
        .run(&["reboot", &name, "--wait", "--json"]);
    say(&format!(
        "{machine:?}: {:?} from the order to its end",
        start.elapsed()
    ));
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let boot = &pi.wait_for_tick_of_boot(2)["boot_id"];
    let end = outcome.end_of(&name);
    assert_eq!(
        (&end["state"], &end["boot_id"]),
        (&"succeeded".into(), boot)
    );
    assert_eq!(pi.boots(), 2);
}

/// A Pi whose boot ROM will find no server from now on, and an operator with a switch.
struct Dark {
    pi: Pi,
    operator: Operator,
    /// The switch was told this Pi's id.
    switched: PathBuf,
}

impl Dark {
    fn start() -> Self {
        let key = TestKey::new(1);
        let pi = Pi::builder(Machine::Virt).obeying(&key).start();
        let switched = pi.folder().join("switched");
        let fleet = format!(
            "[[pi]]\nid = \"{}\"\nname = \"pi\"\npower_cycle = [\"sh\", \"-c\", 'printf %s \"$0\" >\"$1\"', \"{{id}}\", {switched:?}]\n",
            pi.id()
        );
        let operator = pi.operator(&key).with_fleet(&fleet).with_silence(SILENCE);
        pi.firmware().hold();
        Self {
            pi,
            operator,
            switched,
        }
    }

    fn order(&self, timeout: &str) -> picket_tests::operator::Order {
        let name = self.pi.id().to_string();
        self.operator
            .order(&["reboot", &name, "--timeout", timeout, "--json"])
    }

    fn reboot(&self) -> Outcome {
        self.order(IMPATIENT).outcome()
    }
}
