//! What is valid to run with. Each part is built from its own keys.
use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use picket_proto::{
    DeviceId,
    topic::{self, DEFAULT_ROOT},
};
use tracing::level_filters::LevelFilter;

use super::{
    broker::Broker,
    entry::{Raw, Reader},
    file::WrittenSensor,
    periods::{PERIODS_MS, Periods, WINDOWS_MS},
    reinstalls::{self, Reinstalls},
    sensor, text,
};
use crate::{
    lifeboat::Wanted,
    link::Credentials,
    sampler::{NfsInBand, NfsProbe, SamplerSettings},
    telemetry::{AckMode, MAX_TEMPERATURE_LIMITS, MIN_SPOOL_BYTES},
    trust::Unjudged,
};

/// Everything that an agent is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The device's id; `None` means the board's serial number.
    pub id: Option<DeviceId>,
    /// How to reach the broker.
    pub link: LinkSettings,
    /// What to read.
    pub sampler: SamplerSettings,
    /// When to speak, and until when to keep.
    pub telemetry: TelemetryPart,
    /// Where the spool is saved at an orderly stop.
    pub state_dir: PathBuf,
    /// The file that says who may sign commands, in OpenSSH's allowed_signers format. Whether it can be read shows when it is: an
    /// agent without it still observes.
    pub allowed_signers: Option<PathBuf>,
    /// Whether a signer with a validity counts while the clock is unknown.
    pub signers_without_clock: Unjudged,
    /// Whether the agent must live on when the root file system's server doesn't answer.
    pub lifeboat: Wanted,
    /// Where images come from.
    pub reinstalls: Reinstalls,
    /// Up to which level to log.
    pub log: LevelFilter,
}

/// How to reach the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// Where it is.
    pub broker: Broker,
    /// The first word of every topic.
    pub topic_root: String,
    /// 5 s to 1 h: an MQTT ping is sent this often.
    pub keep_alive: Duration,
    /// The first connect comes after a random part of this.
    pub connect_spread: Duration,
    /// The user name.
    pub user: Option<String>,
    /// The file with the password in its first line.
    pub password_file: Option<PathBuf>,
    /// Files for TLS.
    pub tls: TlsFiles,
}

/// Files for TLS, all PEM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    /// Certificates of the authorities that may vouch for the broker; always there with `mqtts`.
    pub ca: Option<PathBuf>,
    /// The client's certificate and key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// The settings of telemetry that come from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryPart {
    /// Time between ticks and between batches, unless a signed `Configure` says otherwise.
    pub periods: Periods,
    /// Who must confirm a tick before it is forgotten.
    pub ack: AckMode,
    /// Memory for what is not confirmed, in bytes.
    pub spool_bytes: usize,
    /// Limits whose crossing is an event, in m°C.
    pub temperature_limits: Vec<i32>,
    /// How far below a limit it counts as left, in m°C.
    pub hysteresis: i32,
}

impl Settings {
    /// Which files say who the agent is at the broker.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials {
            settings: self.link.clone(),
            state_dir: self.state_dir.clone(),
        }
    }
}

/// Takes every key, in the order of the table.
pub(super) fn build(reader: &mut Reader, sensors: &[WrittenSensor]) -> Settings {
    let broker = reader.take("broker", |raw| raw.text()?.parse::<Broker>());
    let id = reader.take_optional("id", |raw| {
        raw.text()?
            .parse()
            .map_err(|_| "write 16 hex digits, like \"00000000a1b2c3d4\"".to_owned())
    });
    let topic_root = reader.take("topic_root", topic_root);
    let allowed_signers = reader.take_optional("allowed_signers", absolute);
    let signers_without_clock = reader.take("signers_without_clock", unjudged);
    let state_dir = reader.take("state_dir", absolute);
    let telemetry = telemetry(reader);
    let nfs_probe = reader.take("nfs_probe", nfs_probe);
    let nfs_in_band = reader.take("nfs_in_band", nfs_in_band);
    let lifeboat = reader.take("lifeboat", lifeboat);
    let log = reader.take("log", level);
    let reinstalls = reinstalls::build(reader, allowed_signers.as_ref());
    let link = link(reader, broker, topic_root);
    Settings {
        id,
        link,
        sampler: SamplerSettings {
            nfs_probe,
            nfs_in_band,
            sensors: sensor::build(reader, sensors),
        },
        telemetry,
        state_dir,
        allowed_signers,
        signers_without_clock,
        lifeboat,
        reinstalls,
        log,
    }
}

fn telemetry(reader: &mut Reader) -> TelemetryPart {
    let ack = reader.take("ack", ack);
    TelemetryPart {
        periods: periods(reader),
        ack,
        spool_bytes: reader.take("spool", |raw| {
            text::size(raw, MIN_SPOOL_BYTES, 16 * 1024 * 1024)
        }),
        temperature_limits: reader.take("temperature_limits", limits),
        hysteresis: reader.take("temperature_hysteresis", |raw| match raw {
            Raw::Integer(degrees @ 1..=20) => Ok(*degrees as i32 * 1_000),
            _ => Err("write whole degrees Celsius from 1 to 20".to_owned()),
        }),
    }
}

