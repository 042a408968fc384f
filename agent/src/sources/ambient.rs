//! The ambient sensors of the shelf, as configured: which chip hangs on which I2C bus. Chips and buses have files of their
//! own. On the machine only: in a tree every sensor is absent.
//!
//! An error is a gap, and the bus is opened anew for the next tick. A tick waits for a sensor at most 100 ms (`i2c_bus`)
//! plus 15 ms (`ambient_shtcx`).
use embedded_hal::i2c::{Error, ErrorKind, I2c};
use picket_proto::{
    Gap, MetricId, Reading,
    metric::{AMBIENT_HUMIDITY_1, AMBIENT_SENSORS, AMBIENT_TEMPERATURE_1},
};

use super::{ambient_lm75, ambient_shtcx, ambient_tmp1x2, i2c_bus};
use crate::{
    sampler::{SensorKind, SensorSettings},
    world::World,
};

/// The configured sensors and the buses that they hang on.
#[derive(Debug)]
pub struct AmbientSource<B = rppal::i2c::I2c> {
    sensors: Vec<SensorSettings>,
    buses: Vec<Bus<B>>,
    open: fn(u8) -> Result<B, Gap>,
}

#[derive(Debug)]
struct Bus<B> {
    number: u8,
    device: Option<B>,
}

impl AmbientSource {
    /// The configured sensors of that machine; those beyond [`AMBIENT_SENSORS`] are left out.
    #[must_use]
    pub fn new(world: &World, sensors: &[SensorSettings]) -> Self {
        let open = if world.is_machine() {
            i2c_bus::open
        } else {
            |_| Err(Gap::Absent)
        };
        Self::with_buses(sensors, open)
    }
}

impl<B: I2c> AmbientSource<B> {
    fn with_buses(sensors: &[SensorSettings], open: fn(u8) -> Result<B, Gap>) -> Self {
        let sensors: Vec<_> = sensors
            .iter()
            .take(AMBIENT_SENSORS.into())
            .cloned()
            .collect();
        Self {
            sensors,
            buses: Vec::new(),
            open,
        }
    }

    /// Reads every sensor: temperatures in m°C, relative humidities in thousandths, by ascending metric.
    pub fn read(&mut self) -> Vec<(MetricId, Reading)> {
        let mut readings = Vec::new();
        for at in 0..self.sensors.len() {
            let climate = self.read_sensor(at);
            let place = u16::try_from(at).expect("there are at most AMBIENT_SENSORS");
            let metric = |first: MetricId| MetricId(first.0 + place);
            readings.push((metric(AMBIENT_TEMPERATURE_1), climate.map(|c| c.0)));
            if self.sensors[at].kind == SensorKind::Shtcx {
                let humidity = climate.and_then(|c| c.1.ok_or(Gap::Absent));
                readings.push((metric(AMBIENT_HUMIDITY_1), humidity));
            }
        }
        readings.sort_unstable_by_key(|(metric, _)| *metric);
        readings
    }

    fn read_sensor(&mut self, at: usize) -> Result<Climate, Gap> {
        let sensor = &self.sensors[at];
        let bus = match self.buses.iter().position(|bus| bus.number == sensor.bus) {
            Some(known) => &mut self.buses[known],
            None => {
                self.buses.push(Bus {
                    number: sensor.bus,
                    device: None,
                });
                self.buses.last_mut().expect("one was pushed")
            }
        };
        let mut device = match bus.device.take() {
            Some(device) => device,
            None => (self.open)(bus.number)?,
        };
        let climate = measure(&mut device, sensor)?;
        bus.device = Some(device);
        Ok(climate)
    }
}

/// Temperature in m°C, and relative humidity in thousandths if the chip measures it.
type Climate = (i64, Option<i64>);

fn measure<B: I2c>(bus: &mut B, sensor: &SensorSettings) -> Result<Climate, Gap> {
    match sensor.kind {
        SensorKind::Lm75 => ambient_lm75::read(bus, sensor.address).map(|t| (t, None)),
        SensorKind::Tmp1x2 => ambient_tmp1x2::read(bus, sensor.address).map(|t| (t, None)),
        SensorKind::Shtcx => {
            ambient_shtcx::read(bus, &mut i2c_bus::Pause, sensor.address).map(|(t, h)| (t, Some(h)))
        }
    }
}

/// The gap that an error on the bus stands for: a chip that doesn't acknowledge is unreachable.
pub(crate) fn gap(error: &impl Error) -> Gap {
    match error.kind() {
        ErrorKind::NoAcknowledge(_) => Gap::Unreachable,
        _ => Gap::Failed,
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::{ErrorType, NoAcknowledgeSource, Operation};

    use super::*;

    #[test]
    fn sensors_fill_their_metrics_and_a_failing_bus_is_opened_anew() {
        let sensors = [
            sensor(SensorKind::Lm75, 1),
            sensor(SensorKind::Tmp1x2, 1),
            sensor(SensorKind::Lm75, 2),
        ];
        let mut source = AmbientSource::with_buses(&sensors, |number| match number {
            1 => Ok(OneAnswer { answered: false }),
            _ => Err(Gap::Denied),
        });
        let metric = |place| MetricId(AMBIENT_TEMPERATURE_1.0 + place);
        let first = source.read();
        let expected = [
            (metric(0), Ok(25_500)),
            (metric(1), Err(Gap::Unreachable)),
            (metric(2), Err(Gap::Denied)),
        ];
        assert_eq!(first, expected);
        assert_eq!(source.read(), expected);
    }

    #[test]
    fn in_a_tree_every_sensor_is_absent() {
        let sensors = vec![sensor(SensorKind::Shtcx, 1); 6];
        let mut source = AmbientSource::new(&World::new("/tmp"), &sensors);
        let readings = source.read();
        assert_eq!(readings.len(), 8);
        assert!(
            readings
                .iter()
                .all(|(_, reading)| *reading == Err(Gap::Absent))
        );
        assert!(readings.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_bus_that_the_machine_lacks_is_absent() {
        let mut source = AmbientSource::new(&World::new("/"), &[sensor(SensorKind::Lm75, 250)]);
        assert_eq!(source.read()[0].1, Err(Gap::Absent));
    }

    /// A bus that answers one call and is broken then.
    struct OneAnswer {
        answered: bool,
    }

    impl ErrorType for OneAnswer {
        type Error = ErrorKind;
    }

    impl I2c for OneAnswer {
        fn transaction(&mut self, _: u8, calls: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
            if std::mem::replace(&mut self.answered, true) {
                return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
            }
            for call in calls {
                if let Operation::Read(bytes) = call {
                    bytes.copy_from_slice(&[0x19, 0x80]);
                }
            }
            Ok(())
        }
    }

    fn sensor(kind: SensorKind, bus: u8) -> SensorSettings {
        SensorSettings {
            name: "cold aisle".to_owned(),
            kind,
            bus,
            address: 0x48,
        }
    }
}
