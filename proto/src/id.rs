//! Names of things: a device (16 hex digits), one boot of it (the kernel's boot id), and an operation (32 hex digits).
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The id of a Pi: 8 bytes, written as 16 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub [u8; 8]);

/// One boot of a Pi, as `/proc/sys/kernel/random/boot_id` names it: 16 bytes, written as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootId(pub [u8; 16]);

/// One operation that an operator ordered, on however many Pis: 16 random bytes, written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub [u8; 16]);

/// The text is not an id of the wanted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseIdError {
    pub(crate) wanted: &'static str,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.wanted)
    }
}

impl core::error::Error for ParseIdError {}

impl FromStr for DeviceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text.as_bytes()).map(Self).ok_or(ParseIdError {
            wanted: "a device id of 16 hex digits",
        })
    }
}

impl FromStr for OperationId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text.as_bytes()).map(Self).ok_or(ParseIdError {
            wanted: "an operation id of 32 hex digits",
        })
    }
}

impl FromStr for BootId {
    type Err = ParseIdError;

    /// Takes the UUID form with its four hyphens, and the plain 32 hex digits.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = ParseIdError {
            wanted: "a boot id as a UUID of 32 hex digits",
        };
        let text = text.as_bytes();
        if text.len() == 32 {
            return parse_hex(text).map(Self).ok_or(error);
        }
        if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
            return Err(error);
        }
        let mut digits = [0; 32];
        let hex = text.iter().filter(|&&c| c != b'-');
        let mut filled = 0;
        for (to, from) in digits.iter_mut().zip(hex) {
            *to = *from;
            filled += 1;
        }
        if filled != 32 {
            return Err(error);
        }
        parse_hex(&digits).map(Self).ok_or(error)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

pub(crate) fn parse_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// Text for people (JSON), raw bytes on the wire (postcard).
macro_rules! id_traits {
    ($id:ident, $len:literal) => {
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    <[u8; $len]>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

pub(crate) use id_traits;

id_traits!(DeviceId, 8);
id_traits!(BootId, 16);
id_traits!(OperationId, 16);

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_device_id_is_16_hex_digits() {
        for (text, ok) in [
            ("00000000a1b2c3d4", true),
            ("00000000A1B2C3D4", true),
            ("", false),
            ("0000000a1b2c3d4", false),
            ("00000000a1b2c3d4e", false),
            ("00000000a1b2c3dg", false),
            ("0000000+a1b2c3d4", false),
            ("000000é0a1b2c3d", false),
        ] {
            assert_eq!(text.parse::<DeviceId>().is_ok(), ok, "{text}");
        }
        assert_eq!(
            "00000000A1B2C3D4".parse::<DeviceId>().unwrap().to_string(),
            "00000000a1b2c3d4"
        );
    }

    #[test]
    fn an_operation_id_is_32_hex_digits() {
        let digits = "00112233445566778899aabbccddeeff";
        let upper = digits.to_uppercase();
        assert_eq!(
            upper.parse::<OperationId>().unwrap().to_string(),
            digits,
            "upper case is read and never written"
        );
        for bad in ["", "00", &digits[1..], "00112233445566778899aabbccddeefg"] {
            assert!(bad.parse::<OperationId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_boot_id_is_a_uuid() {
        let uuid = "6c45ee9d-3e4a-4a0b-b2c1-0f61de43d3d5";
        assert_eq!(uuid.parse::<BootId>().unwrap().to_string(), uuid);
        assert_eq!(
            uuid.replace('-', "").parse::<BootId>().unwrap().to_string(),
            uuid
        );
        for bad in [
            "",
            "6c45ee9d",
            "6c45ee9d-3e4a-4a0b-b2c1-0f61de43d3d",
            "6c45ee9d-3e4a-4a0b-b2c1-0f61de43d3-5",
        ] {
            assert!(bad.parse::<BootId>().is_err(), "{bad}");
        }
    }
}