fn periods(reader: &mut Reader) -> Periods {
    let mut take = |name, range: RangeInclusive<u32>| {
        let (least, most) = (u64::from(*range.start()), u64::from(*range.end()));
        let ms = reader.take(name, |raw| text::duration_ms(raw, least, most));
        u32::try_from(ms).expect("the range is one of 32 bits")
    };
    let period_ms = take("sample_every", PERIODS_MS);
    let window_ms = take("window", WINDOWS_MS);
    Periods::new(period_ms, window_ms).unwrap_or_else(|why| {
        reader.blame("window", why);
        Periods::default()
    })
}

fn link(reader: &mut Reader, broker: Broker, topic_root: String) -> LinkSettings {
    let ms =
        |raw: &Raw, least, most| text::duration_ms(raw, least, most).map(Duration::from_millis);
    let connect_spread = reader.take("connect_spread", |raw| ms(raw, 0, 600_000));
    let keep_alive = reader.take("keep_alive", |raw| ms(raw, 5_000, 3_600_000));
    let user = reader.take_optional("user", |raw| text::word(raw, "-_.@:"));
    let password_file = reader.take_file("password_file");
    if password_file.is_some() && user.is_none() {
        reader.blame(
            "password_file",
            "`password_file` without `user`; set user, because MQTT has no password alone"
                .to_owned(),
        );
    }
    LinkSettings {
        tls: tls(reader, &broker),
        broker,
        topic_root,
        keep_alive,
        connect_spread,
        user,
        password_file,
    }
}

fn tls(reader: &mut Reader, broker: &Broker) -> TlsFiles {
    let ca = reader.take_file("tls.ca");
    let certificate = reader.take_file("tls.certificate");
    let key = reader.take_file("tls.key");
    if broker.tls && ca.is_none() {
        reader.blame(
            "broker",
            format!(
                "`broker` = \"{broker}\" wants TLS, and nothing says whom to trust; set ca in [tls]"
            ),
        );
    }
    if certificate.is_some() != key.is_some() {
        let (there, lacking) = if key.is_none() {
            ("certificate", "key")
        } else {
            ("key", "certificate")
        };
        reader.blame(
            &format!("tls.{there}"),
            format!("`tls.{there}` without `tls.{lacking}`; set both or none"),
        );
    }
    TlsFiles {
        ca,
        client: certificate.zip(key),
    }
}

fn topic_root(raw: &Raw) -> Result<String, String> {
    let root = raw.text()?;
    if !topic::is_root(root) {
        return Err(format!(
            "write words of letters, digits or any of -_. with / between them, like \"{DEFAULT_ROOT}\""
        ));
    }
    Ok(root.to_owned())
}

fn ack(raw: &Raw) -> Result<AckMode, String> {
    match raw.text()? {
        topic::PUBACK => Ok(AckMode::Puback),
        name if topic::is_collector(name) => Ok(AckMode::Collector(name.to_owned())),
        _ => Err(format!(
            "write \"{}\", or the name of the collector whose acks count: 1 to 64 letters, digits or any of -_.",
            topic::PUBACK
        )),
    }
}

fn limits(raw: &Raw) -> Result<Vec<i32>, String> {
    let wrong = || {
        format!(
            "write at most {MAX_TEMPERATURE_LIMITS} whole degrees Celsius from -40 to 150, ascending, like [80, 85]"
        )
    };
    let Raw::Integers(limits) = raw else {
        return Err(wrong());
    };
    let ascending = limits.windows(2).all(|pair| pair[0] < pair[1]);
    let in_range = limits.iter().all(|limit| (-40..=150).contains(limit));
    if !ascending || !in_range || limits.len() > MAX_TEMPERATURE_LIMITS {
        return Err(wrong());
    }
    Ok(limits.iter().map(|limit| *limit as i32 * 1_000).collect())
}

fn nfs_probe(raw: &Raw) -> Result<NfsProbe, String> {
    match raw.text()? {
        "auto" => Ok(NfsProbe::Auto),
        "off" => Ok(NfsProbe::Off),
        server => server.parse().map(NfsProbe::Server).map_err(|_| {
            "write \"auto\", \"off\", or the server's address and port, like \"192.0.2.1:2049\""
                .to_owned()
        }),
    }
}

fn nfs_in_band(raw: &Raw) -> Result<NfsInBand, String> {
    match raw.text()? {
        "auto" => Ok(NfsInBand::Auto),
        "off" => Ok(NfsInBand::Off),
        _ => Err("write \"auto\" or \"off\"".to_owned()),
    }
}

fn lifeboat(raw: &Raw) -> Result<Wanted, String> {
    match raw.text()? {
        "auto" => Ok(Wanted::Auto),
        "off" => Ok(Wanted::Off),
        "required" => Ok(Wanted::Required),
        _ => Err("write \"auto\", \"off\" or \"required\"".to_owned()),
    }
}

fn unjudged(raw: &Raw) -> Result<Unjudged, String> {
    match raw.text()? {
        "refuse" => Ok(Unjudged::Refuse),
        "accept" => Ok(Unjudged::Accept),
        _ => Err("write \"refuse\" or \"accept\"".to_owned()),
    }
}

fn level(raw: &Raw) -> Result<LevelFilter, String> {
    raw.text()?.parse().map_err(|_| {
        "write \"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"".to_owned()
    })
}

pub(super) fn absolute(raw: &Raw) -> Result<PathBuf, String> {
    let path = PathBuf::from(raw.text()?);
    match path.is_absolute() {
        true => Ok(path),
        false => Err("write an absolute path".to_owned()),
    }
}
