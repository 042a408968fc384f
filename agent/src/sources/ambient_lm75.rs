//! LM75 and its kin: temperature in steps of half a degree (NXP LM75A data sheet, 7.4.3). The `lm75` crate speaks to it.
use embedded_hal::i2c::I2c;
use lm75::{Error, Lm75};
use picket_proto::{Gap, Reading};

use super::ambient;

/// The temperature in m°C.
///
/// # Errors
/// [`Gap::Unreachable`] if no chip answers at that address, [`Gap::Failed`] for other errors of the bus.
pub fn read<B: I2c>(bus: &mut B, address: u8) -> Reading {
    match Lm75::new(bus, address).read_temperature() {
        Ok(celsius) => Ok((celsius * 1000.0).round() as i64),
        Err(Error::I2C(error)) => Err(ambient::gap(&error)),
        Err(Error::InvalidInputData) => Err(Gap::Garbled),
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

    use super::*;

    #[test]
    fn the_register_is_read_once_and_understood() {
        for (register, temperature) in [
            ([0x19, 0x80], 25_500),
            ([0x00, 0x00], 0),
            ([0xFF, 0x80], -500),
            ([0xC9, 0x00], -55_000),
            ([0x7D, 0x00], 125_000),
        ] {
            let mut bus = Mock::new(&[Transaction::write_read(0x4F, vec![0], register.to_vec())]);
            assert_eq!(read(&mut bus, 0x4F), Ok(temperature), "{register:x?}");
            bus.done();
        }
    }

    #[test]
    fn an_error_of_the_bus_is_a_gap() {
        for (kind, gap) in [
            (
                ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
                Gap::Unreachable,
            ),
            (ErrorKind::Bus, Gap::Failed),
        ] {
            let call = Transaction::write_read(0x48, vec![0], vec![0, 0]).with_error(kind);
            let mut bus = Mock::new(&[call]);
            assert_eq!(read(&mut bus, 0x48), Err(gap));
            bus.done();
        }
    }
}
