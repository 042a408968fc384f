//! The emulated board of a real Raspberry Pi 3B: what the agent makes of its device tree, its thermal zone and its NFS root,
//! against the guest's own word; and that it outlives its NFS server there.
use std::time::{Duration, Instant};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    pi::{Hang, Machine, Pi},
    say,
};
use serde_json::Value;

/// As many as span three ticks.
const SNAPSHOTS: usize = 30;
/// Half of the last digit of a mean, in ms.
const HALF: f64 = 0.000_5;

/// Sums over the operations of a root mount, as proc_mounts(5) and the kernel's nfs_iostat have them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sums {
    ops: f64,
    queue_ms: f64,
    rtt_ms: f64,
    execute_ms: f64,
}

/// The guest's own counters, and when it said so.
#[derive(Debug, Clone, Copy)]
struct Snapshot {
    up_ms: f64,
    sums: Sums,
}

#[test]
fn a_raspberry_pi_3b_says_what_its_board_and_its_kernel_say_outlives_its_server_and_reboots_on_order()
 {
    let (key, start) = (TestKey::new(1), Instant::now());
    let pi = Pi::builder(Machine::Raspi3b)
        .periods("10s", "10s")
        .config("lifeboat = \"required\"")
        .obeying(&key)
        .start();
    say(&format!(
        "raspi3b: {:?} from power to the first tick",
        start.elapsed()
    ));
    let tick = pi.wait_for_tick_of_boot(1);
    assert_eq!(tick["readings"]["soc_temperature"], 25_178, "{tick:#}");
    let status = eventually("a status is heard", pi.patience(), || {
        let lines = pi.watcher().lines().into_iter();
        lines.rev().find(|line| line["channel"] == "status")
    });
    let model = &status["status"]["model"];
    assert_eq!(model, "Raspberry Pi 3 Model B", "{status:#}");
    is_named_after_its_mac(&pi);
    counts_what_the_kernel_counts(&pi);
    Hang::Line.is_survived(&pi, &key, Duration::from_secs(10));
    reboots(&pi, &key);
}

/// Its device tree has no serial.
fn is_named_after_its_mac(pi: &Pi) {
    let answer = pi.script("ls /proc/device-tree/serial-number; cat /sys/class/net/eth0/address");
    assert!(answer.contains("No such file"), "{answer}");
    let mac = &pi.id().to_string()[4..];
    assert!(answer.replace(':', "").contains(mac), "{answer}");
}

/// Between two ticks the agent counts what the kernel counted between snapshots around them.
fn counts_what_the_kernel_counts(pi: &Pi) {
    let snapshots = take_snapshots(pi);
    let last = snapshots.last().expect("there are many").up_ms;
    let ticks = eventually(
        "the ticks of the snapshots' time arrive",
        pi.patience(),
        || {
            let ticks = pi.watcher().ticks();
            (at(ticks.last()?) > last).then_some(ticks)
        },
    );
    let compared = ticks.windows(2).filter_map(|pair| {
        let around = |tick: &Value| {
            let after = snapshots.iter().position(|shot| shot.up_ms > at(tick))?;
            Some((snapshots[after.checked_sub(1)?], snapshots[after]))
        };
        let (first, second) = (around(&pair[0])?, around(&pair[1])?);
        let (least, most) = (second.0.sums - first.1.sums, second.1.sums - first.0.sums);
        agree(pair, &least, &most);
        // Work that no tick fell into.
        Some(least.ops > 20.0 && most.ops - least.ops < 10.0)
    });
    let compared: Vec<bool> = compared.collect();
    assert!(compared.contains(&true), "nothing to compare: {compared:?}");
}

fn agree(pair: &[Value], least: &Sums, most: &Sums) {
    let tick = &pair[1];
    let ops = reading(tick, "nfs_ops") - reading(&pair[0], "nfs_ops");
    say(&format!(
        "raspi3b: {ops} operations; by the guest {} to {}",
        least.ops, most.ops
    ));
    assert!((least.ops..=most.ops).contains(&ops), "{ops} operations");
    for (name, least, most) in [
        ("nfs_queue", least.queue_ms, most.queue_ms),
        ("nfs_rtt", least.rtt_ms, most.rtt_ms),
        ("nfs_execute", least.execute_ms, most.execute_ms),
    ] {
        let mean = tick["readings"][name].as_f64().unwrap_or(0.0) / 1000.0;
        let fits = (mean - HALF) * ops <= most && (mean + HALF) * ops >= least;
        assert!(
            fits,
            "{name} of {mean} ms over {ops}, not {least} to {most}: {tick:#}"
        );
    }
}

