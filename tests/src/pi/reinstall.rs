//! A reinstall of an emulated Pi, as its operator orders it, and what must hold after any of them.
use std::time::Instant;

use picket_test_keys::TestKey;
use picketd::slots::Slot;
use serde_json::Value;

use super::{Images, Login, Pi};
use crate::{
    eventually,
    operator::{Order, Outcome},
    say,
};

/// What a Pi is to become.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// An image with an sshd.
    pub image: &'a str,
    /// Its new name.
    pub hostname: &'a str,
    /// Whom it lets in.
    pub login: &'a Login,
}

impl Pi {
    /// Makes it that, and checks all that it said of itself: the `number`th boot is one of the same device, and
    /// whoever was to be let in is let in by the sshd that was told of. Its host keys' fingerprints.
    pub fn becomes(
        &self,
        key: &TestKey,
        images: &Images,
        wish: Wish<'_>,
        number: usize,
    ) -> Vec<String> {
        let (id, start) = (self.id().to_string(), Instant::now());
        let public = wish.login.public_key();
        let public = public.to_str().expect("its name is plain");
        let more = ["--hostname", wish.hostname, "--ssh-key", public];
        let outcome = self.reinstall(key, images, wish.image, &more).outcome();
        say(&format!(
            "{id}: {}: {:?}, {:?}",
            wish.image,
            start.elapsed(),
            outcome.states_of(&id)
        ));
        self.has_succeeded(&outcome, number);
        let told = outcome.host_keys_of(&id);
        self.lets_in(&told, wish);
        told
    }

    /// The operation has gone all the way, in the `number`th boot of one device.
    pub fn has_succeeded(&self, outcome: &Outcome, number: usize) {
        let id = self.id().to_string();
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        let states = outcome.states_of(&id);
        for state in ["staged", "armed", "trial", "committed", "succeeded"] {
            assert!(states.contains(&state), "no {state} in {states:?}");
        }
        let boot = &self.wait_for_tick_of_boot(number)["boot_id"];
        assert_eq!(&outcome.end_of(&id)["boot_id"], boot, "{outcome:#?}");
        let ticks = self.watcher().ticks().into_iter();
        let mut devices: Vec<Value> = ticks.map(|tick| tick["device"].clone()).collect();
        devices.dedup();
        assert_eq!(devices, [Value::from(id)]);
    }

    /// The sshd is the one that was told of, and lets in whoever was to be let in; the network is what it was.
    fn lets_in(&self, fingerprints: &[String], wish: Wish<'_>) {
        let port = self.ssh_port().expect("it is to be reached by ssh");
        wish.login.make_sure_of(port, fingerprints, self.patience());
        let said = wish.login.run(
            port,
            "cat /proc/sys/kernel/hostname /etc/image /proc/net/route",
        );
        let text = String::from_utf8_lossy(&said.stdout);
        assert!(said.status.success(), "{said:?}");
        let expected = [wish.hostname, wish.image];
        assert_eq!(text.lines().take(2).collect::<Vec<_>>(), expected);
        // 10.0.2.2 in the byte order of the processor.
        assert!(text.contains("eth0\t00000000\t0202000A\t"), "{text}");
    }

    /// Orders it; `more` are further arguments.
    pub fn reinstall(&self, key: &TestKey, images: &Images, image: &str, more: &[&str]) -> Order {
        let (id, store) = (self.id().to_string(), images.store());
        let store = store.to_str().expect("a temporary folder has a plain name");
        let order = [
            "reinstall",
            &id,
            "--image",
            image,
            "--catalogue",
            store,
            "--json",
        ];
        self.operator(key).order(&[&order, more].concat())
    }

    /// What runs, as the initramfs has said it: `a`, `b trial`, `rescue`.
    /// No half slot was booted until now.
    pub fn runs(&self) -> String {
        let ask = "echo \"runs: $(cat /run/picket/slot)\"";
        let said = self.console().run(ask, self.patience());
        assert_eq!(self.console().count("rc: half a slot"), 0);
        // Its agent speaks on the same console.
        let run = said.lines().find_map(|line| line.split_once("runs: "));
        let (_, run) = run.unwrap_or_else(|| panic!("{said}"));
        run.trim().to_owned()
    }

    /// Waits until nothing of slot `slot` is there any more, in no stage.
    pub fn is_emptied(&self, slot: Slot) {
        eventually("the old slot is removed", self.patience(), || {
            let left = ["", ".new", ".old"]
                .map(|stage| self.export().join(&format!("slots/{slot}{stage}")).exists());
            (left == [false; 3]).then_some(())
        });
    }

    /// Every tick of every boot that has spoken is at the collector, or is in the count of those that the agent says it lost.
    pub fn misses_no_tick(&self) {
        for boot in self.boot_ids() {
            let ticks = self.watcher().ticks().into_iter();
            let ticks: Vec<Value> = ticks.filter(|tick| tick["boot_id"] == *boot).collect();
            let number = |tick: &Value, name: &str| tick[name].as_u64().unwrap_or(0);
            let mut numbers: Vec<u64> = ticks.iter().map(|tick| number(tick, "tick")).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let due = numbers.last().expect("it has spoken") + 1;
            let missing = due - numbers.len() as u64;
            let lost = ticks.iter().map(|tick| number(tick, "lost")).max();
            assert!(
                missing <= lost.expect("it has spoken"),
                "boot {boot}: {missing} of {due} ticks are missing, and {lost:?} told: {numbers:?}"
            );
        }
    }
}

impl Outcome {
    /// The fingerprints of ssh host keys that a device has told.
    pub fn host_keys_of(&self, device: &str) -> Vec<String> {
        let end = &self.end_of(device)["host_keys"];
        let keys = end.as_array().into_iter().flatten();
        keys.filter_map(|key| key.as_str().map(str::to_owned))
            .collect()
    }
}
