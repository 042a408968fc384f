//! What a configuration may say, and what is said of one that is wrong.
use std::collections::BTreeSet;

use super::{
    key::{KEYS, SENSOR_KEYS},
    *,
};
use crate::{
    sampler::{NfsProbe, SensorKind},
    telemetry::AckMode,
};

const EXAMPLE: &str = include_str!("../../picketd.toml");

#[test]
fn the_example_names_every_key_with_its_default() {
    let example = parse("picketd.toml", EXAMPLE, "").unwrap();
    let empty = parse("empty.toml", "", "").unwrap();
    let values = |loaded: &Loaded| -> Vec<_> {
        loaded
            .effective
            .iter()
            .map(|line| (line.key.clone(), line.value.clone()))
            .collect()
    };
    assert_eq!(values(&example), values(&empty));
    let (mut section, mut live, mut all) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for line in EXAMPLE.lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = bare.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned() + ".";
        } else if let Some((name, _)) = bare
            .split_once(" = ")
            .filter(|(name, _)| !name.starts_with(' '))
        {
            let key = format!("{section}{name}");
            if line == bare {
                live.insert(key.clone());
            }
            all.insert(key);
        }
    }
    let sensor = SENSOR_KEYS.map(|name| format!("sensor.{name}"));
    let known = |keys: &mut dyn Iterator<Item = &key::Key>| -> BTreeSet<String> {
        keys.map(|key| key.name.to_owned()).collect()
    };
    assert_eq!(
        live,
        known(&mut KEYS.iter().filter(|key| key.default.is_some()))
    );
    assert_eq!(all, &known(&mut KEYS.iter()) | &BTreeSet::from(sensor));
}

#[test]
fn the_examples_sensor_is_valid_once_it_is_commented_in() {
    let at = EXAMPLE.find("#[[sensor]]").unwrap();
    let text = EXAMPLE[at..].replace('#', "");
    let sensors = parse("example", &text, "")
        .unwrap()
        .settings
        .sampler
        .sensors;
    assert_eq!(
        (sensors[0].kind, sensors[0].bus, sensors[0].address),
        (SensorKind::Lm75, 1, 0x48)
    );
}

/// What is wrong, and what must be said of it.
const WRONG: &[(&str, &[&str])] = &[
    ("a\n", &["f:1", "not TOML"]),
    (
        "\nbrocker = \"mqtt://h\"",
        &["f:2", "`brocker`", "did you mean `broker`"],
    ),
    (
        "zzzzzzzzzzzz = 1",
        &["f:1", "unknown key `zzzzzzzzzzzz`", "picketd.toml"],
    ),
    ("[tls]\ncaa = \"x\"", &["f:2", "`tls.caa`", "`tls.ca`"]),
    ("tls = 1", &["f:1", "[tls]"]),
    ("sensor = 1", &["f:1", "[[sensor]]"]),
    ("[sensors]", &["f:1", "`sensor`"]),
    (
        "window = 60",
        &["f:1", "`window`", "integer", "a string in quotes"],
    ),
    (
        "temperature_hysteresis = \"5\"",
        &["`temperature_hysteresis`", "without quotes"],
    ),
    (
        "temperature_limits = [1.5]",
        &["`temperature_limits`", "list of integers"],
    ),
    (
        "broker = \"h:1883\"",
        &["`broker` = \"h:1883\"", "mqtt://host:port"],
    ),
    ("broker = \"mqtt://u:p@h\"", &["`broker`", "password_file"]),
    ("broker = \"mqtt://::1\"", &["`broker`", "brackets"]),
    ("broker = \"mqtt://h:0\"", &["`broker`", "1 to 65535"]),
    ("broker = \"mqtts://h\"", &["`broker`", "set ca in [tls]"]),
    ("id = \"1\"", &["`id` = \"1\"", "16 hex digits"]),
    ("topic_root = \"a/+\"", &["`topic_root`", "letters, digits"]),
    ("topic_root = \"/a\"", &["`topic_root`", "words of"]),
    (
        "allowed_signers = \"signers\"",
        &["`allowed_signers`", "write an absolute path"],
    ),
    (
        "signers_without_clock = \"maybe\"",
        &[
            "`signers_without_clock` = \"maybe\"",
            "\"refuse\" or \"accept\"",
        ],
    ),
    ("state_dir = \"state\"", &["`state_dir`", "absolute"]),
    ("ack = \"\"", &["`ack`", "puback"]),
    (
        "sample_every = \"10\"",
        &["`sample_every` = \"10\"", "100ms to 10m"],
    ),
    (
        "sample_every = \"99ms\"",
        &["`sample_every`", "100ms to 10m"],
    ),
    ("window = \"61m\"", &["`window`", "100ms to 1h"]),
    (
        "window = \"99999999999999999999h\"",
        &["`window`", "100ms to 1h"],
    ),
    (
        "window = \"5s\"",
        &["f:1", "`window`", "`sample_every`", "1 to 1024"],
    ),
    (
        "connect_spread = \"11m\"",
        &["`connect_spread`", "0s to 10m"],
    ),
    ("keep_alive = \"1s\"", &["`keep_alive`", "5s to 1h"]),
    ("spool = \"96\"", &["`spool`", "16KiB to 16384KiB"]),
    ("spool = \"1KiB\"", &["`spool`", "16KiB to 16384KiB"]),
    (
        "temperature_limits = [85, 80]",
        &["`temperature_limits` = [85, 80]", "ascending"],
    ),
    (
        "temperature_limits = [151]",
        &["`temperature_limits`", "-40 to 150"],
    ),
    (
        "temperature_hysteresis = 0",
        &["`temperature_hysteresis` = 0", "1 to 20"],
    ),
    (
        "nfs_probe = \"server\"",
        &["`nfs_probe`", "\"auto\", \"off\""],
    ),
    (
        "nfs_in_band = \"192.0.2.1:2049\"",
        &["`nfs_in_band`", "\"auto\" or \"off\""],
    ),
    ("log = \"loud\"", &["`log`", "\"debug\""]),
    (
        "password_file = \"/etc/passwd\"",
        &["`password_file`", "set user"],
    ),
    (
        "[tls]\nkey = \"/etc/passwd\"",
        &["f:2", "`tls.key`", "`tls.certificate`"],
    ),
];

