//! The shape that readings and unknown bytes have in JSON, for people and their scripts. Never on the wire.
use core::fmt;

use serde::{Serialize, Serializer};

use crate::{Gap, Reading};

/// A number, or `{"gap":"absent"}`.
#[derive(Serialize)]
#[serde(untagged)]
enum Cell {
    Value(i64),
    Missing { gap: Gap },
}

/// Readings as a list of numbers and gaps.
pub(crate) fn readings<S: Serializer>(readings: &[Reading], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(readings.iter().map(|reading| match reading {
        Ok(value) => Cell::Value(*value),
        Err(gap) => Cell::Missing { gap: *gap },
    }))
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&Hex(bytes))
}

/// Bytes as hex digits, both ways.
pub(crate) mod bytes {
    use alloc::{borrow::Cow, vec::Vec};

    use serde::{Deserialize, Deserializer, de};

    pub(crate) use super::hex as serialize;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let digits = <Cow<'de, str>>::deserialize(from)?;
        let digits = digits.as_bytes().chunks(2);
        let bytes = digits.map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        });
        let bytes: Option<Vec<u8>> = bytes.collect();
        bytes.ok_or_else(|| de::Error::custom("expected an even number of hex digits"))
    }

    fn digit(c: u8) -> Option<u8> {
        u8::try_from(char::from(c).to_digit(16)?).ok()
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// As many bytes as an array has, as hex digits, both ways.
pub(crate) mod array {
    use alloc::{format, vec::Vec};

    use serde::{Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        super::hex(bytes, to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        from: D,
    ) -> Result<[u8; N], D::Error> {
        let bytes = super::bytes::deserialize(from)?;
        bytes.try_into().map_err(|other: Vec<u8>| {
            de::Error::custom(format!("expected {N} bytes and not {}", other.len()))
        })
    }
}

/// The name of an action, or its number when this version doesn't know it.
pub(crate) fn action<S: Serializer>(action: &Option<u16>, to: S) -> Result<S::Ok, S::Error> {
    match action.map(|id| (id, crate::command::action_name(id))) {
        None => to.serialize_none(),
        Some((_, Some(name))) => to.serialize_str(name),
        Some((id, None)) => to.serialize_u16(id),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use crate::{Action, Nonce, OperationId, Reason, Reinstall, State};

    #[test]
    fn states_and_reasons_come_back_from_their_names() {
        for (state, _, name) in State::ALL {
            let json = serde_json::to_string(state).unwrap();
            assert_eq!(json, alloc::format!("{name:?}"));
            assert_eq!(serde_json::from_str::<State>(&json).unwrap(), *state);
        }
        for (json, reason) in [
            ("\"stale_nonce\"", Some(Reason::StaleNonce)),
            ("\"other_900\"", Some(Reason::Other(900))),
            ("\"other_x\"", None),
            ("\"sleepy\"", None),
            ("17", None),
        ] {
            assert_eq!(serde_json::from_str(json).ok(), reason, "{json}");
        }
    }

    #[test]
    fn an_action_comes_back_from_its_json() {
        let operation = OperationId([9; 16]);
        for action in [
            Action::Reboot { force: true },
            Action::Cancel { operation },
            Action::Query { operation: None },
            Action::Identify { seconds: 30 },
            Action::Reinstall(Reinstall {
                image: "debian".into(),
                digest: [0xd1; 32],
                hostname: None,
                ssh_keys: vec!["ssh-ed25519 AAAA anna".into()],
                hold: false,
                discard_old: true,
                keep_old_days: 7,
            }),
            Action::Activate { operation },
            Action::Configure {
                sample_every_ms: Some(1_000),
                window_ms: None,
            },
            Action::Unknown {
                id: 99,
                body: vec![0, 0xab],
            },
        ] {
            let json = serde_json::to_string(&action).unwrap();
            assert_eq!(serde_json::from_str::<Action>(&json).unwrap(), action);
        }
        for body in ["0", "0g", "é"] {
            let json = alloc::format!(r#"{{"action":"unknown","id":1,"body":"{body}"}}"#);
            assert!(serde_json::from_str::<Action>(&json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_nonce_comes_back_from_its_digits() {
        let nonce = Nonce([0x5a; 16]);
        let json = serde_json::to_string(&nonce).unwrap();
        assert_eq!(serde_json::from_str::<Nonce>(&json).unwrap(), nonce);
        for json in ["\"5a\"", "[90]", "\"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\""] {
            assert!(serde_json::from_str::<Nonce>(json).is_err(), "{json}");
        }
    }
}
