//! What the agent's tests put in the place of the broker, the host and the server: they do what a test says.
use std::{sync::mpsc, time::Duration};

use crate::{
    host::{Host, HostEvent, Root},
    link::{Access, Link, LinkEvent, NotTaken, Publish},
    sources::nfs_in_band::{Answer, Call},
};

/// A server that answers once for each word of the test.
pub(super) struct Gate(pub(super) mpsc::Receiver<()>);

impl Call for Gate {
    fn call(&mut self) -> Answer {
        let _ = self.0.recv();
        Answer {
            took: Ok(Duration::from_micros(400)),
            room: None,
        }
    }
}

/// Takes everything, or nothing.
#[derive(Debug, Default)]
pub(super) struct FakeLink {
    pub(super) full: bool,
    pub(super) taken: Vec<Publish>,
    pub(super) turned_away: usize,
    pub(super) renewed: Vec<Access>,
}

impl Link for FakeLink {
    fn publish(&mut self, publish: Publish) -> Result<(), NotTaken> {
        if self.full {
            self.turned_away += 1;
            return Err(NotTaken);
        }
        self.taken.push(publish);
        Ok(())
    }

    fn renew(&mut self, access: Access) {
        self.renewed.push(access);
    }

    fn stop(&mut self) {}

    async fn event(&mut self) -> LinkEvent {
        unreachable!("no loop runs here")
    }
}

/// A machine that nobody may act on.
#[derive(Debug)]
pub(super) struct NoHost {
    pub(super) root: Root,
}

impl Host for NoHost {
    fn preflight(&mut self) {
        unreachable!("nothing was ordered")
    }

    fn reboot(&mut self) {
        unreachable!("nothing was ordered")
    }

    fn root_is(&mut self, root: Root) {
        self.root = root;
    }

    fn identify(&mut self, _seconds: u16) {
        unreachable!("nothing was ordered")
    }

    fn stop(&mut self) {}

    async fn event(&mut self) -> HostEvent {
        unreachable!("no loop runs here")
    }
}
