//! The probe with a server that answers when a test says so, and with the file system that is here.
use std::{
    fs, io,
    sync::mpsc::{Receiver, Sender, channel},
    time::Instant,
};

use tokio::time::timeout;

use super::*;
use crate::clock::Bell;

const SOON: Duration = Duration::from_secs(20);
const FAR_MS: u64 = 3_600_000;

#[tokio::test]
async fn an_answer_in_time_rings_no_bell() {
    let (mut probe, mut bell, mut server) = bed();
    assert_eq!(probe.look(), InBand::Unasked);
    let now_ms = boottime_ms();
    probe.ask(now_ms, now_ms + FAR_MS);
    assert_eq!(probe.look(), InBand::Waiting { since_ms: now_ms });
    server.answer(Ok(Duration::from_micros(412)));
    assert_eq!(ended(&probe), InBand::Answered { rtt_us: 412 });
    assert_eq!(probe.late(), None);
    assert!(!heard(&mut bell).await);
}

#[tokio::test]
async fn the_bell_rings_when_there_is_no_answer_and_again_when_it_is_there() {
    let (mut probe, mut bell, mut server) = bed();
    let now_ms = boottime_ms();
    probe.ask(now_ms, now_ms + 10);
    timeout(SOON, bell.rang()).await.unwrap().unwrap();
    assert_eq!(probe.look(), InBand::Waiting { since_ms: now_ms });
    let took = Duration::from_secs(180);
    server.answer(Ok(took));
    timeout(SOON, bell.rang()).await.unwrap().unwrap();
    let rtt_us = 180_000_000;
    assert_eq!(probe.look(), InBand::Answered { rtt_us });
    let late = probe.late().expect("it was late");
    assert!(
        late.since_ms == now_ms && late.until_ms >= now_ms + 10,
        "{late:?}"
    );
    // The next one is none of the late ones.
    let now_ms = boottime_ms();
    probe.ask(now_ms, now_ms + FAR_MS);
    server.answer(Ok(Duration::ZERO));
    ended(&probe);
    assert_eq!(probe.late(), None);
    assert!(!heard(&mut bell).await);
}

#[tokio::test]
async fn while_one_waits_no_other_is_made() {
    let (mut probe, _bell, mut server) = bed();
    let now_ms = boottime_ms();
    for later_ms in [0, 10_000, 20_000] {
        probe.ask(now_ms + later_ms, now_ms + later_ms + FAR_MS);
        assert_eq!(probe.look(), InBand::Waiting { since_ms: now_ms });
    }
    server.answer(Ok(Duration::ZERO));
    ended(&probe);
    assert!(server.asked.try_recv().is_err(), "a second call was made");
}

#[tokio::test]
async fn an_error_is_stale_or_a_failure() {
    for (error, view) in [
        (Errno::STALE, InBand::Stale),
        (Errno::IO, InBand::Failed),
        (Errno::ACCESS, InBand::Failed),
    ] {
        let (mut probe, _bell, mut server) = bed();
        probe.ask(1, boottime_ms() + FAR_MS);
        server.answer(Err(error));
        assert_eq!(ended(&probe), view, "{error}");
        assert_eq!(reading(view), Err(Gap::Failed));
    }
}

#[test]
fn a_view_is_a_reading_or_a_gap() {
    for (view, expected) in [
        (InBand::Off, Err(Gap::Absent)),
        (InBand::Unasked, Err(Gap::FirstInterval)),
        (InBand::Waiting { since_ms: 7 }, Err(Gap::TimedOut)),
        (InBand::Answered { rtt_us: 412 }, Ok(412)),
    ] {
        assert_eq!(reading(view), expected, "{view:?}");
    }
}

#[tokio::test]
async fn the_thread_ends_with_the_probe() {
    let (probe, _bell, server) = bed();
    drop(probe);
    assert!(
        server.asked.recv_timeout(SOON).is_err(),
        "it makes a call that nobody asked for"
    );
}