#[test]
fn every_error_names_place_key_and_way_out() {
    for (text, parts) in WRONG {
        assert_says(text, parts);
    }
}

#[test]
fn every_error_of_a_sensor_names_key_and_way_out() {
    let two = sensor("lm75", 0x48) + &sensor("tmp1x2", 0x48);
    let five: String = (0x48..0x4D).map(|n| sensor("lm75", n)).collect();
    assert_says(
        "[[sensor]]\nname = \"x\"",
        &["f:1", "lacks `kind`", "name, kind, bus and address"],
    );
    assert_says("[[sensor]]\nnane = \"x\"", &["f:2", "`nane`", "`name`"]);
    assert_says(&sensor("bmp", 0x48), &["`kind` = \"bmp\"", "\"lm75\""]);
    for (kind, address, said, allowed) in [
        ("lm75", 0x47, "0x47", "0x48 to 0x4f"),
        ("lm75", 0x50, "0x50", "0x48 to 0x4f"),
        ("tmp1x2", 0x4C, "0x4c", "0x48 to 0x4b"),
        ("tmp1x2", 0x70, "0x70", "0x48 to 0x4b"),
        ("shtcx", 0x71, "0x71", "0x70"),
    ] {
        let parts = ["`address`", kind, said, allowed];
        assert_says(&sensor(kind, address), &parts);
    }
    assert_says(&two, &["bus and address"]);
    assert_says(&five, &["room for 4"]);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let error = parse("f", "log = \"x\"\nspool = \"x\"\nnope = 1\n", "picket.ack=").unwrap_err();
    assert_eq!(error.0.len(), 4, "{error}");
}

#[test]
fn the_kernel_command_line_beats_the_file_and_its_origin_is_told() {
    let line = "console=ttyS1 picket.export=192.0.2.1:/srv,vers=4.2 picket.trial=60 picket.broker=mqtts://[2001:db8::1] picket.temperature_limits=60,70 \"picket.ack=one\" picket.nfs_probe=192.0.2.1:2049 picket.tls.ca=/etc/passwd";
    let loaded = parse("f", "broker = \"mqtt://file\"\nlog = \"warn\"", line).unwrap();
    assert_eq!(loaded.warnings, []);
    let settings = &loaded.settings;
    assert_eq!(
        settings.link.broker.to_string(),
        "mqtts://[2001:db8::1]:8883"
    );
    assert_eq!(settings.telemetry.temperature_limits, [60_000, 70_000]);
    assert_eq!(settings.telemetry.ack, AckMode::Collector("one".to_owned()));
    assert_eq!(
        settings.sampler.nfs_probe,
        NfsProbe::Server(([192, 0, 2, 1], 2049).into())
    );
    let origin = |key: &str| {
        loaded
            .effective
            .iter()
            .find(|line| line.key == key)
            .unwrap()
            .origin
            .to_string()
    };
    assert_eq!(origin("broker"), "kernel command line");
    assert_eq!(origin("log"), "f:2");
    assert_eq!(origin("window"), "default");
}

