//! The other commands, two operators at once, and Pis that aren't there.
use picket::demo::broker;
use picket_proto::Action;

use crate::{
    fake::{Fake, Story, device},
    operator::Operator,
};

const OPERATION: &str = "000102030405060708090a0b0c0d0e0f";

#[tokio::test]
async fn identify_configure_cancel_and_query_reach_their_pi_with_their_values() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let fake = Fake::start(broker, 1, anna.key.clone(), Story::Good).await;
    let pi = fake.device;
    for words in [
        format!("identify {pi} --for 2m"),
        format!("configure {pi} --sample-every 1s --window 10s"),
        format!("configure {pi} --reset"),
        format!("identify {pi} --for 0s --op-id {OPERATION}"),
        format!("cancel {OPERATION}"),
        format!("cancel {OPERATION} {pi}"),
    ] {
        let outcome = anna.order(broker, &words).await;
        assert_eq!(outcome.code, Some(0), "{words}: {outcome:#?}");
        assert_eq!(
            outcome.states(pi),
            ["offered", "accepted", "succeeded"],
            "{words}"
        );
    }
    let configure = |sample_every_ms, window_ms| Action::Configure {
        sample_every_ms,
        window_ms,
    };
    let operation = OPERATION.parse().unwrap();
    let expect = [
        Action::Identify { seconds: 120 },
        configure(Some(1_000), Some(10_000)),
        configure(None, None),
        Action::Identify { seconds: 0 },
        Action::Cancel { operation },
        Action::Cancel { operation },
    ];
    assert_eq!(fake.seen.lock().unwrap().done, expect);
}

#[tokio::test]
async fn a_query_tells_the_operation_that_it_found() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let fake = Fake::start(broker, 1, anna.key.clone(), Story::Good).await;
    let pi = fake.device;
    let unknown = anna.order(broker, &format!("query {OPERATION} {pi}")).await;
    assert_eq!(
        (unknown.code, &unknown.last(pi)["reason"]),
        (Some(10), &"unknown_operation".into())
    );
    let words = format!("identify {pi} --op-id {OPERATION}");
    assert_eq!(anna.order(broker, &words).await.code, Some(0));
    for words in [
        format!("query {pi}"),
        format!("query {OPERATION}"),
        format!("query {OPERATION} {pi}"),
    ] {
        let found = anna.order(broker, &words).await;
        assert_eq!(found.code, Some(0), "{words}: {found:#?}");
        let answer = found.lines.iter().find(|line| line["about"] == OPERATION);
        assert_eq!(answer.unwrap()["state"], "succeeded", "{words}: {found:#?}");
    }
}

#[tokio::test]
async fn of_two_operators_at_once_one_learns_that_the_nonce_was_used_and_both_come_through() {
    let broker = broker::start().unwrap();
    let operators = [Operator::new(1), Operator::new(1)];
    let fake = Fake::start(broker, 1, operators[0].key.clone(), Story::Good).await;
    for round in 0..3 {
        let words = format!("identify {} --for {}s", fake.device, round + 1);
        let (one, other) = tokio::join!(
            operators[0].order(broker, &words),
            operators[1].order(broker, &words)
        );
        assert_eq!(
            (one.code, other.code),
            (Some(0), Some(0)),
            "{one:#?} {other:#?}"
        );
    }
    assert_eq!(fake.seen.lock().unwrap().done.len(), 6);
    let words = format!("reboot {}", fake.device);
    let (one, other) = tokio::join!(
        operators[0].order(broker, &words),
        operators[1].order(broker, &words)
    );
    assert_eq!(
        (one.code, other.code),
        (Some(0), Some(0)),
        "{one:#?} {other:#?}"
    );
    assert!(
        (1..=2).contains(&fake.reboots()),
        "each was a wish for another boot"
    );
}

#[tokio::test]
async fn a_pi_that_is_not_there_gets_its_command_when_it_comes() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let mut running = anna.start(broker, &format!("reboot {}", device(1)));
    running.told("waiting", 1).await;
    let fake = Fake::start(broker, 1, anna.key.clone(), Story::Good).await;
    let outcome = running.end().await;
    assert_eq!((outcome.code, fake.reboots()), (Some(0), 1), "{outcome:#?}");
}

#[tokio::test]
async fn who_resumes_an_order_signs_as_himself_if_he_says_so() {
    let broker = broker::start().unwrap();
    let mut anna = Operator::new(1);
    let operation = "0c".repeat(16);
    let words = format!("reboot {} --op-id {operation} --timeout 1s", device(1));
    assert_eq!(anna.order(broker, &words).await.code, Some(13));
    let resume = format!("resume {operation} --timeout 1s");
    for (actor, option, expect) in [
        (None, "", "anna@example"),
        (Some("bert"), "", "bert"),
        (Some("bert"), "--actor carl", "carl"),
    ] {
        anna.actor = actor;
        let outcome = anna.order(broker, &format!("{resume} {option}")).await;
        assert_eq!(outcome.code, Some(13), "{outcome:#?}");
        let mut log = anna.log().into_iter().rev();
        let resumed = log.find(|line| line["entry"] == "resumed").unwrap();
        assert_eq!(resumed["actor"], expect);
    }
}

