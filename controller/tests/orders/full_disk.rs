//! A disk that gets full while an order is written down: what isn't durable is not sent.
use std::fs;

use picket::demo::broker;

use crate::{
    fake::{Fake, Story},
    operator::Operator,
};

#[tokio::test]
async fn what_can_not_be_written_down_is_not_sent() {
    let broker = broker::start().unwrap();
    let lengths = lengths(&Operator::new(1)).await;
    let (ordered, signed) = (lengths[0], lengths[1]);
    for (number, room, whole) in [
        (2, 0, 0),
        (3, ordered / 2, 0),
        // Times have more or fewer digits.
        (4, ordered + 40, 1),
        (5, ordered + signed / 2, 1),
    ] {
        let anna = Operator::new(1);
        let fake = Fake::start(broker, number, anna.key.clone(), Story::Good).await;
        let words = format!("reboot {} --timeout 20s", fake.device);
        let outcome = anna.start_on_a_small_disk(broker, &words, room).end().await;
        assert_eq!(outcome.code, Some(11), "{room}: {outcome:#?}");
        let path = anna.path("audit").display().to_string();
        assert!(outcome.stderr.contains(&path), "{room}: {outcome:#?}");
        assert!(outcome.stderr.contains("can't be written"), "{outcome:#?}");
        let seen = fake.seen.lock().unwrap().commands;
        assert_eq!((seen, fake.reboots()), (0, 0), "{room}");
        // What the disk took of the line that failed was taken back.
        assert_eq!(anna.log().len(), whole, "{room}");
        let more = anna.order(broker, &words).await;
        assert_eq!((more.code, fake.reboots()), (Some(0), 1), "{more:#?}");
    }
}

/// The lengths of the log's lines, of an order that goes well.
async fn lengths(anna: &Operator) -> Vec<u64> {
    let broker = broker::start().unwrap();
    let fake = Fake::start(broker, 1, anna.key.clone(), Story::Good).await;
    let words = format!("reboot {} --timeout 20s", fake.device);
    assert_eq!(anna.order(broker, &words).await.code, Some(0));
    let text = fs::read_to_string(anna.path("audit")).unwrap();
    let lines = text.split_inclusive('\n');
    lines.map(|line| line.len() as u64).collect()
}
