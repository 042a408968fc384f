//! The text form of an SSH signature, as `ssh-keygen -Y verify` reads it (OpenSSH's PROTOCOL.sshsig, section 1). It looks at no
//! signature's content.
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Deserializer, Serializer, de};

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// `ssh-keygen` breaks its lines here.
const COLUMNS: usize = 70;

/// The blob of a signature as text, with its last line feed.
#[must_use]
pub fn armour(blob: &[u8]) -> String {
    let text = Base64::encode_string(blob);
    let lines = text.as_bytes().chunks(COLUMNS).map(String::from_utf8_lossy);
    let lines: Vec<_> = lines.chain(["".into()]).collect();
    format!("{BEGIN}\n{}{END}\n", lines.join("\n"))
}

/// The blob of that text.
fn unarmour(text: &str) -> Option<Vec<u8>> {
    let inside = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    Base64::decode_vec(&inside.split_ascii_whitespace().collect::<String>()).ok()
}

pub(super) fn serialize<S: Serializer>(blob: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&armour(blob))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    unarmour(&text).ok_or_else(|| de::Error::custom("expected an SSH signature in its text form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_survives_its_text_form() {
        for length in [0, 1, 51, 52, 53, 300] {
            let blob = vec![0xa5; length];
            let text = armour(&blob);
            assert!(text.lines().all(|line| line.len() <= COLUMNS));
            assert_eq!(unarmour(&text), Some(blob), "{text}");
        }
        for bad in [
            "",
            "QUJD",
            "-----BEGIN SSH SIGNATURE-----\n?\n-----END SSH SIGNATURE-----\n",
        ] {
            assert_eq!(unarmour(bad), None, "{bad}");
        }
    }
}
