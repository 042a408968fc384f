//! The `[[sensor]]` sections: from what was written to what the sampler takes.
use std::ops::RangeInclusive;

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

/// The addresses that a chip of that kind can be given: three pins of an LM75, one pin with four levels of a TMP102 or
/// TMP112; an SHTC1 or SHTC3 has only one.
fn addresses(kind: SensorKind) -> RangeInclusive<u8> {
    match kind {
        SensorKind::Lm75 => 0x48..=0x4F,
        SensorKind::Tmp1x2 => 0x48..=0x4B,
        SensorKind::Shtcx => 0x70..=0x70,
    }
}

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
    let (known, kind) = KINDS
        .into_iter()
        .find(|(known, _)| kind.text() == Ok(known))
        .ok_or_else(|| {
            format!("sensor `kind` = {kind}: write \"lm75\", \"tmp1x2\" or \"shtcx\"")
        })?;
    let address = number(section, "address")?;
    if !addresses(kind).contains(&address) {
        return Err(address_error(known, kind, address));
    }
    Ok(SensorSettings {
        name,
        kind,
        bus: number(section, "bus")?,
        address,
    })
}

fn address_error(known: &str, kind: SensorKind, address: u8) -> String {
    let (least, most) = addresses(kind).into_inner();
    let way_out = match least == most {
        true => format!("write {least:#04x}, its only one"),
        false => format!("write one from {least:#04x} to {most:#04x}"),
    };
    format!("sensor `address` = {address:#04x} is none that a {known} can have; {way_out}")
}

fn value<'a>(section: &'a WrittenSensor, name: &str) -> Result<&'a Raw, String> {
    section
        .values
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
        .ok_or_else(|| format!("a [[sensor]] lacks `{name}`; it needs name, kind, bus and address"))
}

fn number(section: &WrittenSensor, name: &str) -> Result<u8, String> {
    let raw = value(section, name)?;
    let number = match raw {
        Raw::Integer(number) => u8::try_from(*number).ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("sensor `{name}` = {raw}: write an integer from 0 to 255"))
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
