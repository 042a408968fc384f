//! SHTC1, SHTC3 and SHTW2: temperature and relative humidity, each with a checksum (Sensirion SHTC3 data sheet, 5). The
//! `shtcx` crate speaks to it.
use embedded_hal::{delay::DelayNs, i2c::I2c};
use picket_proto::Gap;
use shtcx::{Error, PowerMode};

use super::ambient;

/// The temperature in m°C and the relative humidity in thousandths. A measurement takes 14.4 ms, which `delay` waits.
///
/// # Errors
/// [`Gap::Unreachable`] if no chip answers at that address, [`Gap::Garbled`] if a checksum is wrong, [`Gap::Failed`] for
/// other errors of the bus.
pub fn read<B: I2c>(bus: &mut B, delay: &mut impl DelayNs, address: u8) -> Result<(i64, i64), Gap> {
    match shtcx::generic(bus, address).measure(PowerMode::NormalMode, delay) {
        Ok(climate) => Ok((
            climate.temperature.as_millidegrees_celsius().into(),
            i64::from(climate.humidity.as_millipercent() + 50) / 100,
        )),
        Err(Error::I2c(error)) => Err(ambient::gap(&error)),
        Err(Error::Crc) => Err(Gap::Garbled),
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
    use embedded_hal_mock::eh1::{
        delay::NoopDelay,
        i2c::{Mock, Transaction},
    };

    use super::*;

    const MEASURE: [u8; 2] = [0x78, 0x66];
    /// 23.7 °C and 63 %, the example of the SHTC3 data sheet, with its checksums.
    const ANSWER: [u8; 6] = [0x64, 0x8B, 0xC7, 0xA1, 0x33, 0x1C];

    #[test]
    fn a_measurement_is_asked_for_and_read() {
        let mut bus = Mock::new(&[
            Transaction::write(0x70, MEASURE.to_vec()),
            Transaction::read(0x70, ANSWER.to_vec()),
        ]);
        assert_eq!(read(&mut bus, &mut NoopDelay, 0x70), Ok((23_730, 630)));
        bus.done();
    }

    #[test]
    fn a_wrong_checksum_is_garbled() {
        for byte in 0..6 {
            let mut answer = ANSWER;
            answer[byte] ^= 1;
            let mut bus = Mock::new(&[
                Transaction::write(0x70, MEASURE.to_vec()),
                Transaction::read(0x70, answer.to_vec()),
            ]);
            assert_eq!(read(&mut bus, &mut NoopDelay, 0x70), Err(Gap::Garbled));
            bus.done();
        }
    }

    #[test]
    fn an_error_of_the_bus_is_a_gap() {
        let refusal = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
        let calls = [Transaction::write(0x70, MEASURE.to_vec()).with_error(refusal)];
        let mut bus = Mock::new(&calls);
        assert_eq!(read(&mut bus, &mut NoopDelay, 0x70), Err(Gap::Unreachable));
        bus.done();
    }
}
