//! The agent with a link and a host that do what a test says; everything else is real, on a tree.
mod fakes;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::mpsc};

use picket_proto::{
    BootId, Channel, DeviceId, DiskFault, EventKind, EventReport, NfsState, Status, frame,
};
use picket_test_keys::TestKey;
use rustix::io::Errno;

use fakes::{FakeLink, Gate, NoHost};

use super::{
    Agent, Outside, StartError,
    start::{self, Left, saved_spool},
};
use crate::{
    clock::{Bell, Slot, boottime_ms},
    command::Slots,
    config,
    host::Root,
    journal::{self, Problem},
    lifeboat::Standing,
    link::{Identity, LinkEvent},
    runtime_state::{RuntimeError, RuntimeState},
    sources::nfs_in_band,
    verdict::InBand,
    world::World,
};

#[tokio::test]
async fn what_the_link_does_not_take_is_offered_again_and_never_in_the_same_turn() {
    let place = tempfile::tempdir().unwrap();
    let (mut agent, mut outside) = agent(place.path(), "", None);
    outside.link.full = true;
    tick(&mut agent, &mut outside);
    agent.link(LinkEvent::Connected { connection: 1 }, &mut outside);
    let first = outside.link.turned_away;
    assert!(
        (2..=3).contains(&first),
        "{first}: status, events, perhaps a batch"
    );
    for _ in 0..10 {
        let before = outside.link.turned_away;
        agent.give_back(&mut outside);
        let more = outside.link.turned_away - before;
        assert!(more <= first, "{more} publishes in one turn");
    }
    assert_eq!(outside.link.taken, []);
    outside.link.full = false;
    agent.give_back(&mut outside);
    agent.stop("the test is over", &mut outside);
    let taken: Vec<Channel> = outside
        .link
        .taken
        .iter()
        .map(|publish| publish.channel)
        .collect();
    for channel in [Channel::Status, Channel::Event, Channel::Telemetry] {
        assert!(
            taken.contains(&channel)
                || (channel == Channel::Telemetry && taken.contains(&Channel::Backlog)),
            "no {channel} in {taken:?}"
        );
    }
}

#[tokio::test]
async fn a_reload_reads_again_who_may_sign_and_says_so() {
    let place = tempfile::tempdir().unwrap();
    let signers = place.path().join("allowed_signers");
    let settings = format!("allowed_signers = {signers:?}\n");
    let (mut agent, mut outside) = agent(place.path(), &settings, None);
    agent.begin(&mut outside);
    agent.link(LinkEvent::Connected { connection: 1 }, &mut outside);
    let signer = TestKey::new(1).line("alice@example.org");
    for (text, can) in [
        (None, vec!["telemetry"]),
        (Some("# nobody yet\n"), vec!["telemetry"]),
        (Some(&signer), vec!["telemetry", "commands"]),
        (None, vec!["telemetry"]),
    ] {
        match text {
            Some(text) => fs::write(&signers, text).unwrap(),
            None => drop(fs::remove_file(&signers)),
        }
        agent.reload(&mut outside);
        let read = outside.disk.event().await;
        agent.disk(read, &mut outside);
        let status = outside.link.taken.last().unwrap();
        assert!(status.retained && status.channel == Channel::Status);
        let status: Status = frame::decode(&status.payload).unwrap();
        assert_eq!(status.features.unwrap(), can, "{text:?}");
    }
}

#[tokio::test]
async fn a_reload_hands_other_credentials_to_the_link_and_keeps_the_old_ones_while_they_are_wrong()
{
    let place = tempfile::tempdir().unwrap();
    let secret = place.path().join("secret");
    fs::write(&secret, "one").unwrap();
    let settings = format!("user = \"pi\"\npassword_file = {secret:?}\n");
    let (mut agent, mut outside) = agent(place.path(), &settings, None);
    agent.begin(&mut outside);
    for (text, renewed) in [(Some("one"), 1), (None, 1), (Some("two"), 2)] {
        match text {
            Some(text) => fs::write(&secret, text).unwrap(),
            None => fs::remove_file(&secret).unwrap(),
        }
        agent.reload(&mut outside);
        let read = outside.disk.event().await;
        agent.disk(read, &mut outside);
        assert_eq!(outside.link.renewed.len(), renewed, "{text:?}");
    }
    let [one, two] = &outside.link.renewed[..] else {
        unreachable!("two were counted");
    };
    assert_ne!(one, two);
}