fn reboots(pi: &Pi, key: &TestKey) {
    let (start, name) = (Instant::now(), pi.id().to_string());
    let order = ["reboot", &name, "--wait", "--json"];
    let outcome = pi.operator(key).run(&order);
    say(&format!(
        "raspi3b: {:?} from the order to its end",
        start.elapsed()
    ));
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let boot = &pi.wait_for_tick_of_boot(2)["boot_id"];
    assert_eq!(&outcome.end_of(&name)["boot_id"], boot);
    assert_eq!(pi.boots(), 2);
}

impl std::ops::Sub for Sums {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            ops: self.ops - earlier.ops,
            queue_ms: self.queue_ms - earlier.queue_ms,
            rtt_ms: self.rtt_ms - earlier.rtt_ms,
            execute_ms: self.execute_ms - earlier.execute_ms,
        }
    }
}

/// About one a second, for longer than three ticks, with work for the NFS server between some of them. They are taken by a
/// program in the guest's memory, and kept there: to execute one of the root is work for the server.
fn take_snapshots(pi: &Pi) -> Vec<Snapshot> {
    let take = "./busybox cat /proc/uptime /proc/self/mountstats >shot-$n";
    let work = "for file in 1 2 3 4 5 6 7 8; do echo $n >/tmp/work-$n-$file; done";
    // Three seconds after a tick: no tick falls into the work, unless it takes seven.
    let phase = at(&pi.wait_for_tick_of_boot(1)) / 1000.0 % 10.0;
    let since_tick = format!("(${{up%%.*}} + 10 - {phase:.0}) % 10");
    let step = format!(
        "read up rest </proc/uptime; {take}; case $(({since_tick})) in 3) {work};; *) read -t 1 wait;; esac; n=$((n+1))"
    );
    pi.script(&format!(
        "cp /bin/busybox /run/; cd /run; n=0; while [ $n -lt {SNAPSHOTS} ]; do {step}; done; cp shot-* /tmp/"
    ));
    let snapshots = (0..SNAPSHOTS).map(|number| {
        let file = pi.export().join(&format!("tmp/shot-{number}"));
        let text = std::fs::read_to_string(file).expect("the guest wrote it");
        let up = text.split(' ').next().and_then(|up| up.parse::<f64>().ok());
        Snapshot {
            up_ms: up.expect("the uptime comes first") * 1000.0,
            sums: sums(&text),
        }
    });
    snapshots.collect()
}

fn sums(mountstats: &str) -> Sums {
    let (_, root) = mountstats
        .split_once(" mounted on / with fstype nfs4")
        .expect("an NFS root");
    let (_, ops) = root.split_once("per-op statistics").expect("statistics");
    let rows = ops.lines().filter_map(|line| {
        let (_, counters) = line.trim().split_once(": ")?;
        let counters: Vec<f64> = counters
            .split(' ')
            .map_while(|word| word.parse().ok())
            .collect();
        <[f64; 9]>::try_from(counters).ok()
    });
    let mut sums = Sums {
        ops: 0.0,
        queue_ms: 0.0,
        rtt_ms: 0.0,
        execute_ms: 0.0,
    };
    for [ops, _, _, _, _, queue, rtt, execute, _] in rows {
        sums.ops += ops;
        sums.queue_ms += queue;
        sums.rtt_ms += rtt;
        sums.execute_ms += execute;
    }
    sums
}

fn at(tick: &Value) -> f64 {
    number(tick, "boottime_ms")
}

fn reading(tick: &Value, name: &str) -> f64 {
    number(&tick["readings"], name)
}

fn number(of: &Value, name: &str) -> f64 {
    of[name]
        .as_f64()
        .unwrap_or_else(|| panic!("no {name} in {of:#}"))
}
