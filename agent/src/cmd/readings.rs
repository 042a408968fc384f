//! One sample as text, for people and for programs. It knows the registry and no source.
use std::io::{self, Write};

use picket_proto::{
    DeviceId, Gap, Metric, Reading,
    metric::{Kind, MetricId},
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::sampler::Sample;

const NAMELESS: &str =
    "nothing names this machine; give it an id in a configuration, and that with --config";

/// Writes `{"device":ID,"readings":{NAME:INTEGER,..},"gaps":{NAME:REASON,..}}`, in the order of the registry, on one
/// line without its end. Values are the integers of the wire; a device without an id is null.
///
/// # Errors
/// The writer's.
pub(super) fn json(
    device: Option<DeviceId>,
    sample: &Sample,
    out: &mut impl Write,
) -> serde_json::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        device: Option<DeviceId>,
        readings: Values<'a>,
        gaps: Gaps<'a>,
    }
    let line = Line {
        device,
        readings: Values(sample),
        gaps: Gaps(sample),
    };
    serde_json::to_writer(out, &line)
}

/// Writes one metric a line: its name and its value in its unit, or what its gap means.
///
/// # Errors
/// The writer's.
pub(super) fn table(
    device: Option<DeviceId>,
    sample: &Sample,
    out: &mut impl Write,
) -> io::Result<()> {
    match device {
        Some(id) => writeln!(out, "{:<22} {id}", "device")?,
        None => writeln!(out, "{:<22} - {NAMELESS}", "device")?,
    }
    for (metric, reading) in known(sample) {
        match reading {
            Ok(value) => writeln!(out, "{:<22} {}", metric.name, scaled(metric, value))?,
            Err(gap) => writeln!(out, "{:<22} - {gap}: {}", metric.name, meaning(gap))?,
        }
    }
    Ok(())
}

struct Values<'a>(&'a Sample);
struct Gaps<'a>(&'a Sample);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (metric, value) in known(self.0).filter_map(|(m, r)| Some((m, r.ok()?))) {
            map.serialize_entry(metric.name, &value)?;
        }
        map.end()
    }
}

impl Serialize for Gaps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (metric, gap) in known(self.0).filter_map(|(m, r)| Some((m, r.err()?))) {
            map.serialize_entry(metric.name, &gap)?;
        }
        map.end()
    }
}

fn known(sample: &Sample) -> impl Iterator<Item = (&'static Metric, Reading)> {
    let lookup = |(id, reading): &(MetricId, Reading)| Some((id.metric()?, *reading));
    sample.0.iter().filter_map(lookup)
}

/// The value in the metric's unit, with as many decimals as its scale has zeroes; flags in hexadecimal.
fn scaled(metric: &Metric, value: i64) -> String {
    if metric.kind == Kind::Flags {
        return format!("{value:#x}");
    }
    let decimals = metric.scale.ilog10() as usize;
    let scale = u64::from(metric.scale);
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (value.unsigned_abs() / scale, value.unsigned_abs() % scale);
    let number = match decimals {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{rest:0decimals$}"),
    };
    format!("{number} {}", metric.unit).trim_end().to_owned()
}

/// What a gap means, in words.
pub(super) fn meaning(gap: Gap) -> &'static str {
    match gap {
        Gap::Absent => "this machine has no such source",
        Gap::Denied => "the source is there and may not be read; run as root",
        Gap::Failed => "reading the source failed",
        Gap::Garbled => "what the source holds is not in its format",
        Gap::TooLarge => "the source holds more than any such source does",
        Gap::TimedOut => "no answer within the deadline",
        Gap::FirstInterval => "needs two samples; give --interval",
        Gap::Reset => "a counter went back between the samples",
        Gap::Idle => "nothing happened between the samples",
        Gap::Unreachable => "the peer refused, or the line broke",
        Gap::Unknown => "this machine can't tell",
        Gap::UnknownForm => "stands in a form that a newer picketd knows",
        Gap::Other(_) => "a reason that a newer picketd knows",
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::metric;

    use super::*;

    #[test]
    fn a_sample_is_one_line_of_json_in_the_order_of_the_registry() {
        let mut out = Vec::new();
        json(
            Some(DeviceId([0, 0, 0, 0, 1, 2, 3, 4])),
            &sample(),
            &mut out,
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"device\":\"0000000001020304\",\
             \"readings\":{\"soc_temperature\":-48312,\"throttled\":327685,\"load1\":37,\"uptime\":5},\
             \"gaps\":{\"cpu_frequency\":\"absent\",\"cpu_busy\":\"first_interval\"}}"
        );
    }

    #[test]
    fn a_table_has_units_and_words_for_gaps() {
        let mut out = Vec::new();
        table(
            Some(DeviceId([0, 0, 0, 0, 1, 2, 3, 4])),
            &sample(),
            &mut out,
        )
        .unwrap();
        let expected = [
            "device                 0000000001020304",
            "soc_temperature        -48.312 °C",
            "throttled              0x50005",
            "cpu_frequency          - absent: this machine has no such source",
            "load1                  0.37",
            "cpu_busy               - first_interval: needs two samples; give --interval",
            "uptime                 5 s",
        ];
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    fn sample() -> Sample {
        Sample(vec![
            (metric::SOC_TEMPERATURE, Ok(-48_312)),
            (metric::THROTTLED, Ok(0x5_0005)),
            (metric::CPU_FREQUENCY, Err(Gap::Absent)),
            (metric::LOAD1, Ok(37)),
            (metric::CPU_BUSY, Err(Gap::FirstInterval)),
            (metric::UPTIME, Ok(5)),
        ])
    }
}