#[tokio::test]
async fn who_may_sign_is_read_when_a_disk_answers_that_hung_at_the_start() {
    let place = tempfile::tempdir().unwrap();
    let signers = place.path().join("allowed_signers");
    let line = TestKey::new(1).line("alice@example.org");
    fs::write(&signers, line).unwrap();
    let settings = format!("allowed_signers = {signers:?}\n");
    let (mut agent, mut outside) = agent(place.path(), &settings, Some(hangs(place.path())));
    agent.begin(&mut outside);
    assert_eq!(outside.link.taken, []);
    let read = outside.disk.event().await;
    agent.disk(read, &mut outside);
    let status: Status = frame::decode(&outside.link.taken[0].payload).unwrap();
    assert_eq!(status.features.unwrap(), ["telemetry", "commands"]);
}

/// The server is one that a test lets answer; what the agent makes of it goes out at once, as event and as status.
#[tokio::test]
async fn a_server_that_hangs_is_told_as_an_event_and_in_status_and_so_is_its_answer() {
    let place = tempfile::tempdir().unwrap();
    let mounts = place.path().join("root/proc/self/mounts");
    fs::create_dir_all(mounts.parent().unwrap()).unwrap();
    fs::write(mounts, "127.0.0.1:/pi / nfs4 rw,vers=4.1 0 0\n").unwrap();
    let (mut agent, mut outside) = agent(place.path(), "nfs_probe = \"off\"\n", None);
    agent.link(LinkEvent::Connected { connection: 1 }, &mut outside);
    let (mut bell, striker) = Bell::new().unwrap();
    let (gate, closed) = mpsc::channel();
    let probe = nfs_in_band::Probe::calling(Gate(closed), striker).unwrap();
    agent.parts.sampler.drive_in_band(probe);
    confirm(&mut agent, &mut outside);
    tick(&mut agent, &mut outside);
    confirm(&mut agent, &mut outside);
    assert_eq!(told(&outside), (Some(NfsState::Ok), None));
    // As if five seconds had passed since the tick made it.
    gate.send(()).unwrap();
    answered(&agent).await;
    let now_ms = boottime_ms();
    agent
        .parts
        .sampler
        .ask_in_band(now_ms.saturating_sub(5_000), now_ms);
    bell.rang().await.unwrap();
    agent.bell_rang(&mut outside);
    assert_eq!(
        told(&outside),
        (Some(NfsState::Stalled), Some(NfsState::Stalled))
    );
    assert_eq!(outside.host.root, Root::Dead);
    confirm(&mut agent, &mut outside);
    gate.send(()).unwrap();
    bell.rang().await.unwrap();
    agent.bell_rang(&mut outside);
    assert_eq!(told(&outside), (Some(NfsState::Slow), Some(NfsState::Slow)));
    assert_eq!(outside.host.root, Root::Answers);
}

#[tokio::test]
async fn what_the_disk_refuses_is_told_until_it_takes_a_write() {
    let place = tempfile::tempdir().unwrap();
    let (mut agent, mut outside) = agent(place.path(), "", None);
    agent.link(LinkEvent::Connected { connection: 1 }, &mut outside);
    for (said, fault) in [
        (Err(Errno::ACCESS), None),
        (Err(Errno::ROFS), Some(DiskFault::ReadOnly)),
        (Err(Errno::NOSPC), Some(DiskFault::Full)),
        (Ok(()), None),
    ] {
        agent.disk_said(said, &mut outside);
        let status = status(&outside);
        let trouble = status.disk_trouble.map(|trouble| trouble.fault);
        assert_eq!(trouble, fault, "{said:?}");
        assert_eq!(status.nfs_verdict, None, "this root is not on NFS");
    }
}

/// Its journal may be of another device, and its LED may blink.
#[test]
fn an_agent_beside_another_ends_before_it_touches_anything() {
    let place = tempfile::tempdir().unwrap();
    let (root, state) = (place.path().join("root"), place.path().join("state"));
    for (path, text) in [
        (
            "proc/sys/kernel/random/boot_id",
            format!("{}\n", IDENTITY.boot),
        ),
        ("sys/class/leds/ACT/trigger", "none\n".to_owned()),
        ("sys/class/leds/ACT/brightness", "0\n".to_owned()),
        ("run/picket/led", "ACT mmc0 0\n".to_owned()),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir_all(&state).unwrap();
    drop(journal::open(&state, IDENTITY.device));
    let world = World::new(&root);
    let _other = RuntimeState::open(&world.run_dir(), IDENTITY.boot).unwrap();
    let text = format!("state_dir = {state:?}\nid = \"00000000ffffffff\"\n");
    let loaded = config::parse("picketd.toml", &text, "").unwrap();
    let error = start::run(
        &world,
        &place.path().join("picketd.toml"),
        loaded,
        &Standing::Off,
    )
    .unwrap_err();
    let is_locked = matches!(&error, StartError::Runtime(RuntimeError::Locked { .. }));
    assert!(is_locked, "{error}");
    let names = fs::read_dir(&state)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["journal"]);
    assert!(
        root.join("run/picket/led").exists(),
        "the LED was given back"
    );
}

