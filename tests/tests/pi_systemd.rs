//! An emulated Pi with Debian's systemd on its NFS root: it outlives its server, and it reboots on order, also while the server
//! hangs and systemd with it.
use std::{
    thread,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    operator::Order,
    pi::{Hang, Machine, Pi, Root},
    say,
};

/// Process 1 freezes with its root, and then the agent is there and gives it 10 s; or it stops the agent and hangs after that, and then
/// the guard gives it 15 s. Then the disks get 2 s, and the kernel resets at once. On the guest's own clock, from a tick on that is up
/// to 2 s older than the order; on a root that answers it would be 92 s and more.
const DOWN: Duration = Duration::from_secs(30);
/// The same on this machine's clock, busy or not.
const PATIENCE: Duration = Duration::from_secs(80);
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
fn a_systemd_root_outlives_its_server_and_is_reset_while_it_hangs_and_has_succeeded_once_it_is_back()
 {
    let bed = Bed::start();
    Hang::Line.is_survived(&bed.pi, &bed.key, Duration::from_secs(1));
    bed.pi.ganesha().stop();
    thread::sleep(Duration::from_secs(3));
    let begin = Instant::now();
    let ordered = last_tick(&bed.pi);
    let order = bed.order();
    eventually("the guest resets", PATIENCE, || {
        (bed.pi.boots() == 2).then_some(())
    });
    took("order to reset while the server hangs", begin);
    let down = reset(&bed.pi).saturating_sub(ordered);
    say(&format!("systemd on virt: {down:?} of that in the guest"));
    assert!(down < DOWN, "{down:?}");
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

/// When the guest made the last tick that came, on its own clock.
fn last_tick(pi: &Pi) -> Duration {
    let ticks = pi.watcher().ticks();
    let at = ticks.last().and_then(|tick| tick["boottime_ms"].as_u64());
    Duration::from_millis(at.expect("it has ticked"))
}

/// When its kernel said that it resets, on the same clock.
fn reset(pi: &Pi) -> Duration {
    let text = pi.console().text();
    let mut lines = text.lines().filter(|line| {
        line.contains("reboot: Restarting system") || line.contains("sysrq: Resetting")
    });
    let stamp = lines
        .next()
        .and_then(|line| line.split_once('[')?.1.split_once(']'));
    let seconds = stamp.and_then(|(stamp, _)| stamp.trim().parse().ok());
    Duration::from_secs_f64(seconds.expect("the kernel says when it resets"))
}

fn took(what: &str, since: Instant) {
    say(&format!(
        "systemd on virt: {:?} from {what}",
        since.elapsed()
    ));
}
