//! Every key, with its default. The one place that says which keys there are.

/// What stands behind the equals sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// An integer.
    Integer,
    /// A list of integers.
    Integers,
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As one writes it; `tls.ca` is `ca` in the section `[tls]`.
    pub name: &'static str,
    /// What stands behind the equals sign.
    pub kind: Kind,
    /// The default as one would write it on the kernel command line; `None` if not setting it means not having it.
    pub default: Option<&'static str>,
}

/// Every key but those of `[[sensor]]`.
pub const KEYS: &[Key] = &[
    key("broker", Some("mqtt://localhost:1883")),
    key("id", None),
    key("topic_root", Some("picket")),
    key("allowed_signers", None),
    key("signers_without_clock", Some("refuse")),
    key("state_dir", Some("/var/lib/picket")),
    key("ack", Some("puback")),
    key("sample_every", Some("10s")),
    key("window", Some("60s")),
    key("connect_spread", Some("30s")),
    key("keep_alive", Some("60s")),
    key("spool", Some("96KiB")),
    Key {
        name: "temperature_limits",
        kind: Kind::Integers,
        default: Some("80,85"),
    },
    Key {
        name: "temperature_hysteresis",
        kind: Kind::Integer,
        default: Some("5"),
    },
    key("nfs_probe", Some("auto")),
    key("nfs_in_band", Some("auto")),
    key("lifeboat", Some("auto")),
    key("user", None),
    key("password_file", None),
    key("log", Some("info")),
    key("reinstall.images", None),
    key("reinstall.image_signers", None),
    key("reinstall.ca", None),
    Key {
        name: "reinstall.catalogue_at_least",
        kind: Kind::Integer,
        default: Some("0"),
    },
    Key {
        name: "reinstall.writers",
        kind: Kind::Integer,
        default: Some("16"),
    },
    key("reinstall.read_back", Some("off")),
    key("tls.ca", None),
    key("tls.certificate", None),
    key("tls.key", None),
];

/// The keys of a `[[sensor]]`.
pub const SENSOR_KEYS: [&str; 4] = ["name", "kind", "bus", "address"];

/// The key of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// What to say of a key that there isn't.
pub(super) fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> String {
    let nearest = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().div_ceil(2).min(3));
    match nearest {
        Some((_, near)) => format!("unknown key `{name}`; did you mean `{near}`?"),
        None => format!(
            "unknown key `{name}`; remove it, or see the commented picketd.toml for every key"
        ),
    }
}

const fn key(name: &'static str, default: Option<&'static str>) -> Key {
    Key {
        name,
        kind: Kind::Text,
        default,
    }
}
