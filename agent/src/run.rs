//! The owner loop: waits for what can happen, asks the core, and does what it says. Everything that decides is elsewhere.
mod agent;
mod reload;
mod spool_file;
mod start;
mod status;

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep_until},
};

use crate::{
    clock::{Alarm, Slot, TickTimer},
    link::{Link, LinkEvent},
    notify::STOP_DEADLINE,
};

pub use agent::{Agent, Parts};
pub use start::{StartError, run};

/// Everything that can happen to an agent.
#[derive(Debug)]
pub enum Event {
    /// A tick is due.
    Tick(Slot),
    /// Something happened on the link.
    Link(LinkEvent),
    /// The time that telemetry named has come.
    Deadline,
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGTERM or SIGINT: stop in an orderly way.
    Stop,
    /// The orderly stop took too long.
    GiveUp,
}

/// What the loop waits for.
#[derive(Debug)]
pub struct Waits<L> {
    link: L,
    timer: TickTimer,
    alarm: Alarm,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    give_up: Option<Instant>,
}

impl<L: Link> Waits<L> {
    /// Begins to tick now.
    ///
    /// # Errors
    /// No timer or no signal handler can be had.
    pub fn new(link: L, period_ms: u64) -> io::Result<Self> {
        Ok(Self {
            link,
            timer: TickTimer::new(period_ms)?,
            alarm: Alarm::new()?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            give_up: None,
        })
    }

    /// The next thing that happens. `deadline` is on CLOCK_BOOTTIME, in ms.
    async fn next(&mut self, deadline: Option<u64>) -> io::Result<Event> {
        let stopping = self.give_up.is_some();
        // The next tick asks for the deadline again, so one that isn't before it needs no wake-up of its own.
        let deadline = deadline.filter(|due| stopping || *due < self.timer.next_ms());
        tokio::select! {
            // The order is the precedence, and saves asking for chance at every turn.
            biased;
            // Cancel-safe: a signal that was not taken stays.
            _ = self.terminate.recv(), if !stopping => Ok(Event::Stop),
            // Cancel-safe: as above.
            _ = self.interrupt.recv(), if !stopping => Ok(Event::Stop),
            // Cancel-safe: as above.
            _ = self.hangup.recv(), if !stopping => Ok(Event::Reload),
            // Cancel-safe: an expiry that was not read stays in the timer.
            slot = self.timer.tick(), if !stopping => slot.map(Event::Tick),
            // Cancel-safe: an alarm that rang stays so.
            rang = self.alarm.at(deadline) => rang.map(|()| Event::Deadline),
            // Cancel-safe: a deadline keeps no state.
            () = at(self.give_up) => Ok(Event::GiveUp),
            // Last, since a broker may always have something to say. Cancel-safe: the trait asks for it.
            event = self.link.event() => Ok(Event::Link(event)),
        }
    }

    fn stopping(&mut self) {
        self.give_up = Some(Instant::now() + STOP_DEADLINE);
    }
}

/// Runs until the orderly stop is over.
///
/// # Errors
/// The tick timer failed.
pub async fn serve<L: Link>(mut agent: Agent, mut waits: Waits<L>) -> io::Result<()> {
    loop {
        let event = waits.next(agent.deadline()).await?;
        match event {
            Event::Tick(slot) => agent.tick(slot, &mut waits.link),
            Event::Link(LinkEvent::Stopped) | Event::GiveUp => break,
            Event::Link(event) => agent.link(event, &mut waits.link),
            Event::Deadline => agent.deadline_came(&mut waits.link),
            Event::Reload => agent.reload(),
            Event::Stop => {
                waits.stopping();
                agent.stop(&mut waits.link);
            }
        }
    }
    agent.save();
    Ok(())
}

/// At that moment, or never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
