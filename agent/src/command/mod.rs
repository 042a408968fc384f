//! The command core: messages in, reports out, and in between an operation is done at most once.
//!
//! Pure: it gets bytes, what link, journal, host and shell say, and the time, and returns what to do. It reads no clock, does no
//! I/O and knows no MQTT client. `run` drives it: it calls [`Commands::handle`] for whatever happens, obeys the [`Action`]s in
//! their order, and comes back with [`Input::Deadline`] at [`Commands::deadline`].
//!
//! Whatever comes over the wire is hostile until verified, and costs a bounded amount of memory and of answers: see
//! `docs/COMMANDS.md`.
use picket_proto::{Channel, Ping, Reason, Report, State, frame};

use crate::{
    bucket::Bucket,
    journal::{Outcome, Problem, Record},
    trust::AllowedSigners,
};

mod admission;
mod freshness;
mod interface;
mod known;
mod machine;
mod order;
mod outbox;
mod refusals;
mod status;

pub use freshness::Entropy;
pub use interface::{
    Action, BootRecordSaid, CommandSettings, IdleSlot, Input, Install, LastOperation, Now, Slots,
    Standing, WorkerEvent,
};

use freshness::Freshness;
use machine::{Event, Link, Machine, Step};
use outbox::Outbox;
use refusals::Refusals;
use status::StatusPace;

/// Signatures that name a signer are judged as often as this, so that noise can't take the processor: 64 at once, then ten in a second.
const LOOKS: Bucket = Bucket::new(64, 100);

/// Everything between the link and the host.
pub struct Commands {
    settings: CommandSettings,
    freshness: Freshness,
    machine: Machine,
    outbox: Outbox,
    refusals: Refusals,
    looks: Bucket,
    status: StatusPace,
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Commands");
        // Not the nonce: whoever reads the log must ask for it like everybody else.
        shown
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}

impl Commands {
    /// Commands of this process. `record` is what the journal held at its opening. Nothing that it says is believed to be under
    /// way; what it says that can't be is told at the first [`Commands::handle`].
    #[must_use]
    pub fn new(settings: CommandSettings, record: Option<Record>, entropy: Entropy) -> Self {
        let slots = settings.slots.clone();
        let machine = Machine::new(settings.boot, settings.periods, slots, record);
        Self {
            freshness: Freshness::new(settings.boot, entropy),
            status: StatusPace::new(machine.status()),
            machine,
            outbox: Outbox::default(),
            refusals: Refusals::default(),
            looks: LOOKS,
            settings,
        }
    }

