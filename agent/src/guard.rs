//! The guard: ends the way down of a machine that was ordered to reboot and hangs on it, since systemd stops the agent first and may
//! hang later. It waits for an [`Order`] in the run directory, which the agent puts there before it asks systemd, and does nothing
//! without one. It knows neither commands nor signatures, and not how a machine is brought down.
//!
//! ```text
//!            order                            still there after the patience
//! waiting ----------> the machine goes down ---------------------------------> acts, once an order
//!    ^                        |
//!    +------------------------+
//!       order taken back: the agent has tried everything, and says so
//! ```
//! While there is no order it is blocked in one system call, without a deadline.
mod order;
mod watch;

use std::{io, ops::ControlFlow, path::Path, time::Duration};

use picket_proto::BootId;

use crate::clock::boottime_ms;
pub use order::{Order, Post};
use watch::Watch;

/// What the guard does next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Waits for a change in the run directory, so long at most.
    Wait(Option<Duration>),
    /// Brings the machine down.
    Act,
}

/// Guards until `act` breaks, which brings the machine down and comes back only if it is still up. Each order is acted on once, when
/// the patience that it names is over, or `most`.
///
/// # Errors
/// The run directory can't be watched, or is gone: then whoever started the guard starts it again.
pub fn run(
    run_dir: &Path,
    boot: BootId,
    most: Duration,
    mut act: impl FnMut(&Order) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut watch = Watch::new(run_dir)?;
    let mut done = None;
    loop {
        // Safety-order: read after the watch began, and again after each wait, so that an order that was taken back is none.
        let order = Order::read(run_dir).filter(|order| Some(order) != done.as_ref());
        match (next(order.as_ref(), boot, boottime_ms(), most), order) {
            (Next::Act, Some(order)) => {
                if act(&order).is_break() {
                    return Ok(());
                }
                done = Some(order);
            }
            (Next::Wait(most), _) => watch.wait(most)?,
            (Next::Act, None) => unreachable!("only an order is acted on"),
        }
    }
}

/// An order of another boot, or of the future, is none.
fn next(order: Option<&Order>, boot: BootId, now_ms: u64, most: Duration) -> Next {
    let Some(order) = order.filter(|order| order.boot == boot) else {
        return Next::Wait(None);
    };
    let Some(passed) = now_ms.checked_sub(order.asked_ms) else {
        return Next::Wait(None);
    };
    let patience = Duration::from_millis(order.patience_ms).min(most);
    match patience.checked_sub(Duration::from_millis(passed)) {
        Some(left) if !left.is_zero() => Next::Wait(Some(left)),
        _ => Next::Act,
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    const BOOT: BootId = BootId([7; 16]);

    #[test]
    fn only_an_order_of_this_boot_whose_time_is_over_is_acted_on() {
        let order = |boot, asked_ms, patience_ms| {
            Some(Order {
                boot,
                asked_ms,
                patience_ms,
            })
        };
        let wait = |ms| Next::Wait(Some(Duration::from_millis(ms)));
        for (order, now_ms, expected) in [
            (None, 1_000_000, Next::Wait(None)),
            (order(BOOT, 5_000, 95_000), 5_000, wait(95_000)),
            (order(BOOT, 5_000, 95_000), 99_999, wait(1)),
            (order(BOOT, 5_000, 95_000), 100_000, Next::Act),
            (order(BOOT, 5_000, 15_000), 19_999, wait(1)),
            (order(BOOT, 5_000, 15_000), 20_000, Next::Act),
            (order(BOOT, 5_000, u64::MAX), 5_000, wait(95_000)),
            (order(BOOT, 5_000, 95_000), u64::MAX, Next::Act),
            (order(BOOT, 5_001, 95_000), 5_000, Next::Wait(None)),
            (order(BootId([8; 16]), 0, 0), 1_000_000, Next::Wait(None)),
        ] {
            let next = next(order.as_ref(), BOOT, now_ms, Duration::from_secs(95));
            assert_eq!(next, expected, "{order:?} at {now_ms}");
        }
    }

    #[test]
    fn a_run_directory_that_goes_away_ends_the_guard() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = folder.path().join("picket");
        std::fs::create_dir(&run_dir).unwrap();
        let (ends, ended) = mpsc::channel();
        thread::spawn({
            let run_dir = run_dir.clone();
            move || {
                let guarded = run(&run_dir, BOOT, Duration::MAX, |_| {
                    panic!("there is no order")
                });
                ends.send(guarded.is_err())
            }
        });
        std::fs::remove_dir(&run_dir).unwrap();
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(true));
    }

    #[test]
    fn it_acts_on_an_order_once_and_on_none_that_was_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = folder.path().to_owned();
        let (acts, acted) = mpsc::channel();
        let guard = thread::spawn(move || {
            let mut count = 0;
            run(&run_dir, BOOT, Duration::MAX, |order| {
                acts.send(order.clone()).unwrap();
                count += 1;
                match count {
                    3 => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            })
        });
        let post = Post::new(folder.path(), Some(BOOT));
        for _ in 0..3 {
            post.give(Duration::ZERO).unwrap();
            let order = acted.recv_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!(order.boot, BOOT);
            // Files that say nothing to the guard wake it up, and it finds the order that it has acted on.
            std::fs::write(folder.path().join("other"), "").unwrap();
            post.take_back();
            assert_eq!(Order::read(folder.path()), None);
            while boottime_ms() == order.asked_ms {
                thread::yield_now();
            }
        }
        guard.join().unwrap().unwrap();
        assert!(acted.recv().is_err(), "it acted three times");
    }
}
