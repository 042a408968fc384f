//! Tests of the LED, on the trees of the models.
use std::process::Command;

use tokio::time::advance;

use super::*;

const MACHINES: [&str; 3] = ["pi3-nfs3", "pi4-nfs41", "pi5-debian"];

#[tokio::test(start_paused = true)]
async fn on_every_model_act_blinks_for_its_time_and_follows_its_trigger_again() {
    for machine in MACHINES {
        let (_tree, world) = copy(machine);
        let before = leds(&world);
        let followed = follows(&world, "ACT");
        let mut led = Led::open(&world);
        assert_eq!(leds(&world), before, "{machine}: touched at the start");
        led.blink(2).unwrap();
        assert_eq!(follows(&world, "ACT"), "none");
        let mut seen = Vec::new();
        while let Some(due) = led.next() {
            advance(due - Instant::now()).await;
            led.step();
            seen.push(read(&world, "ACT", "brightness"));
        }
        assert_eq!(
            seen[..8],
            ["255", "0", "255", "0", "255", "0", "255", "0"],
            "{machine}"
        );
        assert_eq!(seen.len(), 9, "2 s have 8 halves, and an end");
        assert_eq!(follows(&world, "ACT"), followed, "{machine}");
        let others = |leds: Vec<(String, String)>| -> Vec<(String, String)> {
            leds.into_iter().filter(|(name, _)| name != "ACT").collect()
        };
        assert_eq!(others(leds(&world)), others(before), "{machine}");
        assert!(!led.note().exists());
    }
}

