//! Orders whose operator listens no more.
use picket::demo::broker;

use crate::{
    fake::{Fake, Story, device},
    operator::Operator,
};

#[tokio::test]
async fn an_order_that_nobody_listens_to_is_left_and_not_called_a_success() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let first = Fake::start(broker, 1, anna.key.clone(), Story::Silent).await;
    let second = Fake::start(broker, 2, anna.key.clone(), Story::Silent).await;
    let words = format!("reboot {} {} --stagger 2s", first.device, second.device);
    let mut running = anna.start(broker, &words);
    running.told("accepted", 1).await;
    running.hang_up();
    let outcome = running.end().await;
    assert_eq!(outcome.code, Some(14), "{outcome:#?}");
    assert!(outcome.stderr.contains("`picket resume "), "{outcome:#?}");
    let log = anna.log();
    let last = log.last().unwrap();
    assert_eq!(
        (&last["entry"], &last["exit"]),
        (&"ended".into(), &14.into())
    );
}

#[tokio::test]
async fn what_cuts_a_pis_power_comes_to_its_end_though_nobody_listens() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let fake = Fake::start(broker, 1, anna.key.clone(), Story::Dead).await;
    let (id, go, on) = (fake.device, anna.path("go"), anna.path("on"));
    let made = std::process::Command::new("mkfifo").arg(&go).status();
    assert!(made.unwrap().success());
    let script = format!("read line < {}; echo on > {}", go.display(), on.display());
    let inventory = anna.fleet(&format!(
        "[[pi]]\nid = \"{id}\"\npower_cycle = [\"sh\", \"-c\", \"{script}\"]\n[[pi]]\nid = \"{}\"\n",
        device(2)
    ));
    let inventory = inventory.display();
    let words = format!("reboot --all --timeout 3s --stagger 5s --fleet {inventory}");
    let mut running = anna.start(broker, &words);
    running.told("power_cycling", 1).await;
    running.hang_up();
    // The other Pi times out, and the words about it find nobody.
    running.noted("power_cycle").await;
    std::fs::write(go, "go\n").unwrap();
    let outcome = running.end().await;
    assert_eq!(outcome.code, Some(14), "{outcome:#?}");
    assert_eq!(std::fs::read_to_string(on).unwrap(), "on\n");
}
