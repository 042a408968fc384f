//! Base64 as OpenSSH's key files have it (RFC 4648, with padding, without blanks). It knows no keys.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes that a text stands for; nothing if it is not exactly how they are written.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if text.len() % 4 != 0 || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text[..text.len() - padding].chunks(4) {
        let mut bits = 0;
        for letter in group {
            let value = LETTERS.iter().position(|other| other == letter)?;
            bits = bits << 6 | value as u32;
        }
        bits <<= 6 * (4 - group.len());
        let [_, a, b, c] = bits.to_be_bytes();
        // What is left over of the last letter must be nothing.
        match group.len() {
            4 => bytes.extend([a, b, c]),
            3 if c == 0 => bytes.extend([a, b]),
            2 if b == 0 && c == 0 => bytes.push(a),
            _ => return None,
        }
    }
    Some(bytes)
}

/// The text of bytes, without the padding, as fingerprints have it.
pub(super) fn unpadded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut whole = [0; 4];
        whole[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(whole);
        for at in 0..=group.len() {
            let value = bits >> (18 - 6 * at) & 63;
            text.push(char::from(LETTERS[value as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4648_go_both_ways() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()), "{text}");
            assert_eq!(unpadded(bytes.as_bytes()), text.trim_end_matches('='));
        }
    }

    #[test]
    fn there_is_one_way_to_write_a_thing() {
        for text in [
            "Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Zm9v====", "Zm 9", "Zm9v\n", "Zg==Zg==",
            "Zm9_", "Z===",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