#[test]
fn a_wrong_word_on_the_kernel_command_line_warns_and_the_files_value_holds() {
    let file = "broker = \"mqtt://file\"\nsample_every = \"20s\"";
    for (word, parts) in [
        ("picket.broker=nonsense", ["`broker`", "mqtt://host:port"]),
        ("picket.brker=mqtt://h", ["`brker`", "`broker`"]),
        ("picket.broker", ["`picket.broker`", "=VALUE"]),
        (
            "picket.password=hunter2",
            ["`picket.password`", "password_file"],
        ),
        ("picket.sensor=lm75", ["`picket.sensor`", "[[sensor]]"]),
        (
            "picket.temperature_limits=hot",
            ["temperature_limits", "not an integer"],
        ),
        ("picket.window=10s", ["`window`", "`sample_every`"]),
        ("picket.sample_every=90s", ["`window`", "`sample_every`"]),
    ] {
        let loaded = parse("f", file, word).unwrap();
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        let said = warnings.join("\n");
        assert!(
            parts.iter().all(|part| said.contains(part)),
            "{word}: {said}"
        );
        assert!(said.starts_with("kernel command line: "), "{word}: {said}");
        assert!(!said.contains("hunter2"), "a secret is repeated: {said}");
        assert_eq!(loaded.settings.link.broker.host, "file", "{word}");
        assert_eq!(
            loaded.settings.telemetry.periods.period_ms(),
            20_000,
            "{word}"
        );
        assert_eq!(
            loaded.settings.telemetry.periods.window_ms(),
            60_000,
            "{word}"
        );
    }
}

#[test]
fn a_brokers_address_is_read_in_all_its_forms() {
    for (text, shown) in [
        ("mqtt://h", "mqtt://h:1883"),
        ("mqtts://h.example/", "mqtts://h.example:8883"),
        ("mqtt://192.0.2.1:1", "mqtt://192.0.2.1:1"),
        ("mqtt://[::1]", "mqtt://[::1]:1883"),
        ("mqtt://[2001:db8::1]:65535", "mqtt://[2001:db8::1]:65535"),
    ] {
        assert_eq!(text.parse::<Broker>().unwrap().to_string(), shown);
    }
    for (text, words) in [
        ("", "mqtt://host:port"),
        ("tcp://h", "mqtt://host:port"),
        ("mqtt://", "neither a name"),
        ("mqtt://:1", "neither a name"),
        ("mqtt://h p", "neither a name"),
        ("mqtt://h/path", "neither a name"),
        ("mqtt://[::1", "not closed"),
        ("mqtt://[::1]x", "may follow"),
        ("mqtt://[h]", "only an IPv6"),
        ("mqtt://2001:db8::1", "needs brackets"),
        ("mqtt://h:65536", "1 to 65535"),
        ("mqtt://me:secret@h", "--password-file"),
    ] {
        let error = text.parse::<Broker>().unwrap_err();
        assert!(
            error.contains(words) && !error.contains("secret"),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_file_that_is_not_there_or_too_large_is_named() {
    let tree = tempfile::tempdir().unwrap();
    let world = World::new(tree.path());
    let path = tree.path().join("picketd.toml");
    let error = load(&path, &world).unwrap_err().to_string();
    assert!(
        error.contains("picketd.toml: can't be opened") && error.contains("--config"),
        "{error}"
    );
    std::fs::write(&path, "#".repeat(70_000)).unwrap();
    assert!(
        load(&path, &world)
            .unwrap_err()
            .to_string()
            .contains("larger than")
    );
    std::fs::write(&path, "").unwrap();
    std::fs::create_dir(tree.path().join("proc")).unwrap();
    std::fs::write(tree.path().join("proc/cmdline"), "picket.log=warn\n").unwrap();
    assert_eq!(
        load(&path, &world).unwrap().settings.log.to_string(),
        "warn"
    );
}

#[test]
fn a_sensor_is_taken_at_each_address_that_its_chip_has() {
    for (kind, addresses) in [
        ("lm75", 0x48..=0x4F_u8),
        ("tmp1x2", 0x48..=0x4B),
        ("shtcx", 0x70..=0x70),
    ] {
        for address in addresses {
            let loaded = parse("f", &sensor(kind, address), "").unwrap();
            assert_eq!(
                loaded.settings.sampler.sensors[0].address, address,
                "{kind}"
            );
        }
    }
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_nobody_waits_for_it() {
    let place = tempfile::tempdir().unwrap();
    let pipe = place.path().join("password");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let text = format!("user = \"u\"\npassword_file = {pipe:?}\n");
    let (done, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        done.send(parse("f", &text, "").err().map(|error| error.to_string()))
    });
    let said = said.recv_timeout(std::time::Duration::from_secs(10));
    let error = said.expect("nobody waits for a writer").unwrap();
    assert!(
        error.contains("`password_file`") && error.contains("no regular file"),
        "{error}"
    );
}

fn sensor(kind: &str, address: u8) -> String {
    format!("[[sensor]]\nname = \"x\"\nkind = \"{kind}\"\nbus = 1\naddress = {address}\n")
}

fn assert_says(text: &str, parts: &[&str]) {
    let error = parse("f", text, "").unwrap_err().to_string();
    for part in parts {
        assert!(
            error.contains(part),
            "{text:?} should say {part:?} and says: {error}"
        );
    }
}
