//! Orders whose audit log has lines that can't be read: nobody goes on as if they weren't there.
use std::fs;

use picket::demo::broker;

use crate::{
    fake::{Fake, Story},
    operator::Operator,
};

const OPERATION: &str = "000102030405060708090a0b0c0d0e0f";

#[tokio::test]
async fn who_cant_read_what_was_signed_signs_nothing() {
    for (damage, why) in [
        (("\"v\":1", "\"v\":2"), "version 2"),
        (("\"entry\":\"signed\"", "\"entry\":"), "expected value"),
    ] {
        let broker = broker::start().unwrap();
        let anna = Operator::new(1);
        let order = left_behind(&anna, broker).await;
        let text = fs::read_to_string(anna.path("audit")).unwrap();
        let lines =
            text.split_inclusive('\n')
                .map(|line| match line.contains("\"entry\":\"signed\"") {
                    true => line.replace(damage.0, damage.1),
                    false => line.to_owned(),
                });
        let damaged: String = lines.collect();
        fs::write(anna.path("audit"), &damaged).unwrap();
        let in_another_boot =
            Fake::start_in_boot(broker, (1, 2), anna.key.clone(), Story::Good).await;
        for words in [format!("resume {OPERATION}"), order] {
            let outcome = anna.order(broker, &words).await;
            assert_eq!(
                (outcome.code, in_another_boot.reboots()),
                (Some(2), 0),
                "{words}: {outcome:#?}"
            );
            let path = anna.path("audit").display().to_string();
            for told in [&path, "line 2 ", why, "repair that line", "without --op-id"] {
                assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
            }
            let after = fs::read_to_string(anna.path("audit")).unwrap();
            assert_eq!(after, damaged, "nothing is written down");
        }
    }
}

#[tokio::test]
async fn a_torn_last_line_holds_nobody_up() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    left_behind(&anna, broker).await;
    let mut text = fs::read_to_string(anna.path("audit")).unwrap();
    text.truncate(text.len() - 10);
    fs::write(anna.path("audit"), text).unwrap();
    let in_another_boot = Fake::start_in_boot(broker, (1, 2), anna.key.clone(), Story::Good).await;
    let outcome = anna.order(broker, &format!("resume {OPERATION}")).await;
    assert_eq!(
        (outcome.code, in_another_boot.reboots()),
        (Some(0), 0),
        "{outcome:#?}"
    );
    assert!(outcome.stderr.contains("torn: "), "{}", outcome.stderr);
}

/// The order of a reboot that was signed, and of whose end nothing was heard.
async fn left_behind(anna: &Operator, broker: std::net::SocketAddr) -> String {
    let silent = Fake::start(broker, 1, anna.key.clone(), Story::Silent).await;
    let order = format!("reboot {} --timeout 2s --op-id {OPERATION}", silent.device);
    let outcome = anna.order(broker, &order).await;
    assert_eq!(outcome.code, Some(13), "{outcome:#?}");
    order
}