#[tokio::test(start_paused = true)]
async fn the_old_trigger_is_back_after_a_stop_a_drop_a_crash_and_a_zero() {
    for machine in MACHINES {
        for way in ["zero", "stop", "drop", "crash", "torn"] {
            let (tree, world) = copy(machine);
            let followed = follows(&world, "ACT");
            let mut led = Led::open(&world);
            led.blink(60).unwrap();
            led.step();
            assert_eq!(follows(&world, "ACT"), "none", "{machine}");
            match way {
                "zero" => led.blink(0).unwrap(),
                "stop" => led.end(),
                "drop" => drop(led),
                _ => {
                    std::mem::forget(led);
                    assert_eq!(follows(&world, "ACT"), "none", "a crash restores nothing");
                    if way == "torn" {
                        set(tree.path(), "trigger", "");
                    }
                    drop(Led::open(&world));
                }
            }
            assert_eq!(follows(&world, "ACT"), followed, "{machine} after a {way}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn asked_again_it_blinks_for_the_new_time_and_keeps_the_first_trigger() {
    let (_tree, world) = copy("pi3-nfs3");
    let mut led = Led::open(&world);
    led.blink(1).unwrap();
    advance(Duration::from_millis(900)).await;
    led.blink(1).unwrap();
    advance(Duration::from_millis(900)).await;
    led.step();
    assert!(led.next().is_some());
    advance(Duration::from_millis(200)).await;
    led.step();
    assert_eq!(led.next(), None);
    assert_eq!(follows(&world, "ACT"), "mmc0");
    led.blink(0).unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_led_that_followed_nothing_is_as_bright_as_before() {
    let (tree, world) = copy("pi3-nfs3");
    set(tree.path(), "trigger", "[none] mmc0\n");
    set(tree.path(), "brightness", "1\n");
    let mut led = Led::open(&world);
    led.blink(1).unwrap();
    led.step();
    advance(Duration::from_millis(250)).await;
    led.step();
    assert_eq!(read(&world, "ACT", "brightness"), "0");
    led.end();
    assert_eq!(follows(&world, "ACT"), "none");
    assert_eq!(read(&world, "ACT", "brightness"), "1");
}

#[tokio::test(start_paused = true)]
async fn what_a_user_chose_meanwhile_stays() {
    let (tree, world) = copy("pi3-nfs3");
    let mut led = Led::open(&world);
    led.blink(1).unwrap();
    set(tree.path(), "trigger", "none mmc0 [heartbeat]\n");
    led.end();
    assert_eq!(follows(&world, "ACT"), "heartbeat");
    assert!(!led.note().exists());
}

#[tokio::test(start_paused = true)]
async fn what_cant_blink_says_why_and_is_left_as_it_was() {
    let (_tree, world) = copy("pc");
    let error = Led::open(&world).blink(5).unwrap_err();
    assert!(
        error.contains("there is no LED to blink among the 0"),
        "{error}"
    );

    let (tree, world) = copy("pi3-nfs3");
    fs::remove_dir_all(tree.path().join("run/picket")).unwrap();
    let mut led = Led::open(&world);
    let error = led.blink(5).unwrap_err();
    assert!(error.contains("can't note the LED's trigger in"), "{error}");
    assert_eq!(
        (follows(&world, "ACT").as_str(), led.next()),
        ("mmc0", None)
    );

    let (tree, world) = copy("pi3-nfs3");
    let act = tree.path().join("sys/class/leds/ACT");
    fs::remove_file(act.join("brightness")).unwrap();
    let error = Led::open(&world).blink(5).unwrap_err();
    assert!(
        error.contains("can't read the brightness of the LED ACT: absent"),
        "{error}"
    );
    assert_eq!(follows(&world, "ACT"), "mmc0");
}

#[tokio::test(start_paused = true)]
async fn an_led_that_goes_away_ends_the_blinking() {
    let (tree, world) = copy("pi3-nfs3");
    let mut led = Led::open(&world);
    led.blink(5).unwrap();
    fs::remove_file(tree.path().join("sys/class/leds/ACT/brightness")).unwrap();
    led.step();
    assert_eq!(led.next(), None);
}

#[test]
fn a_note_that_nobody_wrote_changes_nothing() {
    for note in [
        "",
        "garbage",
        "../other mmc0 1\n",
        "ACT\0 mmc0 1\n",
        "PWR heartbeat 1\n",
        &"x".repeat(5_000),
    ] {
        let (tree, world) = copy("pi3-nfs3");
        let other = tree.path().join("sys/class/other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("trigger"), "none").unwrap();
        fs::write(other.join("brightness"), "0").unwrap();
        let before = leds(&world);
        fs::write(world.run_dir().join("led"), note).unwrap();
        drop(Led::open(&world));
        assert_eq!(leds(&world), before, "{note:?}");
        let outside = fs::read_to_string(other.join("trigger")).unwrap();
        assert_eq!(outside, "none", "{note:?}");
    }
}

/// A copy of that machine, with a run directory.
fn copy(machine: &str) -> (tempfile::TempDir, World) {
    let tree = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(machine);
    let copied = Command::new("cp")
        .arg("-a")
        .arg(fixture.join("."))
        .arg(tree.path())
        .status();
    assert!(copied.unwrap().success());
    fs::create_dir_all(tree.path().join("run/picket")).unwrap();
    let world = World::new(tree.path());
    (tree, world)
}

fn set(tree: &Path, part: &str, text: &str) {
    fs::write(tree.join("sys/class/leds/ACT").join(part), text).unwrap();
}

/// What each LED follows.
fn leds(world: &World) -> Vec<(String, String)> {
    let names = world.list("sys/class/leds").unwrap();
    assert!(names.len() > 1, "{names:?}");
    names
        .into_iter()
        .map(|name| (name.clone(), follows(world, &name)))
        .collect()
}

fn follows(world: &World, name: &str) -> String {
    trigger(&read(world, name, "trigger")).unwrap().to_owned()
}

fn read(world: &World, name: &str, part: &str) -> String {
    let bytes = world.read(&file(name, part), MOST_TRIGGERS).unwrap();
    String::from_utf8(bytes).unwrap().trim().to_owned()
}
