//! The real `picket` gives orders to agents that are not there, over a broker in this process: what it says, what it writes down,
//! how it exits, and how often each machine went down.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
mod fake;
mod full_disk;
mod kinds;
mod line;
mod operator;
mod rolls;
mod unheard;
mod unreadable;

use fake::{Fake, Story, device};
use operator::Operator;
use picket::demo::broker;

#[tokio::test]
async fn a_reboot_is_proven_by_another_boot_and_written_down() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let fake = Fake::start(broker, 1, anna.key.clone(), Story::Good).await;
    let words = format!(
        "reboot {} --reason kernel --op-id 000102030405060708090a0b0c0d0e0f",
        fake.device
    );
    let outcome = anna.order(broker, &words).await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(
        outcome.states(fake.device),
        ["offered", "accepted", "rebooting", "succeeded"]
    );
    assert_eq!(fake.reboots(), 1);
    let last = outcome.last(fake.device);
    assert_eq!(last["boot_id"], "02020202-0202-0202-0202-020202020202");
    assert_eq!((&last["by"], &last["final"]), (&"pi".into(), &true.into()));
    let entries: Vec<_> = anna
        .log()
        .iter()
        .map(|line| line["entry"].to_string())
        .collect();
    let expect = [
        "ordered",
        "signed",
        "transition",
        "transition",
        "transition",
        "settled",
        "ended",
    ];
    assert_eq!(entries, expect.map(|entry| format!("{entry:?}")));
    let ordered = &anna.log()[0];
    assert_eq!(
        (&ordered["actor"], &ordered["reason"]),
        (&"anna@example".into(), &"kernel".into())
    );
    let again = anna.order(broker, &words).await;
    assert_eq!(
        (again.code, fake.reboots()),
        (Some(0), 1),
        "one id is one order: {again:#?}"
    );
}

#[tokio::test]
async fn each_way_of_failing_has_its_exit_code_and_words() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    for (number, story, code, state, words) in [
        (1, Story::Busy, 10, "refused", "picket query"),
        (2, Story::Liar, 13, "timed_out", "has not ended it"),
        (3, Story::Dead, 13, "timed_out", "did not come back"),
        (4, Story::Silent, 13, "timed_out", "picket resume"),
    ] {
        let fake = Fake::start(broker, number, anna.key.clone(), story).await;
        let outcome = anna
            .order(broker, &format!("reboot {} --timeout 4s", fake.device))
            .await;
        assert_eq!(outcome.code, Some(code), "{story:?}: {outcome:#?}");
        let last = outcome.last(fake.device);
        assert_eq!(last["state"], state, "{story:?}: {outcome:#?}");
        let detail = last["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{story:?}: {detail}");
        let is_disbelieved = outcome.states(fake.device).contains(&"disbelieved");
        assert_eq!(is_disbelieved, story == Story::Liar, "{outcome:#?}");
    }
    let outcome = anna
        .order(broker, &format!("reboot {} --timeout 8s", device(99)))
        .await;
    assert_eq!(outcome.code, Some(13), "{outcome:#?}");
    assert_eq!(outcome.states(device(99)), ["waiting", "timed_out"]);
}