    /// Takes what happened and returns what to do, in order.
    pub fn handle(&mut self, input: Input, now: &Now) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Ping { payload } => actions.extend(self.ping(&payload, now)),
            Input::Command { payload, retained } => {
                actions.extend(self.command(&payload, retained, now));
            }
            Input::Connected => {
                actions.extend(self.outbox.connected());
                actions.extend(self.advance(Event::Link(Link::Up), now));
            }
            Input::Disconnected => {
                self.outbox.disconnected();
                actions.extend(self.advance(Event::Link(Link::Down), now));
            }
            Input::Delivered(delivery) => {
                let told = self.outbox.delivered(delivery);
                // Progress waits for the progress before it.
                actions.extend(self.outbox.offer());
                actions.extend(self.told(told, now));
            }
            Input::Refused(delivery) => {
                let untold = self.outbox.refused(delivery, now.boottime_ms);
                // Whoever waits only for the broker goes on without it; whoever asks whether the broker can be reached doesn't.
                let untold = untold.filter(|(_, state)| *state == Some(State::Rebooting));
                actions.extend(self.told(untold, now));
            }
            Input::Journal(outcome) => {
                if let Outcome::Opened { problem, .. } = &outcome {
                    actions.extend(self.journal_problem(problem.as_ref(), now.boottime_ms));
                }
                actions.extend(self.advance(Event::Journal(outcome), now));
            }
            Input::Host(event) => actions.extend(self.advance(Event::Host(event), now)),
            Input::Configured { result } => {
                actions.extend(self.advance(Event::Configured(result), now));
            }
            Input::Worker(event) => actions.extend(self.advance(Event::Worker(event), now)),
            Input::BootRecord(said) => {
                actions.extend(self.advance(Event::BootRecord(said), now));
            }
            Input::Idle(found) => actions.extend(self.advance(Event::Idle(found), now)),
            Input::Deadline => {}
        }
        self.pass_time(&mut actions, now);
        actions
    }

    /// When [`Input::Deadline`] is wanted, CLOCK_BOOTTIME in ms.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let times = [
            self.machine.deadline(),
            self.outbox.deadline(),
            self.refusals.deadline(),
            self.status.deadline(),
        ];
        times.into_iter().flatten().min()
    }

    /// How the operation stands that was last taken on, for the first `status`.
    #[must_use]
    pub fn last_operation(&self) -> Option<LastOperation> {
        self.machine.status()
    }

    /// The image that runs, if the journal knows it.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.machine.image()
    }

    /// Where the machine stands among its slots, as far as the last commit left it so.
    #[must_use]
    pub fn slots(&self) -> &Slots {
        self.machine.slots()
    }

    /// Reports a journal that is not this agent's, or is damaged: operators miss what it knew. It is of no operation. Of a disk that
    /// can't be used whoever needs it hears.
    pub fn journal_problem(&mut self, problem: Option<&Problem>, now_ms: u64) -> Vec<Action> {
        let Some(problem @ (Problem::KeptAside { .. } | Problem::Stuck { .. })) = problem else {
            return Vec::new();
        };
        self.outbox.push(&Report {
            state: Some(State::Failed),
            reason: Some(Reason::JournalCorrupt),
            detail: Some(problem.to_string()),
            boot: Some(self.settings.boot),
            boottime_ms: Some(now_ms),
            ..Report::default()
        })
    }

    /// Whoever may command from now on; `None`: nobody. What is under way goes on.
    pub fn set_signers(&mut self, signers: Option<AllowedSigners>) {
        self.settings.signers = signers;
    }

    /// Bytes of memory that commands hold between two calls, without those of `allowed_signers`.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.machine.memory() + self.outbox.memory()
    }

    fn ping(&mut self, payload: &[u8], now: &Now) -> Option<Action> {
        let ping = frame::decode::<Ping>(payload).ok()?;
        let pong = self.freshness.pong(ping, now.boottime_ms)?;
        self.outbox.once(Channel::Pong, frame::encode(&pong))
    }

    /// What the broker has, or won't have soon, lets an operation go on that waited for it.
    fn told(&mut self, told: Option<outbox::Told>, now: &Now) -> Vec<Action> {
        match told {
            Some((Some(operation), Some(state))) => {
                self.advance(Event::Told(operation, state), now)
            }
            _ => Vec::new(),
        }
    }

    fn advance(&mut self, event: Event, now: &Now) -> Vec<Action> {
        let mut actions = Vec::new();
        for step in self.machine.handle(event, now.boottime_ms) {
            match step {
                Step::Tell(report) => self.tell(report, &mut actions),
                Step::Progress(report) => actions.extend(self.outbox.progress(&report)),
                Step::Do(Action::Reboot) => {
                    // What a broker keeps must not be older than the reboot.
                    actions.extend(self.status.say(self.machine.status(), now.boottime_ms));
                    actions.push(Action::Reboot);
                }
                Step::Do(action) => actions.push(action),
            }
        }
        actions
    }

    /// A transition: it is logged, and reported until the broker has it.
    fn tell(&mut self, report: Report, actions: &mut Vec<Action>) {
        actions.extend(self.outbox.push(&report));
        actions.push(Action::Note(report));
    }

    fn pass_time(&mut self, actions: &mut Vec<Action>, now: &Now) {
        actions.extend(self.advance(Event::Deadline, now));
        actions.extend(self.outbox.pass_time(now.boottime_ms));
        actions.extend(self.refusals.note_dropped(now.boottime_ms));
        actions.extend(
            self.status
                .pass_time(self.machine.status(), now.boottime_ms),
        );
    }

    /// A report that nothing keeps: a refusal, or the answer to a query.
    fn answer(&mut self, report: Report) -> Vec<Action> {
        let report = Report {
            boot: Some(self.settings.boot),
            ..report
        };
        let mut actions = self.outbox.push(&report);
        if report.state == Some(State::Refused) {
            actions.push(Action::Note(report));
        }
        actions
    }
}
