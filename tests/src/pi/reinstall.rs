//! A reinstall of an emulated Pi, as its operator orders it, and what must hold after any of them.
use picket_test_keys::TestKey;
use picketd::slots::Slot;
use serde_json::Value;

use super::{Images, Pi};
use crate::{
    eventually,
    operator::{Order, Outcome},
};

impl Pi {
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
