//! An emulated Pi with Debian's systemd on its NFS root: it reboots on order, also when its server hangs and systemd with it.
use std::{
    thread,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    operator::Order,
    pi::{Machine, Pi, Root},
    say,
};

/// Process 1 freezes with its root, and then the agent is there and gives it 90 s; or it stops the agent and hangs after that, and then
/// the guard gives it 95 s. Then the disks get 2 s, and the kernel resets at once.
const DOWN: Duration = Duration::from_secs(130);
/// For what must not happen.
const QUIET: Duration = Duration::from_secs(10);

#[test]
fn a_systemd_root_reboots_on_order() {
    let bed = Bed::start();
    let begin = Instant::now();
    let end = bed.ends(bed.order());
    took("order to end", begin);
    let boot = &bed.pi.wait_for_tick_of_boot(2)["boot_id"];
    assert_eq!(&end, boot);
    assert_eq!(bed.pi.boots(), 2);
}

#[test]
fn a_systemd_root_whose_server_hangs_is_reset_and_has_succeeded_once_the_server_is_back() {
    let bed = Bed::start();
    bed.pi.ganesha().stop();
    thread::sleep(Duration::from_secs(3));
    let begin = Instant::now();
    let order = bed.order();
    eventually("the guest resets", DOWN, || {
        (bed.pi.boots() == 2).then_some(())
    });
    took("order to reset while the server hangs", begin);
    thread::sleep(QUIET);
    let lines = order.lines();
    assert!(lines.iter().all(|line| line["state"] != "succeeded"));
    bed.pi.ganesha().cont();
    let end = bed.ends(order);
    assert_eq!(&end, &bed.pi.wait_for_tick_of_boot(2)["boot_id"]);
    thread::sleep(QUIET);
    assert_eq!(bed.pi.boots(), 2, "it reboots once");
}

/// A Pi that obeys anna.
struct Bed {
    pi: Pi,
    key: TestKey,
}

impl Bed {
    fn start() -> Self {
        let key = TestKey::new(1);
        let begin = Instant::now();
        let pi = Pi::builder(Machine::Virt)
            .root(Root::Systemd)
            .config("lifeboat = \"required\"")
            .obeying(&key)
            .start();
        let bed = Self { pi, key };
        took("power to the first tick", begin);
        bed
    }

    fn order(&self) -> Order {
        let id = self.pi.id().to_string();
        let operator = self.pi.operator(&self.key);
        operator.order(&["reboot", &id, "--wait", "--timeout", "10m", "--json"])
    }

    /// Waits for the end, which is success, and gives the new boot's id.
    fn ends(&self, order: Order) -> serde_json::Value {
        let outcome = order.outcome();
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        let end = outcome.end_of(&self.pi.id().to_string());
        assert_eq!(end["state"], "succeeded", "{outcome:#?}");
        end["boot_id"].clone()
    }
}

fn took(what: &str, since: Instant) {
    say(&format!(
        "systemd on virt: {:?} from {what}",
        since.elapsed()
    ));
}
