//! The I2C buses of the machine, over rppal: the only file that knows it. Chips are spoken to over embedded-hal's traits.
use std::{thread, time::Duration};

use embedded_hal::delay::DelayNs;
use picket_proto::Gap;
use rppal::i2c::{Error, I2c};

use crate::world;

/// A transfer ends after this many units of 10 ms (i2c-dev's `I2C_TIMEOUT`).
const TIMEOUT: u32 = 10;

/// Opens `/dev/i2c-{number}`.
///
/// # Errors
/// [`Gap::Absent`] without that bus, [`Gap::Denied`] without the right to it, [`Gap::Failed`] for everything else.
pub fn open(number: u8) -> Result<I2c, Gap> {
    let bus = I2c::with_bus(number).map_err(|error| gap(&error))?;
    bus.set_timeout(TIMEOUT).map_err(|error| gap(&error))?;
    Ok(bus)
}

fn gap(error: &Error) -> Gap {
    match error {
        Error::Io(error) => world::gap(error),
        _ => Gap::Failed,
    }
}

/// Lets the thread sleep while a chip measures.
#[derive(Debug, Clone, Copy)]
pub struct Pause;

impl DelayNs for Pause {
    fn delay_ns(&mut self, ns: u32) {
        thread::sleep(Duration::from_nanos(ns.into()));
    }
}
