//! A flood with a Pi's credentials: as many messages as the broker takes, huge and retained ones too. The others lose no tick.
use std::{
    io::Write,
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use picket_tests::{eventually, provisioned::Provisioned, say};

use super::scene::{ATTACKER, Scene, VICTIM, topic};

const FLOOD: Duration = Duration::from_secs(15);
const DEADLINE: Duration = Duration::from_secs(120);

#[test]
fn a_flood_with_a_pis_credentials_costs_no_other_pi_a_tick() {
    let scene = Scene::new(Provisioned::new("password"));
    let watcher = scene.watch();
    let mut agent = scene.agent(VICTIM);
    eventually("ticks arrive", DEADLINE, || {
        (watcher.ticks().len() > 10).then_some(())
    });
    let sent = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| lines(&scene, &sent, &over));
        scope.spawn(|| junk(&scene, &over));
        std::thread::sleep(FLOOD);
        over.store(true, Ordering::Relaxed);
    });
    let rate = sent.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    let huge = scene.heard().contains("huge");
    assert!(agent.process().terminate().success());
    let victims = || -> Vec<u64> {
        let ticks = watcher.ticks();
        let own = ticks.iter().filter(|tick| tick["device"] == VICTIM);
        own.map(|tick| tick["tick"].as_u64().unwrap()).collect()
    };
    let last = eventually("the victim's ticks arrived", DEADLINE, || {
        let ticks = victims();
        let last = ticks.iter().max().copied()?;
        let all = (0..=last).all(|n| ticks.contains(&n));
        (all && last >= FLOOD.as_secs() * 4).then_some(last)
    });
    assert_eq!(watcher.lost(), 0);
    assert!(!huge, "a message of 4 MB came through");
    say(&format!(
        "flood: {rate:.0} messages/s given to mosquitto_pub for {FLOOD:?}, far more than reach the broker; {} ticks of another Pi, none lost",
        last + 1
    ));
}

/// As many small messages as one connection takes, QoS 0.
fn lines(scene: &Scene, sent: &AtomicU64, over: &AtomicBool) {
    let mut command = scene.attacker.client_as("mosquitto_pub", ATTACKER);
    command.args(["-l", "-q", "0", "-t", &topic("telemetry", ATTACKER)]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let chunk = "junk\n".repeat(1000);
    while !over.load(Ordering::Relaxed) && pipe.write_all(chunk.as_bytes()).is_ok() {
        sent.fetch_add(1000, Ordering::Relaxed);
    }
    drop(pipe);
    end(child);
}

/// Retained messages, as large as is allowed and larger.
fn junk(scene: &Scene, over: &AtomicBool) {
    let (large, huge) = (scene.fleet.path("large"), scene.fleet.path("huge"));
    std::fs::write(&large, vec![b'x'; 120 * 1024]).unwrap();
    std::fs::write(&huge, "huge ".repeat(800_000)).unwrap();
    // A thief has other connections than the Pi, which take one another's place.
    for file in [&huge, &large].into_iter().cycle() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let mut command = scene.attacker.client_as("mosquitto_pub", ATTACKER);
        command
            .args(["-r", "-t", &topic("status", ATTACKER), "-f"])
            .arg(file);
        let _ = command.stderr(Stdio::null()).status();
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}
