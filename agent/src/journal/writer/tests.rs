//! Tests of the journal's thread, on disks that do as they are told.
use picket_proto::{BootId, OperationId, State as Progress};
use tokio::time::timeout;

use super::*;
use crate::journal::Recorded;

/// What a disk does next, and how it answers.
enum Step {
    Open(Found),
    /// It can't be used afterwards.
    OpenInVain(Found),
    Write(Record, Result<(), Unwritten>),
    TakeBack(bool),
    /// Nothing, until somebody lets it go on.
    Hang(Receiver<()>),
}

/// Does its steps in their order, and panics on anything else.
struct Scripted {
    steps: Vec<Step>,
    is_open: bool,
}

impl Scripted {
    fn next(&mut self) -> Step {
        match self.steps.remove(0) {
            Step::Hang(gate) => {
                gate.recv().unwrap();
                self.next()
            }
            step => step,
        }
    }
}

impl Disk for Scripted {
    fn open(&mut self) -> Found {
        let (found, is_open) = match self.next() {
            Step::Open(found) => (found, true),
            Step::OpenInVain(found) => (found, false),
            _ => panic!("it was opened"),
        };
        self.is_open = is_open;
        found
    }

    fn is_open(&self) -> bool {
        self.is_open
    }

    fn write(&mut self, record: &Record) -> Result<(), Unwritten> {
        match self.next() {
            Step::Write(expected, result) if expected == *record => result,
            _ => panic!("{record:?} was written"),
        }
    }

    fn take_back(&mut self) -> bool {
        match self.next() {
            Step::TakeBack(done) => done,
            _ => panic!("it was taken back"),
        }
    }
}

#[tokio::test]
async fn a_disk_that_hangs_is_unknown_after_5_s_and_resolves_some_day() {
    for (result, outcome) in [
        (Ok(()), Outcome::Written),
        (
            Err(Unwritten::Not("no".to_owned())),
            Outcome::Failed("no".to_owned()),
        ),
    ] {
        let (go_on, gate) = mpsc::channel();
        let mut opened = start(vec![
            Step::Open(new()),
            Step::Hang(gate),
            Step::Write(record(1), result),
            Step::Write(record(2), Ok(())),
        ]);
        let journal = &mut opened.journal;
        tokio::time::pause();
        let start = Instant::now();
        journal.write(record(1)).unwrap();
        // Cancelled, and asked again.
        assert!(
            timeout(Duration::from_secs(3), journal.outcome())
                .await
                .is_err()
        );
        assert_eq!(journal.outcome().await, Outcome::Unknown);
        assert_eq!(start.elapsed().as_secs(), DEADLINE.as_secs());
        let later = timeout(Duration::from_secs(86_400), journal.outcome()).await;
        assert!(later.is_err(), "it is said once: {later:?}");
        assert_eq!(journal.write(record(3)), Err(Busy));
        // From here on the thread answers, which a clock that jumps doesn't wait for.
        tokio::time::resume();
        go_on.send(()).unwrap();
        assert_eq!(journal.outcome().await, outcome);
        journal.write(record(2)).unwrap();
        assert_eq!(journal.outcome().await, Outcome::Written);
    }
}

#[tokio::test]
async fn an_opening_that_hangs_refuses_every_write_until_its_record_was_taken() {
    let (go_on, gate) = mpsc::channel();
    let held = Found {
        record: Some(record(1)),
        problem: None,
    };
    let steps = vec![
        Step::Hang(gate),
        Step::Open(held),
        Step::Write(record(2), Ok(())),
    ];
    let mut opened = open(disk(steps), "/var/lib/picket", Duration::ZERO);
    let problem = opened.problem.unwrap().to_string();
    assert!(
        problem.contains("the journal in /var/lib/picket has not answered for 0 s"),
        "{problem}"
    );
    assert_eq!(opened.record, None);
    let journal = &mut opened.journal;
    for _ in 0..2 {
        journal.write(record(3)).unwrap();
        assert_eq!(
            journal.write(record(3)),
            Err(Busy),
            "its outcome was not taken"
        );
        assert_eq!(journal.outcome().await, Outcome::Failed(problem.clone()));
    }
    go_on.send(()).unwrap();
    let record_1 = Some(record(1));
    assert_eq!(
        journal.outcome().await,
        Outcome::Opened {
            record: record_1,
            problem: None
        }
    );
    journal.write(record(2)).unwrap();
    assert_eq!(journal.outcome().await, Outcome::Written);
}