#[test]
fn nothing_more_is_asked_of_a_disk_that_hangs_at_the_start() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("spool"), "an image").unwrap();
    let text = format!("state_dir = {:?}\n", state.path());
    let settings = config::parse("picketd.toml", &text, "").unwrap().settings;
    let hangs = hangs(state.path());
    let unusable = Problem::Unusable {
        path: state.path().display().to_string(),
        error: "no space".to_owned(),
    };
    for (journal, read) in [(None, true), (Some(&unusable), true), (Some(&hangs), false)] {
        assert_eq!(
            saved_spool(&settings, &state.path().into(), journal).is_some(),
            read,
            "{journal:?}"
        );
    }
}

#[test]
fn on_an_export_the_journal_lies_beside_the_slots_unless_somebody_wished_it_elsewhere() {
    let tree = tempfile::tempdir().unwrap();
    let world = World::new(tree.path());
    let at = |text: &str| {
        let loaded = config::parse("f", text, "").unwrap();
        start::state_dir(&world, &loaded).to_path_buf()
    };
    assert_eq!(at(""), Path::new("/var/lib/picket"));
    fs::create_dir_all(tree.path().join("run/picket/export")).unwrap();
    let beside = tree.path().join("run/picket/export/picket");
    assert_eq!(at(""), beside);
    let mode = fs::metadata(&beside).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(at("state_dir = \"/state\""), Path::new("/state"));
}

const IDENTITY: Identity = Identity {
    device: DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]),
    boot: BootId([7; 16]),
};

fn hangs(directory: &Path) -> Problem {
    Problem::Hangs {
        directory: directory.display().to_string(),
        seconds: 5,
    }
}

/// An agent on an empty tree in `place`, with `settings` in its configuration and that problem with its journal.
fn agent(
    place: &Path,
    settings: &str,
    problem: Option<Problem>,
) -> (Agent, Outside<FakeLink, NoHost>) {
    let (root, state) = (place.join("root"), place.join("state"));
    fs::create_dir_all(root.join("proc")).unwrap();
    fs::create_dir_all(&state).unwrap();
    let text = format!("state_dir = {state:?}\n{settings}");
    let loaded = config::parse("picketd.toml", &text, "").unwrap();
    let periods = loaded.settings.telemetry.periods;
    let world = World::new(&root);
    let parts = start::parts(
        &world,
        &place.join("picketd.toml"),
        loaded,
        (IDENTITY, periods),
        Left {
            slots: Slots::Missing("there are none".to_owned()),
            record: None,
            problem,
            said: Ok(()),
            spool: None,
            state: RuntimeState::open(&world.run_dir(), IDENTITY.boot).unwrap(),
            state_dir: (&state).into(),
        },
    );
    let journal = journal::open(&state, IDENTITY.device).journal;
    let outside = Outside::new(
        FakeLink::default(),
        NoHost {
            root: Root::Answers,
        },
        journal,
        periods.period_ms(),
    );
    (Agent::new(parts), outside.unwrap())
}

fn tick(agent: &mut Agent, outside: &mut Outside<FakeLink, NoHost>) {
    let slot = Slot {
        boottime_ms: boottime_ms(),
        missed: 0,
    };
    agent.tick(slot, outside);
}

/// The broker has everything that was published so far.
fn confirm(agent: &mut Agent, outside: &mut Outside<FakeLink, NoHost>) {
    let published = outside.link.taken.iter();
    let deliveries: Vec<_> = published.filter_map(|publish| publish.delivery).collect();
    for delivery in deliveries {
        agent.link(LinkEvent::Delivered(delivery), outside);
    }
}

/// What status and the last event say of the server.
fn told(outside: &Outside<FakeLink, NoHost>) -> (Option<NfsState>, Option<NfsState>) {
    let events = outside.link.taken.iter().rev();
    let events = events.filter(|publish| publish.channel == Channel::Event);
    let events = events.flat_map(|publish| {
        let report: EventReport = frame::decode(&publish.payload).unwrap();
        report.events.into_iter().rev()
    });
    let verdict = events.filter_map(|event| match event.what {
        EventKind::NfsVerdict(verdict) => Some(verdict.verdict),
        _ => None,
    });
    let in_status = status(outside).nfs_verdict.map(|verdict| verdict.verdict);
    (in_status, verdict.into_iter().next())
}

fn status(outside: &Outside<FakeLink, NoHost>) -> Status {
    let mut published = outside.link.taken.iter().rev();
    let status = published.find(|publish| publish.channel == Channel::Status);
    frame::decode(&status.expect("it was announced").payload).unwrap()
}

/// Waits until the probe that is out has its answer.
async fn answered(agent: &Agent) {
    while matches!(agent.parts.sampler.in_band(), InBand::Waiting { .. }) {
        tokio::task::yield_now().await;
    }
}
