//! TMP102 and TMP112: temperature in steps of a sixteenth of a degree, converted continuously from power-up on (TI TMP102
//! data sheet, 7.3.1 and 7.5.3). The `tmp1x2` crate speaks to it.
use embedded_hal::i2c::I2c;
use picket_proto::{Gap, Reading};
use tmp1x2::{Error, SlaveAddr, Tmp1x2};

use super::ambient;

/// The chip has four addresses, 0x48 to 0x4B.
const FIRST_ADDRESS: u8 = 0x48;

/// The temperature in m°C.
///
/// # Errors
/// [`Gap::Absent`] for an address that such a chip can't have, [`Gap::Unreachable`] if none answers there,
/// [`Gap::Failed`] for other errors of the bus.
pub fn read<B: I2c>(bus: &mut B, address: u8) -> Reading {
    let pins = address
        .checked_sub(FIRST_ADDRESS)
        .filter(|&pins| pins < 4)
        .ok_or(Gap::Absent)?;
    let address = SlaveAddr::Alternative(pins & 2 != 0, pins & 1 != 0);
    match Tmp1x2::new(bus, address).read_temperature() {
        Ok(celsius) => Ok((celsius * 1000.0).round() as i64),
        Err(Error::I2C(error)) => Err(ambient::gap(&error)),
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

    use super::*;

    #[test]
    fn the_register_is_read_once_and_understood() {
        for (address, register, temperature) in [
            (0x48, [0x19, 0x10], 25_063),
            (0x49, [0x00, 0x00], 0),
            (0x4A, [0xFF, 0xF0], -63),
            (0x4B, [0xE7, 0x00], -25_000),
        ] {
            let call = Transaction::write_read(address, vec![0], register.to_vec());
            let mut bus = Mock::new(&[call]);
            assert_eq!(read(&mut bus, address), Ok(temperature), "{register:x?}");
            bus.done();
        }
    }

    #[test]
    fn an_address_beyond_the_chips_four_is_not_asked() {
        for address in [0x00, 0x47, 0x4C, 0xFF] {
            let mut bus = Mock::new(&[]);
            assert_eq!(read(&mut bus, address), Err(Gap::Absent));
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
            (ErrorKind::ArbitrationLoss, Gap::Failed),
        ] {
            let call = Transaction::write_read(0x48, vec![0], vec![0, 0]).with_error(kind);
            let mut bus = Mock::new(&[call]);
            assert_eq!(read(&mut bus, 0x48), Err(gap));
            bus.done();
        }
    }
}
