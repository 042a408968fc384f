//! The `[[sensor]]` sections: from what was written to what the sampler takes.
use picket_proto::metric::AMBIENT_SENSORS;

use super::{
    Effective,
    entry::{Problem, Raw, Reader},
    file::WrittenSensor,
    text,
};
use crate::sampler::{SensorKind, SensorSettings};

const KINDS: [(&str, SensorKind); 3] = [
    ("lm75", SensorKind::Lm75),
    ("tmp1x2", SensorKind::Tmp1x2),
    ("shtcx", SensorKind::Shtcx),
];

/// The valid ones; what is wrong with the others goes to the reader.
pub(super) fn build(reader: &mut Reader, written: &[WrittenSensor]) -> Vec<SensorSettings> {
    let mut sensors = Vec::<SensorSettings>::new();
    for section in written {
        let built = sensor(section).and_then(|sensor| {
            if sensors.len() >= usize::from(AMBIENT_SENSORS) {
                return Err(format!(
                    "there is room for {AMBIENT_SENSORS} sensors; remove a [[sensor]]"
                ));
            }
            match sensors
                .iter()
                .find(|other| (other.bus, other.address) == (sensor.bus, sensor.address))
            {
                Some(other) => Err(format!(
                    "sensor `{}` has the bus and address of `{}`; give each its own",
                    sensor.name, other.name
                )),
                None => Ok(sensor),
            }
        });
        match built {
            Ok(sensor) => {
                reader.note(effective(section, &sensor));
                sensors.push(sensor);
            }
            Err(what) => reader.problem(Problem {
                origin: section.origin.clone(),
                what,
            }),
        }
    }
    sensors
}

fn sensor(section: &WrittenSensor) -> Result<SensorSettings, String> {
    let name = text::word(value(section, "name")?, "-_.")
        .map_err(|why| format!("sensor `name`: {why}"))?;
    let kind = value(section, "kind")?;
    let kind = KINDS
        .iter()
        .find(|(known, _)| kind.text() == Ok(known))
        .map(|(_, kind)| *kind)
        .ok_or_else(|| {
            format!("sensor `kind` = {kind}: write \"lm75\", \"tmp1x2\" or \"shtcx\"")
        })?;
    Ok(SensorSettings {
        name,
        kind,
        bus: number(section, "bus", 0, 255)?,
        address: number(section, "address", 0x08, 0x77)?,
    })
}

fn value<'a>(section: &'a WrittenSensor, name: &str) -> Result<&'a Raw, String> {
    section
        .values
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
        .ok_or_else(|| format!("a [[sensor]] lacks `{name}`; it needs name, kind, bus and address"))
}

fn number(section: &WrittenSensor, name: &str, least: u8, most: u8) -> Result<u8, String> {
    let raw = value(section, name)?;
    let number = match raw {
        Raw::Integer(number) => u8::try_from(*number).ok(),
        _ => None,
    };
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            format!("sensor `{name}` = {raw}: write an integer from {least:#04x} to {most:#04x}")
        })
}

fn effective(section: &WrittenSensor, sensor: &SensorSettings) -> Effective {
    let kind = KINDS
        .iter()
        .find(|(_, kind)| *kind == sensor.kind)
        .map_or("", |(name, _)| name);
    Effective {
        key: format!("sensor.{}", sensor.name),
        value: Some(format!(
            "{kind} on bus {} at {:#04x}",
            sensor.bus, sensor.address
        )),
        origin: section.origin.clone(),
    }
}
