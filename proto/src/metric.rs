//! The registry of metrics: id, name, unit, scale, gauge or counter. An id is never used again for something else.
use alloc::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The number of a metric on the wire. In JSON it is the name of a known metric, else the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId(pub u16);

/// How values of a metric follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A value that stands for itself.
    Gauge,
    /// A sum that only grows while the agent runs; differences mean something.
    Counter,
    /// Bits that are set or not.
    Flags,
}

/// What a metric means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Its number on the wire.
    pub id: MetricId,
    /// Its name in JSON, in `picket watch` and in the configuration.
    pub name: &'static str,
    /// What one unit of the divided value is.
    pub unit: &'static str,
    /// The integer on the wire divided by this gives the unit.
    pub scale: u32,
    /// Gauge, counter or flags.
    pub kind: Kind,
    /// One line for people.
    pub help: &'static str,
}

const fn metric(
    id: u16,
    name: &'static str,
    unit: (&'static str, u32),
    kind: Kind,
    help: &'static str,
) -> Metric {
    Metric {
        id: MetricId(id),
        name,
        unit: unit.0,
        scale: unit.1,
        kind,
        help,
    }
}

const CELSIUS: (&str, u32) = ("°C", 1000);
const LOAD: (&str, u32) = ("", 100);
const MILLISECONDS: (&str, u32) = ("ms", 1000);
const COUNT: (&str, u32) = ("", 1);

macro_rules! registry {
    ($($name:ident = $id:literal, $text:literal, $unit:expr, $kind:ident, $help:literal;)*) => {
        $(#[doc = $help] pub const $name: MetricId = MetricId($id);)*
        /// Every metric, by ascending id.
        pub const REGISTRY: &[Metric] = &[$(metric($id, $text, $unit, Kind::$kind, $help)),*];
    };
}

registry! {
    SOC_TEMPERATURE = 1, "soc_temperature", CELSIUS, Gauge, "Temperature of the SoC";
    THROTTLED = 2, "throttled", COUNT, Flags, "Firmware's get_throttled bits: 0 under-voltage, 1 frequency capped, 2 throttled, 3 soft limit; 16 to 19 the same, seen since the agent started";
    UNDER_VOLTAGE = 3, "under_voltage", COUNT, Flags, "1 while the supply voltage is too low";
    CPU_FREQUENCY = 4, "cpu_frequency", ("MHz", 1000), Gauge, "Current frequency of CPU 0";
    LOAD1 = 5, "load1", LOAD, Gauge, "Load average of 1 minute";
    LOAD5 = 6, "load5", LOAD, Gauge, "Load average of 5 minutes";
    LOAD15 = 7, "load15", LOAD, Gauge, "Load average of 15 minutes";
    CPU_BUSY = 8, "cpu_busy", ("%", 10), Gauge, "Share of all CPU time that was not idle since the last tick";
    MEMORY_AVAILABLE = 9, "memory_available", ("KiB", 1), Gauge, "MemAvailable of /proc/meminfo";
    UPTIME = 10, "uptime", ("s", 1), Gauge, "Seconds since the kernel started";
    NFS_OPS = 11, "nfs_ops", COUNT, Counter, "Operations that the root mount completed";
    NFS_RTT = 12, "nfs_rtt", MILLISECONDS, Gauge, "Mean round trip of the root mount's operations since the last tick";
    NFS_EXECUTE = 13, "nfs_execute", MILLISECONDS, Gauge, "Mean time from start to end of the root mount's operations since the last tick";
    NFS_QUEUE = 14, "nfs_queue", MILLISECONDS, Gauge, "Mean time that the root mount's operations waited to be sent since the last tick";
    NFS_RETRANSMITS = 15, "nfs_retransmits", COUNT, Counter, "Transmissions of the root mount beyond the first of each operation";
    NFS_TIMEOUTS = 16, "nfs_timeouts", COUNT, Counter, "Major timeouts of the root mount's operations";
    NFS_ERRORS = 17, "nfs_errors", COUNT, Counter, "Operations of the root mount that ended in an error (Linux 5.3 and later)";
    NFS_NULL_RTT = 18, "nfs_null_rtt", MILLISECONDS, Gauge, "Round trip of an RPC NULL call on the agent's own connection to the NFS server";
    NFS_PENDING = 19, "nfs_pending", COUNT, Gauge, "RPC calls that wait for the NFS server now, of all its transports";
    NFS_RECONNECTS = 20, "nfs_reconnects", COUNT, Counter, "Connections that the root mount's transports made";
    NFS_IN_BAND_RTT = 21, "nfs_in_band_rtt", MILLISECONDS, Gauge, "Round trip of a GETATTR on the root mount's own connection, as the kernel makes it for any process";
    NFS_UNANSWERED = 22, "nfs_unanswered", ("s", 1000), Gauge, "Age of the oldest probe of the NFS server without an answer; 0 when all are answered";
    AMBIENT_TEMPERATURE_1 = 64, "ambient_temperature_1", CELSIUS, Gauge, "Temperature at the configured sensor 1";
    AMBIENT_TEMPERATURE_2 = 65, "ambient_temperature_2", CELSIUS, Gauge, "Temperature at the configured sensor 2";
    AMBIENT_TEMPERATURE_3 = 66, "ambient_temperature_3", CELSIUS, Gauge, "Temperature at the configured sensor 3";
    AMBIENT_TEMPERATURE_4 = 67, "ambient_temperature_4", CELSIUS, Gauge, "Temperature at the configured sensor 4";
    AMBIENT_HUMIDITY_1 = 72, "ambient_humidity_1", ("%", 10), Gauge, "Relative humidity at the configured sensor 1";
    AMBIENT_HUMIDITY_2 = 73, "ambient_humidity_2", ("%", 10), Gauge, "Relative humidity at the configured sensor 2";
    AMBIENT_HUMIDITY_3 = 74, "ambient_humidity_3", ("%", 10), Gauge, "Relative humidity at the configured sensor 3";
    AMBIENT_HUMIDITY_4 = 75, "ambient_humidity_4", ("%", 10), Gauge, "Relative humidity at the configured sensor 4";
}

/// How many ambient sensors the registry has room for.
pub const AMBIENT_SENSORS: u16 = 4;

impl MetricId {
    /// The registry's entry, if this version knows the metric.
    #[must_use]
    pub fn metric(self) -> Option<&'static Metric> {
        REGISTRY
            .binary_search_by_key(&self, |metric| metric.id)
            .ok()
            .map(|at| &REGISTRY[at])
    }

    /// The metric with that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        REGISTRY
            .iter()
            .find(|metric| metric.name == name)
            .map(|metric| metric.id)
    }
}

impl Serialize for MetricId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.metric() {
            Some(metric) if serializer.is_human_readable() => serializer.serialize_str(metric.name),
            _ => serializer.serialize_u16(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for MetricId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text<'a> {
            Number(u16),
            #[serde(borrow)]
            Name(Cow<'a, str>),
        }
        if !deserializer.is_human_readable() {
            return u16::deserialize(deserializer).map(Self);
        }
        match Text::deserialize(deserializer)? {
            Text::Number(id) => Ok(Self(id)),
            Text::Name(name) => Self::by_name(&name)
                .ok_or_else(|| de::Error::custom(alloc::format!("no metric is called {name:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_names_are_unique() {
        for pair in REGISTRY.windows(2) {
            assert!(
                pair[0].id < pair[1].id,
                "{} and {}",
                pair[0].name,
                pair[1].name
            );
        }
        for metric in REGISTRY {
            assert_eq!(MetricId::by_name(metric.name), Some(metric.id));
            assert_eq!(metric.id.metric(), Some(metric));
        }
    }
}