#[tokio::test]
async fn a_write_that_perhaps_counts_is_unknown_until_it_was_taken_back() {
    let (go_on, gate) = mpsc::channel();
    let mut opened = start(vec![
        Step::Open(new()),
        Step::Write(record(1), Err(Unwritten::Perhaps("no".to_owned()))),
        Step::TakeBack(false),
        Step::TakeBack(false),
        Step::Hang(gate),
        Step::TakeBack(true),
        Step::Write(record(2), Ok(())),
    ]);
    let journal = &mut opened.journal;
    journal.write(record(1)).unwrap();
    assert_eq!(journal.outcome().await, Outcome::Unknown);
    assert_eq!(journal.write(record(2)), Err(Busy));
    go_on.send(()).unwrap();
    assert_eq!(journal.outcome().await, Outcome::Failed("no".to_owned()));
    journal.write(record(2)).unwrap();
    assert_eq!(journal.outcome().await, Outcome::Written);
}

#[tokio::test]
async fn what_can_be_used_only_later_is_tried_at_each_write_and_never_written_over_unseen() {
    let held = |n| Found {
        record: Some(record(n)),
        problem: None,
    };
    let mut opened = start(vec![
        Step::OpenInVain(Found::problem(unusable())),
        Step::OpenInVain(Found::problem(unusable())),
        Step::Open(held(7)),
        Step::Write(record(1), Ok(())),
    ]);
    assert_eq!((opened.record, opened.problem), (None, Some(unusable())));
    let journal = &mut opened.journal;
    journal.write(record(1)).unwrap();
    assert_eq!(
        journal.outcome().await,
        Outcome::Failed(unusable().to_string())
    );
    journal.write(record(1)).unwrap();
    let found = Outcome::Opened {
        record: Some(record(7)),
        problem: None,
    };
    assert_eq!(journal.outcome().await, found);
    let Outcome::Failed(error) = journal.outcome().await else {
        panic!("it was written")
    };
    assert!(
        error.contains("could be read only now; give the command again"),
        "{error}"
    );
    journal.write(record(1)).unwrap();
    assert_eq!(journal.outcome().await, Outcome::Written);
}

#[tokio::test]
async fn what_is_as_it_was_left_is_written_without_a_word() {
    let read_only = Found {
        record: Some(record(7)),
        problem: Some(unusable()),
    };
    let again = Found {
        record: Some(record(7)),
        problem: None,
    };
    let kept_aside = Found::problem(Problem::KeptAside {
        path: "journal".to_owned(),
        why: "is damaged".to_owned(),
        kept: "journal.corrupt-1".to_owned(),
    });
    let mut opened = start(vec![
        Step::OpenInVain(read_only),
        Step::Open(again),
        Step::Write(record(1), Ok(())),
    ]);
    assert_eq!(
        (opened.record, opened.problem),
        (Some(record(7)), Some(unusable()))
    );
    opened.journal.write(record(1)).unwrap();
    assert_eq!(opened.journal.outcome().await, Outcome::Written);

    let mut opened = start(vec![
        Step::OpenInVain(Found::problem(unusable())),
        Step::Open(kept_aside.clone()),
        Step::Write(record(1), Ok(())),
    ]);
    opened.journal.write(record(1)).unwrap();
    let told = super::opened(kept_aside);
    assert_eq!(
        opened.journal.outcome().await,
        told,
        "what was set aside is told"
    );
    assert_eq!(opened.journal.outcome().await, Outcome::Written);
}

#[tokio::test]
async fn of_too_many_operations_the_newest_are_written() {
    let many = Record {
        operations: (0..70).map(recorded).collect(),
        ..Record::default()
    };
    let newest = Record {
        operations: (70 - MOST_OPERATIONS as u8..70).map(recorded).collect(),
        ..Record::default()
    };
    let mut opened = start(vec![Step::Open(new()), Step::Write(newest, Ok(()))]);
    opened.journal.write(many).unwrap();
    assert_eq!(opened.journal.outcome().await, Outcome::Written);
}

fn start(steps: Vec<Step>) -> Opened {
    open(disk(steps), "/var/lib/picket", Duration::MAX)
}

fn disk(steps: Vec<Step>) -> Scripted {
    Scripted {
        steps,
        is_open: false,
    }
}

fn new() -> Found {
    Found {
        record: None,
        problem: None,
    }
}

fn unusable() -> Problem {
    Problem::Unusable {
        path: "/var/lib/picket/journal".to_owned(),
        error: "no space".to_owned(),
    }
}

fn record(number: u8) -> Record {
    Record {
        operations: vec![recorded(number)],
        ..Record::default()
    }
}

fn recorded(number: u8) -> Recorded {
    Recorded {
        operation: OperationId([number; 16]),
        action: 7,
        state: Progress::Succeeded,
        reason: None,
        fingerprint: 1,
        boot: BootId([2; 16]),
        boots: 0,
    }
}
