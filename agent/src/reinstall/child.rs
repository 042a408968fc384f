//! The child process: takes its order from standard input, bounds itself, and hears the wish to give up. What it does is in
//! `install`.
use std::{
    fs::{self, File},
    io::{self, BufRead, Read},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
    process::{Resource, Rlimit},
};

use super::{
    cancel::Cancel,
    fault::Fault,
    install,
    progress::Teller,
    wire::{Event, Order},
};
use crate::sys;

/// Memory that this process may write, in bytes: the decompressor's most (xz), and what there is besides.
const MAX_DATA: u64 = 160 << 20;
/// An order is at most this long, in bytes.
const MAX_ORDER: u64 = 64 * 1024;
const STACK: usize = 64 * 1024;
/// Between two events that say nothing else.
const ALIVE: Duration = Duration::from_secs(10);
/// A child before this one has so long to end, and is looked for so often.
const MOST_WAIT: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);

/// Does what standard input orders and tells it on standard output. Says whether it was done.
///
/// # Errors
/// What standard input holds is no order.
pub fn run() -> Result<bool, String> {
    limit();
    let mut line = String::new();
    let read = io::stdin().lock().take(MAX_ORDER).read_line(&mut line);
    read.map_err(|error| format!("no order can be read from standard input: {error}"))?;
    let order =
        Order::parse(&line).map_err(|error| format!("standard input holds no order: {error}"))?;
    let (teller, cancel) = (Teller::new(io::stdout()), Cancel::default());
    listen(&cancel).map_err(|error| format!("can't listen for the wish to give up: {error}"))?;
    live(teller.clone()).map_err(|error| format!("can't say that this lives: {error}"))?;
    let done = alone(order.lock(), &cancel).and_then(|_alone| match &order {
        Order::Install(order) => install::install(order, &teller, &cancel),
        Order::Clean { export, slot, .. } => install::clean(export, *slot),
    });
    teller.tell(&done.as_ref().map_or_else(failed, Clone::clone));
    Ok(done.is_ok())
}

/// Waits until no other child is at work: one of an agent that was killed is on its way out, and what it removes must not be another's.
/// The lock goes with the process.
fn alone(path: Option<&Path>, cancel: &Cancel) -> Result<Option<File>, Fault> {
    let Some(path) = path else {
        return Ok(None);
    };
    let failed = || Fault::disk(format!("the lock {}", path.display()));
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(failed())?;
    let begin = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(Errno::WOULDBLOCK) if begin.elapsed() < MOST_WAIT => cancel.wait(LOOK)?,
            Err(Errno::WOULDBLOCK) => {
                return Err(Fault::SlotInUse(format!(
                    "a child before this one is still at work after {} s, as when its file server doesn't answer: order it again when it \
                     has ended",
                    MOST_WAIT.as_secs()
                )));
            }
            Err(error) => return Err(failed()(error.into())),
        }
    }
}

/// Says it from now on. Whoever waits for a disk lives, and one that doesn't say it was stopped.
fn live(teller: Teller) -> io::Result<()> {
    let tell = move || {
        loop {
            thread::sleep(ALIVE);
            teller.tell(&Event::Alive);
        }
    };
    let thread = thread::Builder::new().name("alive".to_owned());
    thread.stack_size(STACK).spawn(tell).map(|_| ())
}

fn failed(fault: &Fault) -> Event {
    Event::Failed {
        reason: fault.reason(),
        detail: fault.to_string(),
    }
}

/// What can't be had of this keeps nobody from the work: the kernel may lack it, or a sandbox forbid it.
fn limit() {
    let most = |most| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    // RLIMIT_AS would count what is only reserved, and each thread's heap reserves 64 MiB with glibc.
    let _ = rustix::process::setrlimit(Resource::Data, most(MAX_DATA));
    let _ = rustix::process::setrlimit(Resource::Core, most(0));
    let _ = rustix::process::setpgid(None, None);
    let _ = rustix::process::nice(10);
    let _ = sys::idle_disk_priority();
    // When memory ends this goes first, not the agent.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    // Modes are the archive's; the root folder of a writer is its own.
    rustix::process::umask(rustix::fs::Mode::empty());
}

/// The end of standard input, SIGTERM and SIGINT are the wish to give up. PR_SET_PDEATHSIG is not needed for that, and would take the
/// end of the thread that started this for the end of the agent.
fn listen(cancel: &Cancel) -> io::Result<()> {
    let wish = cancel.clone();
    thread::Builder::new()
        .name("order".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let mut rest = [0; 64];
            while !matches!(io::stdin().lock().read(&mut rest), Ok(0) | Err(_)) {}
            wish.wish();
        })?;
    let wish = cancel.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let (mut terminate, mut interrupt) = {
        use tokio::signal::unix::{SignalKind, signal};
        let _inside = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        )
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            runtime.block_on(async {
                // Cancel-safe: nobody listens a second time.
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            });
            wish.wish();
        })?;
    Ok(())
}
