//! The armour that `ssh-keygen -Y` puts around a blob, and takes off again: PEM with lines of 70 characters.
use ssh_encoding::base64::{Base64, Encoding};

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
const WIDTH: usize = 70;

/// The file that `ssh-keygen -Y verify` reads.
#[must_use]
pub fn armoured(blob: &[u8]) -> String {
    let mut out = BEGIN.to_owned();
    let text = Base64::encode_string(blob);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(WIDTH));
        out += line;
        out.push('\n');
        rest = next;
    }
    out + END
}

/// The blob in what `ssh-keygen -Y sign` writes.
///
/// # Panics
/// For a text of another form.
#[must_use]
pub fn dearmoured(text: &str) -> Vec<u8> {
    let inside = text
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .expect("ssh-keygen writes BEGIN and END");
    Base64::decode_vec(&inside.replace('\n', "")).expect("ssh-keygen writes Base64 between them")
}