/// It waits for the next one, and on NFS for the answer: nothing else may wake it.
#[tokio::test]
async fn a_probe_costs_its_thread_one_context_switch_beside_that_of_the_call() {
    const PROBES: u64 = 50;
    let (_bell, striker) = Bell::new().unwrap();
    let (tids, tid) = channel();
    let call = Here {
        getattr: Getattr::new(Path::new("/")),
        tids,
    };
    let mut probe = Probe::calling(call, striker).unwrap();
    for number in 0..PROBES {
        probe.ask(number, boottime_ms() + FAR_MS);
        ended(&probe);
    }
    let status = format!("/proc/self/task/{}/status", tid.recv_timeout(SOON).unwrap());
    let status = fs::read_to_string(status).unwrap();
    let waited: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    // The lock may be taken now and then: the loop above looks without a pause.
    assert!(waited <= 2 * PROBES, "{waited} for {PROBES} probes");
}

/// The kernel's own answer, on whatever file system is here.
#[tokio::test]
async fn a_directory_that_is_there_answers_and_says_its_room() {
    let place = tempfile::tempdir().unwrap();
    let (_bell, striker) = Bell::new().unwrap();
    let mut probe = Probe::spawn(place.path(), striker).unwrap();
    probe.ask(1, boottime_ms() + FAR_MS);
    let view = ended(&probe);
    assert!(
        matches!(
            view,
            InBand::Answered {
                rtt_us: 0..60_000_000
            }
        ),
        "{view:?}"
    );
    let room = probe.room().expect("the first probe asks for it");
    assert!(room.blocks > 0 && room.available <= room.blocks, "{room:?}");
    probe.ask(2, boottime_ms() + FAR_MS);
    ended(&probe);
    assert_eq!(probe.room(), None, "the second one doesn't");
    assert!(matches!(
        once(place.path(), SOON, 1),
        InBand::Answered { .. }
    ));
    let missing = place.path().join("missing");
    assert_eq!(once(&missing, SOON, 1), InBand::Failed);
    fs::write(&missing, "").unwrap();
    assert_eq!(
        once(&missing, SOON, 1),
        InBand::Failed,
        "it is no directory"
    );
}

/// The real call, which also says in which thread it is made.
struct Here {
    getattr: Getattr,
    tids: Sender<i32>,
}

impl Call for Here {
    fn call(&mut self) -> Answer {
        let tid = rustix::thread::gettid().as_raw_nonzero().get();
        self.tids.send(tid).unwrap();
        self.getattr.call()
    }
}

/// Answers when it is told to.
struct Server {
    asked: Receiver<()>,
    answers: Sender<Answer>,
}

struct Scripted {
    asked: Sender<()>,
    answers: Receiver<Answer>,
}

impl Call for Scripted {
    fn call(&mut self) -> Answer {
        self.asked.send(()).unwrap();
        self.answers.recv().unwrap()
    }
}

impl Server {
    fn answer(&mut self, took: Result<Duration, Errno>) {
        self.asked.recv_timeout(SOON).unwrap();
        self.answers.send(Answer { took, room: None }).unwrap();
    }
}

fn bed() -> (Probe, Bell, Server) {
    let (bell, striker) = Bell::new().unwrap();
    let (asked_out, asked) = channel();
    let (answers, answers_in) = channel();
    let call = Scripted {
        asked: asked_out,
        answers: answers_in,
    };
    let probe: io::Result<_> = Probe::calling(call, striker);
    (probe.unwrap(), bell, Server { asked, answers })
}

/// How it stands when it waits no more.
fn ended(probe: &Probe) -> InBand {
    let begin = Instant::now();
    loop {
        let view = probe.look();
        if !matches!(view, InBand::Waiting { .. }) {
            return view;
        }
        assert!(begin.elapsed() < SOON, "no answer");
        thread::yield_now();
    }
}

async fn heard(bell: &mut Bell) -> bool {
    timeout(Duration::from_millis(1), bell.rang()).await.is_ok()
}
