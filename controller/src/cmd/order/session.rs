//! An order on its way: one loop waits, asks the core and does what it says. Every entry of the audit log is durable before what
//! it tells is done.
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use picket_proto::{Channel, Command, DeviceId, Ping, SignedCommand, Topic, frame};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    ledger, power,
    show::Show,
    signing::{Answer, SigningTask},
};
use crate::{
    audit::{Entry, Line, Log, PowerCycling},
    fleet::Fleet,
    link::{Link, LinkEvent},
    operate::{Action, Input, News, Roll},
    signer::Signer,
};

/// An order on its way.
pub(super) struct Session {
    pub(super) roll: Roll,
    pub(super) fleet: Fleet,
    pub(super) show: Show,
    link: Link,
    log: Log,
    signing: SigningTask,
    needs_touch: bool,
    power: JoinSet<power::Run>,
    begun: Instant,
    interrupts: u32,
}

impl Session {
    pub(super) fn new(
        roll: Roll,
        fleet: Fleet,
        (link, log, signer): (Link, Log, Signer),
        show: Show,
    ) -> Self {
        Self {
            roll,
            fleet,
            show,
            link,
            log,
            needs_touch: signer.needs_touch(),
            signing: SigningTask::start(signer),
            power: JoinSet::new(),
            begun: Instant::now(),
            interrupts: 0,
        }
    }

    /// Follows the order to its end, and what cuts the power of a Pi.
    ///
    /// # Errors
    /// The audit log or the output can't be written: then nothing more is sent.
    pub(super) async fn run(&mut self) -> Result<()> {
        let followed = self.follow().await;
        if followed.is_err() {
            // What a power cycle comes to is written down, if that is possible, and nothing follows from it.
            let now_ms = self.now_ms();
            self.roll.handle(Input::Leave, now_ms);
        }
        let ended = self.power_ends().await;
        followed.and(ended)
    }

    async fn follow(&mut self) -> Result<()> {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let mut redraw = interval(Duration::from_secs(1));
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.take(Input::Deadline)?;
        while !self.roll.is_over() {
            let deadline = self.deadline();
            tokio::select! {
                // Cancel-safe, all of them: channels, signals, timers, and a set of tasks that go on by themselves.
                event = self.link.event() => self.event(event)?,
                answer = self.signing.answer() => self.answer(answer?)?,
                Some(run) = self.power.join_next() => self.cycled(run?)?,
                () = sleep_until(deadline) => self.take(Input::Deadline)?,
                _ = redraw.tick() => self.redraw()?,
                () = received(&mut interrupted) => self.interrupt()?,
                () = received(&mut terminated) => self.take(Input::Leave)?,
            }
        }
        self.show.clear()
    }

    /// A switch port that was turned off must be turned on again, also when nobody waits for the Pi.
    async fn power_ends(&mut self) -> Result<()> {
        if self.power.is_empty() {
            return Ok(());
        }
        let s = power::PATIENCE.as_secs();
        let mut ended = self.show.note(&format!(
            "power_cycle is under way and is let come to its end, which takes {s} s at most"
        ));
        while let Some(run) = self.power.join_next().await {
            let run = run.map_err(Into::into).and_then(|run| self.cycled(run));
            ended = ended.and(run);
        }
        ended
    }

    /// Appends to the audit log.
    pub(super) fn log(&mut self, entry: impl Into<Entry>) -> Result<()> {
        let line = Line::new(Timestamp::now(), self.roll.order().operation, entry);
        self.log.append(&line)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn deadline(&self) -> Instant {
        let far = Duration::from_secs(86_400);
        let ms = self.roll.deadline().map_or(far, Duration::from_millis);
        self.begun
            .checked_add(ms)
            .unwrap_or_else(|| Instant::now() + far)
    }

    fn take(&mut self, input: Input) -> Result<()> {
        let now_ms = self.now_ms();
        for action in self.roll.handle(input, now_ms) {
            self.act(action)?;
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Ping { device, token } => {
                self.publish(Channel::Ping, device, frame::encode(&Ping { token }));
            }
            Action::Offer { device, frame } => self.publish(Channel::Command, device, frame),
            Action::Sign { number, command } => self.sign(number, command)?,
            Action::PowerCycle { device } => {
                let argv = self.fleet.power_cycle(device).unwrap_or_default();
                self.log(PowerCycling {
                    device,
                    argv: argv.clone(),
                })?;
                self.power.spawn(power::cycle(device, argv));
            }
            Action::Tell(news) => self.tell(&news)?,
        }
        Ok(())
    }

    fn publish(&self, channel: Channel, device: DeviceId, payload: Vec<u8>) {
        self.link.publish(Topic { channel, device }, payload);
    }

    fn sign(&mut self, number: u64, command: Command) -> Result<()> {
        if self.needs_touch {
            // Whoever asks for the touch writes to the terminal too.
            self.show.clear()?;
        }
        self.signing.ask(number, command)
    }

    /// Safety-order: what was signed is in the log before the core may offer it.
    fn answer(&mut self, answer: Answer) -> Result<()> {
        let signed = match answer.signed {
            Err(why) => Err(format!("{why:#}")),
            Ok(signed) => {
                let command = SignedCommand {
                    payload: signed.payload.clone(),
                    signature: signed.signature.clone(),
                };
                self.log(signed)?;
                Ok(frame::encode(&command))
            }
        };
        let number = answer.number;
        self.take(Input::Signed { number, signed })
    }

    fn cycled(&mut self, run: power::Run) -> Result<()> {
        let words = run.words();
        let result = if run.is_good { Ok(words) } else { Err(words) };
        let device = run.entry.device;
        self.log(run.entry)?;
        self.take(Input::PowerCycled { device, result })
    }

    fn tell(&mut self, news: &News) -> Result<()> {
        let pis = self.roll.pis().iter();
        let pi = pis.clone().find(|pi| Some(pi.device) == news.device);
        for entry in ledger::entries(news, pi.and_then(|pi| pi.ending())) {
            self.log(entry)?;
        }
        self.show.tell(news, &self.roll, &self.fleet)
    }

    fn event(&mut self, event: LinkEvent) -> Result<()> {
        match event {
            LinkEvent::Message {
                topic,
                payload,
                retained,
            } => self.take(Input::Message {
                topic,
                payload,
                retained,
            }),
            LinkEvent::Confirmed(topic) => self.take(Input::Confirmed(topic)),
            LinkEvent::Connected => self.take(Input::Connected),
            LinkEvent::Disconnected { why, retry_in } => {
                let s = retry_in.as_secs_f32();
                self.show
                    .note(&format!("not connected: {why}; trying again in {s:.0} s"))?;
                self.take(Input::Disconnected)
            }
            LinkEvent::SubscriptionRefused(filters) => self.show.note(&format!(
                "the broker refuses to say what is on {}; answers from there are not heard",
                filters.join(", ")
            )),
        }
    }

    fn interrupt(&mut self) -> Result<()> {
        self.interrupts += 1;
        if self.interrupts > 1 {
            return self.take(Input::Leave);
        }
        self.take(Input::Halt)?;
        if self.roll.is_over() {
            return Ok(());
        }
        self.show
            .note("what is under way is followed to its end; Ctrl-C again leaves it alone")
    }

    fn redraw(&mut self) -> Result<()> {
        let now_ms = self.now_ms();
        self.show.redraw(&self.roll, &self.fleet, now_ms)
    }
}

async fn received(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}
