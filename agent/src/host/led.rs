//! The LED that a person looks for among a hundred: chosen by its name, made to blink, and given back as it was, also when the
//! agent stopped or crashed in between. It doesn't know who looks.
//!
//! The kernel's own blinking (the trigger `timer`) isn't in every kernel, so the brightness is written here.
//! Source of the files: the kernel's Documentation/ABI/testing/sysfs-class-led and sysfs-class-led-trigger.
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::OFlags;
use tokio::time::Instant;

use super::led_state::{LedState, choose, trigger};
use crate::world::World;

/// Half of a blink.
const HALF: Duration = Duration::from_millis(250);
/// More than any LED takes; the kernel takes the most that it can then.
const BRIGHT: &[u8] = b"255";
/// A list of triggers is at most this long, in bytes: one for each processor, and some.
const MOST_TRIGGERS: usize = 16 * 1024;

/// The machine's LED.
#[derive(Debug)]
pub(super) struct Led {
    world: World,
    blinking: Option<Blinking>,
}

#[derive(Debug)]
struct Blinking {
    name: String,
    until: Instant,
    next: Instant,
    lit: bool,
}

impl Led {
    /// Gives back what an agent before this one left blinking.
    pub(super) fn open(world: &World) -> Self {
        let led = Self {
            world: world.clone(),
            blinking: None,
        };
        led.give_back();
        led
    }

    /// Blinks for so many seconds from now; 0 ends it.
    pub(super) fn blink(&mut self, seconds: u16) -> Result<(), String> {
        let now = Instant::now();
        let until = now + Duration::from_secs(seconds.into());
        match &mut self.blinking {
            _ if seconds == 0 => self.end(),
            Some(blinking) => blinking.until = until,
            None => {
                let name = self.take()?;
                self.blinking = Some(Blinking {
                    name,
                    until,
                    next: now,
                    lit: false,
                });
            }
        }
        Ok(())
    }

    /// When [`Led::step`] is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.blinking.as_ref().map(|blinking| blinking.next)
    }

    /// On, off, or the end.
    pub(super) fn step(&mut self) {
        let Some(blinking) = &mut self.blinking else {
            return;
        };
        let now = Instant::now();
        if now >= blinking.until {
            return self.end();
        }
        blinking.lit = !blinking.lit;
        blinking.next = now + HALF;
        let value = if blinking.lit { BRIGHT } else { b"0" };
        if let Err(error) = write(&self.world, &file(&blinking.name, "brightness"), value) {
            tracing::warn!("the LED {} does not blink any more: {error}", blinking.name);
            self.end();
        }
    }

    /// Ends the blinking and gives the LED back.
    pub(super) fn end(&mut self) {
        if self.blinking.take().is_some() {
            self.give_back();
        }
    }

    /// Chooses an LED, notes how it is, and takes it from its trigger; in that order, so that a crash loses nothing.
    fn take(&self) -> Result<String, String> {
        let names = self.world.list("sys/class/leds").unwrap_or_default();
        let Some(name) = choose(&names) else {
            return Err(format!(
                "there is no LED to blink among the {} in /sys/class/leds; its driver may be missing",
                names.len()
            ));
        };
        let state = self.state(name)?;
        let path = self.note();
        keep(&path, &state.to_string()).map_err(|error| {
            format!(
                "can't note the LED's trigger in {}: {error}",
                path.display()
            )
        })?;
        write(&self.world, &file(name, "trigger"), b"none").map_err(|error| {
            let _ = fs::remove_file(&path);
            format!("can't take the LED {name} from its trigger: {error}; picketd must run as root, with /sys writable")
        })?;
        Ok(name.to_owned())
    }

    fn state(&self, name: &str) -> Result<LedState, String> {
        let read = |part, limit| {
            let bytes = self.world.read(&file(name, part), limit);
            let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            text.map_err(|gap| format!("can't read the {part} of the LED {name}: {gap}"))
        };
        let trigger = trigger(&read("trigger", MOST_TRIGGERS)?)
            .ok_or_else(|| format!("the LED {name} names no trigger"))?
            .to_owned();
        let brightness = read("brightness", 16)?;
        Ok(LedState {
            name: name.to_owned(),
            trigger,
            brightness: brightness.trim().parse().unwrap_or(0),
        })
    }

    /// Gives an LED back as the note says. Nobody else's choice is undone: whoever gave it a trigger since may keep it.
    fn give_back(&self) {
        let path = self.note();
        let Some(state) = noted(&path) else {
            return;
        };
        if let Err(error) = self.restore(&state) {
            tracing::warn!("the LED {} keeps no trigger: {error}", state.name);
        }
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!("can't remove {}: {error}", path.display());
        }
    }

    fn restore(&self, state: &LedState) -> Result<(), String> {
        let names = self.world.list("sys/class/leds").unwrap_or_default();
        // A trigger that can't be read is nobody's choice.
        let chosen_since = self
            .state(&state.name)
            .is_ok_and(|now| now.trigger != "none");
        if !names.contains(&state.name) || chosen_since {
            return Ok(());
        }
        let (part, value) = match state.trigger.as_str() {
            "none" => ("brightness", state.brightness.to_string()),
            trigger => ("trigger", trigger.to_owned()),
        };
        write(&self.world, &file(&state.name, part), value.as_bytes())
            .map_err(|error| error.to_string())
    }

    fn note(&self) -> PathBuf {
        self.world.run_dir().join("led")
    }
}

impl Drop for Led {
    fn drop(&mut self) {
        self.end();
    }
}

fn file(name: &str, part: &str) -> String {
    format!("sys/class/leds/{name}/{part}")
}

fn write(world: &World, path: &str, value: &[u8]) -> io::Result<()> {
    let path = world.resolve(path)?;
    // Only what is there is written, and never a device.
    if !fs::metadata(&path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    options(OpenOptions::new().truncate(true))
        .open(path)?
        .write_all(value)
}

fn keep(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let mut file = options(OpenOptions::new().create_new(true).mode(0o600)).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&temporary, path)
}

fn noted(path: &Path) -> Option<LedState> {
    let metadata = fs::symlink_metadata(path).ok()?;
    (metadata.is_file() && metadata.len() <= 256).then_some(())?;
    fs::read_to_string(path).ok()?.parse().ok()
}

fn options(options: &mut OpenOptions) -> &mut OpenOptions {
    options
        .write(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
}

#[cfg(test)]
mod tests;
