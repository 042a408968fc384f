//! The child that installs images, in a guest: with a test's order instead of an agent's, timed and weighed. It knows nothing of what is in
//! an image.
use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use picketd::reinstall::wire::{Event, Install, Order, Stage};

use super::Pi;
use crate::eventually;

/// The export, as a guest with slots has it.
pub const EXPORT: &str = "/run/picket/export";
/// Longer than any order of the tests takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a child said and took.
#[derive(Debug)]
pub struct Run {
    /// With the guest's clock since its boot.
    pub events: Vec<(Duration, Event)>,
    /// The most memory that it had, in bytes.
    pub peak: u64,
}

impl Pi {
    /// Lets a child carry that out, until the image is sealed or it ends. It leaves what an agent would go on with.
    pub fn run_child_until_sealed(&self, order: &Install) -> Run {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let folder = self.export.join(&format!("child-{number}"));
        fs::create_dir(&folder).expect("the export is writable");
        let order = Order::Install(Box::new(order.clone())).line();
        fs::write(folder.join("order"), order).expect("the export is writable");
        fs::write(folder.join("script"), script(number)).expect("the export is writable");
        let here = format!("{EXPORT}/child-{number}");
        self.console().type_line(&format!("sh {here}/script"));
        let end = folder.join("end");
        let text = eventually("the child has ended", PATIENCE, || {
            fs::read_to_string(&end).ok()
        });
        Run::parse(&text)
    }
}

/// The order's pipe stays open, since its end would be the wish to give up. Each line gets the time at which it was read.
fn script(number: usize) -> String {
    format!(
        "cd /run; here={EXPORT}/child-{number}; rm -f order pid said peak; mkfifo order; exec 3<>order
         {{ sh -c 'echo $$ >pid; exec /usr/bin/picketd reinstall-child' <order 2>/dev/null |
             while read -r line; do read -r up rest </proc/uptime; echo \"$up $line\"; done >said; }} &
         cat $here/order >&3
         until pid=$(cat pid) && [ \"$pid\" ]; do sleep 0.1; done
         while now=$(grep VmHWM /proc/$pid/status); do
             echo \"$now\" >peak
             ! grep -q '\"sealed\"' said || kill -9 $pid
             sleep 0.2
         done
         wait; exec 3>&-
         cat peak said >$here/all; mv $here/all $here/end\n"
    )
}

impl Run {
    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let peak = lines
            .next()
            .and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        let events = lines.map(|line| {
            let (seconds, event) = line.split_once(' ').unwrap_or_else(|| panic!("{text}"));
            let event = Event::parse(event).unwrap_or_else(|error| panic!("{error}: {text}"));
            (
                Duration::from_secs_f64(seconds.parse().expect("uptime is seconds")),
                event,
            )
        });
        Self {
            events: events.collect(),
            peak: 1024 * peak.unwrap_or_else(|| panic!("{text}")),
        }
    }

    /// When that stage began.
    pub fn began(&self, wanted: Stage) -> Option<Duration> {
        let mut events = self.events.iter();
        let found =
            events.find(|(_, event)| matches!(event, Event::Stage { stage } if *stage == wanted));
        found.map(|(at, _)| *at)
    }

    /// How long it unpacked, until everything was durable.
    pub fn unpacked_in(&self) -> Duration {
        let sealed = self
            .began(Stage::Sealed)
            .unwrap_or_else(|| panic!("{self:#?}"));
        sealed - self.began(Stage::Unpacking).expect("it comes before")
    }
}
