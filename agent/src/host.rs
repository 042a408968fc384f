//! Acting on the machine: going down, looking whether anything speaks against it, and blinking. It doesn't know who wants it.
//!
//! A machine goes down by a ladder of ever harder steps. A tree that stands for one gets a new boot id, and the process ends.
mod barrier;
mod ladder;
mod last_steps;
mod led;
mod led_state;
mod patience;
mod preflight;
#[cfg_attr(test, path = "host/no_machine.rs")]
mod real;
mod tree;
mod within;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep_until},
};

use crate::{device_id, guard::Post, world::World};
use ladder::{Rungs, climb};
pub use last_steps::LastSteps;
use led::Led;
pub use patience::Root;
use patience::{Patience, Seen};
use preflight::Preflights;
use real::Machine;

/// A ladder's thread writes little.
const STACK: usize = 64 * 1024;

/// What the host has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostEvent {
    /// The preflight is over.
    Preflighted(Preflight),
    /// The way down takes this step now.
    Rung(String),
    /// A tree's machine is down: the process must end, with exit code 0.
    Down,
    /// Every step was tried, and the machine is still up; why each failed.
    Stayed(String),
    /// It blinks for the time that was asked for, or has ended; or why it can't.
    Identified(Result<(), String>),
}

/// What speaks against a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preflight {
    /// The reason that a user of the machine gave for not rebooting it (`run/picket/inhibit`), at most 256 bytes, without
    /// control characters.
    pub inhibited: Option<String>,
    /// What an operator should know, and is no obstacle.
    pub warnings: Vec<String>,
}

/// The machine, as the owner loop sees it. Nothing here blocks; answers come as events.
pub trait Host {
    /// Looks whether anything speaks against a reboot. [`HostEvent::Preflighted`] follows within 2 s.
    fn preflight(&mut self);
    /// Goes down. [`HostEvent::Rung`]s follow, and [`HostEvent::Down`] or [`HostEvent::Stayed`], unless the machine is down
    /// before. A second call while the first is under way is ignored.
    fn reboot(&mut self);
    /// How the root stands from now on: a dead one shortens the way down, also when it is under way. At first it answers.
    fn root_is(&mut self, root: Root);
    /// Blinks for so many seconds from now; 0 ends it. [`HostEvent::Identified`] follows at once.
    fn identify(&mut self, seconds: u16);
    /// Ends the blinking: for the orderly stop.
    fn stop(&mut self);
    /// The next event; it also makes the LED blink, so it must be waited for. Cancel-safe.
    fn event(&mut self) -> impl Future<Output = HostEvent>;
}

/// The machine that runs the agent, or a tree that stands for one.
#[derive(Debug)]
pub struct AnyHost {
    led: Led,
    preflights: Preflights,
    way_down: WayDown,
    /// Where the guard looks for orders.
    post: Post,
    root: Seen,
    /// It is being taken.
    going_down: Arc<AtomicBool>,
    events_out: UnboundedSender<HostEvent>,
    events: UnboundedReceiver<HostEvent>,
}

#[derive(Debug)]
enum WayDown {
    Tree(World),
    Machine(Machine),
    /// This process must not bring this machine down, and why.
    Barred(String),
}

/// Gets hold of what going down needs, and gives back an LED that an agent before this one left blinking.
#[must_use]
pub fn open(world: &World) -> AnyHost {
    let way_down = match world.is_machine() {
        false => WayDown::Tree(world.clone()),
        true => Machine::open(world).map_or_else(WayDown::Barred, WayDown::Machine),
    };
    let (events_out, events) = unbounded_channel();
    AnyHost {
        led: Led::open(world),
        preflights: Preflights::new(world),
        way_down,
        post: Post::new(&world.run_dir(), device_id::boot_id(world).ok()),
        root: Seen::default(),
        going_down: Arc::default(),
        events_out,
        events,
    }
}

impl AnyHost {
    fn say(&self, event: HostEvent) {
        // Both ends are here, so somebody listens.
        let _ = self.events_out.send(event);
    }
}

impl Host for AnyHost {
    fn preflight(&mut self) {
        self.preflights.begin();
    }

    fn reboot(&mut self) {
        if self.going_down.swap(true, Ordering::AcqRel) {
            return;
        }
        match &self.way_down {
            WayDown::Machine(rungs) => {
                let under_way = self.going_down.clone();
                let patience = Patience::new(self.post.clone(), self.root.clone());
                let told = (patience, self.events_out.clone());
                go_down(rungs.ladder(), under_way, told);
            }
            WayDown::Barred(why) => {
                self.say(HostEvent::Stayed(why.clone()));
                self.going_down.store(false, Ordering::Release);
            }
            WayDown::Tree(world) => match tree::reboot(world) {
                // It stays so: what is down goes down no more.
                Ok(()) => self.say(HostEvent::Down),
                Err(error) => {
                    let why = format!("can't give the tree another boot id: {error}");
                    self.say(HostEvent::Stayed(why));
                    self.going_down.store(false, Ordering::Release);
                }
            },
        }
    }

    fn root_is(&mut self, root: Root) {
        self.root.is(root);
    }

    fn identify(&mut self, seconds: u16) {
        let result = self.led.blink(seconds);
        self.say(HostEvent::Identified(result));
    }

    fn stop(&mut self) {
        self.led.end();
    }

    async fn event(&mut self) -> HostEvent {
        loop {
            tokio::select! {
                biased;
                // Cancel-safe: receiving from a channel is.
                Some(event) = self.events.recv() => return event,
                // Cancel-safe: it says so.
                preflight = self.preflights.ended() => return HostEvent::Preflighted(preflight),
                // Cancel-safe: a moment keeps no state.
                () = at(self.led.next()) => self.led.step(),
            }
        }
    }
}

/// Takes the ladder in a thread of its own: each step may take long, or for ever.
fn go_down(
    mut rungs: Box<dyn Rungs + Send>,
    under_way: Arc<AtomicBool>,
    (patience, events): (Patience, UnboundedSender<HostEvent>),
) {
    let failed = (events.clone(), under_way.clone());
    let thread = thread::Builder::new()
        .name("reboot".to_owned())
        .stack_size(STACK);
    let spawned = thread.spawn(move || {
        let why = climb(&mut *rungs, &patience, |step| {
            // Nobody listens any more when the agent was stopped, which is how systemd begins.
            let _ = events.send(HostEvent::Rung(step));
        });
        patience.end();
        under_way.store(false, Ordering::Release);
        let _ = events.send(HostEvent::Stayed(why));
    });
    if let Err(error) = spawned {
        let (events, under_way) = failed;
        under_way.store(false, Ordering::Release);
        let _ = events.send(HostEvent::Stayed(format!(
            "no thread can be started: {error}"
        )));
    }
}

/// At that moment, or never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
