//! Every command from the operator's command line to the machine and back: the real picket, a real Mosquitto, the real picketd.
use std::time::Duration;

use picket_proto::{DeviceId, Message, Status};
use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    fleet::{Make, Shelf},
    init::Init,
    operator::{Operator, Outcome},
    raw_operator::RawOperator,
};

const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn periods_are_configured_and_kept_over_a_crash_and_a_reboot() {
    let bed = Bed::start();
    let outcome = bed.run(&[
        "configure",
        "pi-01",
        "--sample-every",
        "1s",
        "--window",
        "5s",
    ]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    bed.wait_for_periods(1_000, 5_000);
    let crashes = bed.init().crashes();
    bed.init().with_agent(|agent| agent.process().kill());
    eventually("the agent is started again", DEADLINE, || {
        (bed.init().crashes() > crashes).then_some(())
    });
    bed.raw.ping(bed.device);
    bed.wait_for_periods(1_000, 5_000);
    assert_eq!(bed.run(&["reboot", "pi-01"]).code, Some(0));
    bed.wait_for_periods(1_000, 5_000);
    assert_eq!(bed.run(&["configure", "pi-01", "--reset"]).code, Some(0));
    bed.wait_for_periods(2_000, 10_000);
    let outcome = bed.run(&["configure", "pi-01", "--sample-every", "1h"]);
    assert_eq!(outcome.code, Some(10), "{outcome:#?}");
    assert_eq!(
        outcome.end_of(&bed.device.to_string())["reason"],
        "out_of_range"
    );
}

#[test]
fn the_lamp_of_one_machine_blinks_and_is_what_it_was_afterwards() {
    let bed = Bed::start();
    let before = bed.init().tree().led();
    let order = bed
        .operator
        .order(&["identify", "pi-01", "--for", "3s", "--json"]);
    eventually("the lamp is taken", DEADLINE, || {
        (bed.init().tree().led() != before).then_some(())
    });
    let outcome = order.outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    eventually("the lamp is given back", DEADLINE, || {
        bed.lamp_is_back().then_some(())
    });
    // Ended before its time, and at a stop.
    assert_eq!(
        bed.run(&["identify", "pi-01", "--for", "10m"]).code,
        Some(0)
    );
    eventually("the lamp is taken", DEADLINE, || {
        (!bed.lamp_is_back()).then_some(())
    });
    assert_eq!(bed.run(&["identify", "pi-01", "--for", "0s"]).code, Some(0));
    eventually("the lamp is given back", DEADLINE, || {
        bed.lamp_is_back().then_some(())
    });
    // A killed agent gives it back when it is started again.
    assert_eq!(
        bed.run(&["identify", "pi-01", "--for", "10m"]).code,
        Some(0)
    );
    eventually("the lamp is taken", DEADLINE, || {
        (!bed.lamp_is_back()).then_some(())
    });
    bed.init().with_agent(|agent| agent.process().kill());
    eventually("the lamp is given back", DEADLINE, || {
        bed.lamp_is_back().then_some(())
    });
}

#[test]
fn an_operation_is_queried_and_cancelled_by_its_number() {
    let bed = Bed::start();
    let nobodys = "00112233445566778899aabbccddeeff";
    for ask in [["query", nobodys, "pi-01"], ["cancel", nobodys, "pi-01"]] {
        let outcome = bed.run(&ask);
        assert_eq!(outcome.code, Some(10), "{outcome:#?}");
        assert_eq!(
            outcome.end_of(&bed.device.to_string())["reason"],
            "unknown_operation"
        );
    }
    let operation = "4f1c9a07d25e43b88e610bf7c32a9510";
    let configured = [
        "configure",
        "pi-01",
        "--window",
        "20s",
        "--op-id",
        operation,
    ];
    assert_eq!(bed.run(&configured).code, Some(0));
    let outcome = bed.run(&["query", operation]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let told = outcome
        .lines
        .iter()
        .any(|line| line["state"] == "succeeded");
    assert!(told, "{outcome:#?}");
    let outcome = bed.run(&["cancel", operation]);
    assert_eq!(outcome.code, Some(10), "{outcome:#?}");
    assert_eq!(
        outcome.end_of(&bed.device.to_string())["reason"],
        "too_late"
    );
    // The same order once more is the same operation.
    assert_eq!(bed.run(&configured).code, Some(0));
    let status = bed.status();
    assert_eq!(
        status.last_operation.map(|id| id.to_string()).as_deref(),
        Some(operation)
    );
}

#[test]
fn an_agent_without_signers_only_observes() {
    let shelf = Shelf::start(1, &Make::default());
    let operator = Operator::new(
        "anna",
        &TestKey::new(1),
        &shelf.broker.url(),
        shelf.folder.path(),
    )
    .with_fleet(&shelf.inventory());
    for order in [
        ["reboot", "pi-01"],
        ["configure", "--reset"],
        ["identify", "pi-01"],
    ] {
        let outcome = operator.run(&[&order[..], &["pi-01", "--json"]].concat());
        assert_eq!(outcome.code, Some(10), "{outcome:#?}");
        let (device, _) = shelf.first();
        assert_eq!(outcome.end_of(&device.to_string())["reason"], "no_signers");
    }
    assert_eq!(shelf.reboots(), [0]);
}

#[test]
fn a_user_of_the_pi_may_ask_for_no_reboot_unless_it_is_forced() {
    let bed = Bed::start();
    bed.init()
        .tree()
        .add("run/picket/inhibit", "a backup runs until 18:00\n");
    let outcome = bed.run(&["reboot", "pi-01"]);
    assert_eq!(outcome.code, Some(10), "{outcome:#?}");
    let end = outcome.end_of(&bed.device.to_string());
    assert_eq!(end["reason"], "inhibited");
    let detail = end["detail"].as_str().expect("it says why");
    assert!(detail.contains("a backup runs until 18:00"), "{detail}");
    assert_eq!(bed.init().boots().reboots(), 0);
    assert_eq!(bed.run(&["reboot", "pi-01", "--force"]).code, Some(0));
    assert_eq!(bed.init().boots().reboots(), 1);
}

/// One machine and its operator.
struct Bed {
    operator: Operator,
    raw: RawOperator,
    shelf: Shelf,
    device: DeviceId,
}

impl Bed {
    fn start() -> Self {
        let key = TestKey::new(1);
        let shelf = Shelf::empty();
        let raw = RawOperator::connect(shelf.broker.address(), &key, "anna");
        let mut bed = Self {
            operator: Operator::new("anna", &key, &shelf.broker.url(), shelf.folder.path()),
            raw,
            device: picket_tests::fleet::device(1),
            shelf,
        };
        bed.shelf.switch_on(1, &Make::obeying(key.line("anna")));
        bed.operator = bed.operator.with_fleet(&bed.shelf.inventory());
        bed
    }

    fn init(&self) -> &Init {
        self.shelf.first().1
    }

    fn run(&self, order: &[&str]) -> Outcome {
        self.operator.run(&[order, &["--json"]].concat())
    }

    fn lamp_is_back(&self) -> bool {
        let led = self.init().tree().led();
        !led.contains("[timer]") && !led.starts_with("timer") && led.contains("mmc0")
    }

    /// The last status.
    fn status(&self) -> Status {
        let statuses = self.raw.heard(|heard| match &heard.message {
            Message::Status(status) => Some(status.clone()),
            _ => None,
        });
        statuses.last().cloned().unwrap_or_default()
    }

    fn wait_for_periods(&self, sample_every_ms: u32, window_ms: u32) {
        let wanted = (Some(sample_every_ms), Some(window_ms));
        eventually(&format!("the periods {wanted:?}"), DEADLINE, || {
            let status = self.status();
            ((status.sample_every_ms, status.window_ms) == wanted).then_some(())
        });
    }
}
