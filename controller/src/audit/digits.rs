//! Bytes as lower-case hex digits, in JSON.
use serde::{Deserialize, Deserializer, Serializer, de};

pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digits = halves.filter_map(|half| char::from_digit(half.into(), 16));
    to.serialize_str(&digits.collect::<String>())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let digits = String::deserialize(from)?;
    let bytes = digits.as_bytes().chunks(2).map(byte);
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.ok_or_else(|| de::Error::custom("expected an even number of hex digits"))
}

fn byte(pair: &[u8]) -> Option<u8> {
    let digit = |c: &u8| char::from(*c).to_digit(16);
    match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Bytes(#[serde(with = "super")] Vec<u8>);

    #[test]
    fn bytes_survive_as_digits() {
        let bytes = Bytes(vec![0, 0x0f, 0xff]);
        assert_eq!(to_value(&bytes).unwrap(), json!("000fff"));
        assert_eq!(from_value::<Bytes>(json!("000FFF")).unwrap(), bytes);
        for bad in ["0", "0g", "é"] {
            assert!(from_value::<Bytes>(json!(bad)).is_err(), "{bad}");
        }
    }
}
