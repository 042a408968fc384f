//! The owner loop: waits for what can happen, asks the core, and does what it says. Everything that decides is elsewhere.
mod agent;
mod child;
mod commands;
mod disk;
mod idle;
mod keep;
mod reload;
mod signers;
mod slots;
mod spool_file;
mod start;
mod status;
#[cfg(test)]
mod tests;
mod verdicts;
mod worker;

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep_until},
};

use crate::{
    clock::{Alarm, Bell, Slot, TickTimer},
    host::{Host, HostEvent},
    journal::{Journal, Outcome},
    link::{Link, LinkEvent},
    notify::STOP_DEADLINE,
};

pub(crate) use agent::give_back_code;
pub use agent::{Agent, Parts};
use disk::Disk;
pub use disk::DiskEvent;
pub use start::{StartError, run};
use worker::Worker;
pub use worker::{Setting, WorkerNews};

/// Everything that can happen to an agent.
#[derive(Debug)]
pub enum Event {
    /// A tick is due.
    Tick(Slot),
    /// Something happened on the link.
    Link(LinkEvent),
    /// The journal answers.
    Journal(Outcome),
    /// The disk answers, or doesn't.
    Disk(DiskEvent),
    /// The host has something to say.
    Host(HostEvent),
    /// The child or the boot record have something to say.
    Worker(WorkerNews),
    /// The time that telemetry or an operation named has come.
    Deadline,
    /// The in-band probe has no answer in time, or a late one.
    Bell,
    /// SIGHUP: read the configuration and the allowed signers again.
    Reload,
    /// SIGTERM or SIGINT: stop in an orderly way.
    Stop,
    /// The orderly stop took too long.
    GiveUp,
}

/// What an agent acts on. It answers with events.
#[derive(Debug)]
pub struct Outside<L, H> {
    /// The way to the broker.
    pub link: L,
    /// The machine.
    pub host: H,
    /// What must survive.
    pub journal: Journal,
    disk: Disk,
    worker: Worker,
    timer: TickTimer,
    bell: Bell,
}

impl<L: Link, H: Host> Outside<L, H> {
    /// Begins to tick now.
    ///
    /// # Errors
    /// No timer can be had.
    pub fn new(link: L, host: H, journal: Journal, period_ms: u32) -> io::Result<Self> {
        let timer = TickTimer::new(u64::from(period_ms))?;
        Ok(Self {
            link,
            host,
            journal,
            disk: Disk::new(),
            worker: Worker::new(),
            timer,
            bell: Bell::mute(),
        })
    }

    /// Reinstalls with that from now on.
    pub fn reinstall_with(&mut self, setting: Setting) {
        self.worker.set(setting);
    }

    /// Listens to that bell, of the in-band probe, from now on.
    pub fn listen(&mut self, bell: Bell) {
        self.bell = bell;
    }
}

/// What the loop waits for.
#[derive(Debug)]
pub struct Waits<L, H> {
    outside: Outside<L, H>,
    alarm: Alarm,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    give_up: Option<Instant>,
}

impl<L: Link, H: Host> Waits<L, H> {
    /// Takes the signals from now on.
    ///
    /// # Errors
    /// No alarm or no signal handler can be had.
    pub fn new(outside: Outside<L, H>) -> io::Result<Self> {
        Ok(Self {
            outside,
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
        let Outside {
            link,
            host,
            journal,
            disk,
            worker,
            timer,
            bell,
        } = &mut self.outside;
        // The next tick asks for the deadline again, so one that isn't before it needs no wake-up of its own.
        let deadline = deadline.filter(|due| stopping || *due < timer.next_ms());
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
            slot = timer.tick(), if !stopping => slot.map(Event::Tick),
            // Cancel-safe: an alarm that rang stays so.
            rang = self.alarm.at(deadline) => rang.map(|()| Event::Deadline),
            // Cancel-safe: a ring that was not heard stays.
            rang = bell.rang(), if !stopping => rang.map(|()| Event::Bell),
            // Cancel-safe: the trait asks for it.
            event = host.event(), if !stopping => Ok(Event::Host(event)),
            // Cancel-safe: an outcome that was not taken stays.
            outcome = journal.outcome(), if !stopping => Ok(Event::Journal(outcome)),
            // Cancel-safe: it says so.
            event = disk.event(), if !stopping => Ok(Event::Disk(event)),
            // Cancel-safe: it says so.
            news = worker.news(), if !stopping => Ok(Event::Worker(news)),
            // Cancel-safe: a deadline keeps no state.
            () = at(self.give_up) => Ok(Event::GiveUp),
            // Last, since a broker may always have something to say. Cancel-safe: the trait asks for it.
            event = link.event() => Ok(Event::Link(event)),
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
pub async fn serve<L: Link, H: Host>(mut agent: Agent, mut waits: Waits<L, H>) -> io::Result<()> {
    agent.begin(&mut waits.outside);
    loop {
        let event = waits.next(agent.deadline()).await?;
        if matches!(event, Event::Stop | Event::Host(HostEvent::Down)) {
            waits.stopping();
        }
        let outside = &mut waits.outside;
        agent.give_back(outside);
        match event {
            Event::Tick(slot) => agent.tick(slot, outside),
            Event::Link(LinkEvent::Stopped) | Event::GiveUp => break,
            Event::Link(event) => agent.link(event, outside),
            Event::Journal(outcome) => agent.journal(outcome, outside),
            Event::Disk(event) => agent.disk(event, outside),
            Event::Worker(news) => agent.worker(news, outside),
            Event::Host(HostEvent::Down) => agent.stop("the machine goes down", outside),
            Event::Host(event) => agent.host(event, outside),
            Event::Deadline => agent.deadline_came(outside),
            Event::Bell => agent.bell_rang(outside),
            Event::Reload => agent.reload(outside),
            Event::Stop => agent.stop("stopping", outside),
        }
    }
    agent.save(&mut waits.outside.disk).await;
    Ok(())
}

/// At that moment, or never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