#[tokio::test]
async fn without_waiting_it_ends_with_the_first_word() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    for (number, story, code, state) in [
        (1, Story::Silent, 0, "accepted"),
        (2, Story::Busy, 10, "refused"),
    ] {
        let fake = Fake::start(broker, number, anna.key.clone(), story).await;
        let outcome = anna
            .order(broker, &format!("reboot {} --no-wait", fake.device))
            .await;
        assert_eq!(outcome.code, Some(code), "{outcome:#?}");
        assert_eq!(outcome.states(fake.device), ["offered", state]);
    }
}

#[tokio::test]
async fn a_pi_that_does_not_come_back_has_its_power_cut() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let fake = Fake::start(broker, 1, anna.key.clone(), Story::Dead).await;
    let pi = fake.device;
    let path = anna.fleet(&format!(
        "[[pi]]\nid = \"{pi}\"\nname = \"web\"\nshelf = \"3\"\npower_cycle = [\"sh\", \"-c\", \"echo port $0 off and on\", \"{{shelf}}\"]\n"
    ));
    let mut running = anna.start(
        broker,
        &format!("reboot web --timeout 3s --fleet {}", path.display()),
    );
    running.told("power_cycled", 1).await;
    drop(fake);
    let other_boot = Fake::start_in_boot(broker, (1, 2), anna.key.clone(), Story::Good).await;
    let outcome = running.end().await;
    assert_eq!(
        (outcome.code, other_boot.reboots()),
        (Some(0), 0),
        "{outcome:#?}"
    );
    let cycled = outcome
        .lines
        .iter()
        .find(|line| line["state"] == "power_cycled")
        .unwrap();
    assert!(
        cycled["detail"]
            .as_str()
            .unwrap()
            .ends_with("exit status: 0: port 3 off and on"),
        "{cycled}"
    );
    let log = anna.log();
    let at = |entry: &str| log.iter().position(|line| line["entry"] == entry).unwrap();
    let (begun, entry) = (at("power_cycling"), at("power_cycled"));
    assert!(begun < entry, "it is written down before it is done");
    let (begun, entry) = (&log[begun], &log[entry]);
    assert_eq!(
        (&begun["device"], &begun["argv"]),
        (&entry["device"], &entry["argv"])
    );
    assert_eq!(
        (&entry["argv"][3], &entry["result"]),
        (&"3".into(), &"ended with exit status: 0".into())
    );
}

#[tokio::test]
async fn what_is_wrong_on_the_command_line_is_exit_code_2_and_nothing_is_written_down() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    for (words, told) in [
        ("reboot", "name Pis"),
        ("reboot web", "--fleet"),
        ("reboot 0000000000000001 --actor a,b", "--actor"),
        ("reboot 0000000000000001 --op-id 12", "32 hex digits"),
        (
            "reboot 0000000000000001 --max-in-flight 0",
            "--max-in-flight",
        ),
        ("identify 0000000000000001 --for 500ms", "whole seconds"),
        (
            "configure 0000000000000001",
            "<--sample-every <DURATION>|--window <DURATION>|--reset>",
        ),
        ("cancel 000102030405060708090a0b0c0d0e0f", "name them"),
        ("resume 000102030405060708090a0b0c0d0e0f", "picket ops"),
    ] {
        let outcome = anna.order(broker, words).await;
        assert_eq!(outcome.code, Some(2), "{words}: {outcome:#?}");
        assert!(outcome.stderr.contains(told), "{words}: {}", outcome.stderr);
        assert!(!anna.path("audit").exists(), "{words}");
    }
    let fake = Fake::start(broker, 1, anna.key.clone(), Story::Good).await;
    let words = format!("identify {} --op-id {OPERATION}", fake.device);
    assert_eq!(anna.order(broker, &words).await.code, Some(0));
    for words in [
        format!("reboot {} --op-id {OPERATION}", fake.device),
        format!("identify {} --op-id {OPERATION}", device(2)),
    ] {
        let outcome = anna.order(broker, &words).await;
        assert_eq!(outcome.code, Some(2), "{words}: {outcome:#?}");
        assert!(
            outcome.stderr.contains("--op-id was used for"),
            "{}",
            outcome.stderr
        );
    }
    std::fs::remove_file(anna.path("key")).unwrap();
    let outcome = anna.order(broker, &format!("reboot {}", fake.device)).await;
    assert_eq!((outcome.code, fake.reboots()), (Some(2), 0), "{outcome:#?}");
    assert!(outcome.stderr.contains("/key"), "{}", outcome.stderr);
}
