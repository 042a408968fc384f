//! Which LED to blink, and how an LED was before, as text. It opens nothing.
//!
//! Names, by the Raspberry Pi kernel's device trees (github.com/raspberrypi/linux, arch/arm/boot/dts/broadcom): since 6.1 the LEDs
//! are `ACT` and `PWR` on all models (bcm2710-rpi-3-b.dts, bcm2711-rpi-4-b.dts, bcm2712-rpi-5-b.dts), until 5.15
//! `led0` and `led1` (bcm2711-rpi-4-b.dts of rpi-5.15.y). Upstream, and so Debian, has `ACT` and `PWR` too, and no `PWR` where the
//! firmware alone has it. `ACT` follows `mmc0`, without a card in vain; `PWR` follows `default-on` on a Pi 4, `input` on a Pi 3 (low
//! power), and nothing on a Pi 5. `mmc0::` and `mmc1::` are the SD hosts' own, which no Pi has soldered (drivers/mmc/host/sdhci.c).
use std::{fmt, str::FromStr};

/// How an LED was before it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LedState {
    /// Its name in /sys/class/leds.
    pub(super) name: String,
    /// What it followed.
    pub(super) trigger: String,
    /// How bright it was, which counts when it followed nothing.
    pub(super) brightness: u32,
}

impl fmt::Display for LedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} {}", self.name, self.trigger, self.brightness)
    }
}

impl FromStr for LedState {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, trigger, brightness] = words[..] else {
            return Err(());
        };
        Ok(Self {
            name: name.to_owned(),
            trigger: trigger.to_owned(),
            brightness: brightness.parse().map_err(drop)?,
        })
    }
}

/// The LED to blink: `ACT`; else `led0`; else one whose function (the part after the last colon, as in the kernel's
/// Documentation/leds/leds-class.rst) is activity, status or heartbeat; else `PWR` or `led1`; else the first of the others. Never
/// one of a network interface, a disk, or a keyboard: those tell something else, or are not there to be seen.
pub(super) fn choose(names: &[String]) -> Option<&str> {
    let ranked = names
        .iter()
        .filter_map(|name| Some((rank(name)?, name.as_str())));
    ranked.min().map(|(_, name)| name)
}

fn rank(name: &str) -> Option<u8> {
    const OTHERS: [&str; 12] = [
        "mmc", "disk", "ata", "nvme", "usb", "eth", "lan", "phy", "wan", "input", "lock", "kbd",
    ];
    let lower = name.to_ascii_lowercase();
    let function = lower.rsplit(':').next().unwrap_or_default();
    match lower.as_str() {
        // A note of it would not be read back.
        _ if name.split_whitespace().count() != 1 => None,
        "act" => Some(0),
        "led0" => Some(1),
        _ if matches!(function, "act" | "activity" | "status" | "heartbeat") => Some(2),
        "pwr" | "led1" => Some(3),
        _ if OTHERS.iter().any(|other| lower.contains(other)) => None,
        _ => Some(4),
    }
}

/// What an LED follows: the word in brackets; in a tree, where only the last word that was written stands, that one.
pub(super) fn trigger(list: &str) -> Option<&str> {
    let mut words = list.split_whitespace();
    let bracketed = |word: &'_ str| word.starts_with('[') && word.ends_with(']');
    match words.clone().find(|word| bracketed(word)) {
        Some(word) => Some(&word[1..word.len() - 1]).filter(|word| !word.is_empty()),
        None => words.next().filter(|_| words.next().is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_led_that_a_person_sees_is_chosen_on_every_model() {
        for (machine, names, chosen) in [
            (
                "Pi 3 and 4, since 6.1",
                "ACT PWR default-on mmc0 mmc0:: mmc1::",
                Some("ACT"),
            ),
            ("Pi 4, until 5.15", "led0 led1", Some("led0")),
            ("Pi 5", "ACT PWR mmc0:: mmc1::", Some("ACT")),
            (
                "upstream's new way",
                "green:status mmc0::",
                Some("green:status"),
            ),
            ("only power", "PWR mmc0::", Some("PWR")),
            (
                "another board",
                "blue:user eth0:green:lan nvme0",
                Some("blue:user"),
            ),
            (
                "a PC",
                "input3::capslock input3::numlock phy0-led enp3s0:green:lan",
                None,
            ),
            ("nothing", "", None),
        ] {
            let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
            assert_eq!(choose(&names), chosen, "{machine}");
        }
        assert_eq!(choose(&["two words".to_owned()]), None);
    }

    #[test]
    fn the_bracketed_word_is_the_trigger() {
        for (list, expected) in [
            ("none rc-feedback [mmc0] timer default-on\n", Some("mmc0")),
            ("[none] mmc0\n", Some("none")),
            ("default-on\n", Some("default-on")),
            ("none mmc0\n", None),
            ("[]\n", None),
            ("[", Some("[")),
            ("", None),
        ] {
            assert_eq!(trigger(list), expected, "{list:?}");
        }
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_anything_else_is_none() {
        let state = LedState {
            name: "ACT".to_owned(),
            trigger: "mmc0".to_owned(),
            brightness: 255,
        };
        assert_eq!(state.to_string(), "ACT mmc0 255\n");
        assert_eq!(state.to_string().parse(), Ok(state));
        for wrong in ["", "ACT", "ACT mmc0", "ACT mmc0 -1", "ACT mmc0 0 0", "\0"] {
            assert_eq!(wrong.parse::<LedState>(), Err(()), "{wrong:?}");
        }
    }
}
