//! What stands in a unit test where the machine stands otherwise: a type without a value, so that no unit test can bring down what it
//! runs on. It knows nothing.
use std::time::Duration;

use super::ladder::Rungs;
use crate::world::World;

/// There is none.
#[derive(Debug)]
pub(super) enum Machine {}

impl Machine {
    pub(super) fn open(_: &World) -> Result<Self, String> {
        Err("this is a unit test".to_owned())
    }

    pub(super) fn ladder(&self) -> Box<dyn Rungs + Send> {
        match *self {}
    }
}

impl Rungs for Machine {
    fn signal(&self) -> Result<i32, String> {
        match *self {}
    }

    fn ask(&mut self, _: i32) -> Result<(), String> {
        match *self {}
    }

    fn sync(&mut self, _: Duration) -> bool {
        match *self {}
    }

    fn reboot(&mut self) -> Result<(), String> {
        match *self {}
    }

    fn sysrq(&mut self) -> Result<(), String> {
        match *self {}
    }

    fn wait(&mut self, _: Duration) {
        match *self {}
    }
}
