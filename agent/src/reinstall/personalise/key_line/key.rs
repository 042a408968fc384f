//! The key of a line: its kind, and whether its bytes are what the kind says. It knows no options.
use super::{super::base64, BLANK, KeyFlaw, shown};

/// Kinds of keys that sshd takes today.
const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
];
/// The curves of RFC 5656, and the bytes of a point.
const CURVES: [(&str, usize); 3] = [("nistp256", 65), ("nistp384", 97), ("nistp521", 133)];
/// RequiredRSASize of sshd_config(5).
pub(super) const LEAST_RSA_BITS: usize = 1024;

pub(super) fn check(kind: &str, rest: &str) -> Result<(), KeyFlaw> {
    if kind.is_empty() {
        return Err(KeyFlaw::NoKey);
    }
    if kind.contains("-cert-v") {
        return Err(KeyFlaw::Certificate);
    }
    if !KINDS.contains(&kind) {
        return Err(KeyFlaw::Kind(shown(kind)));
    }
    let text = rest.split(BLANK).next().unwrap_or_default();
    if text.is_empty() {
        return Err(KeyFlaw::NoKey);
    }
    let blob = base64::decode(text).ok_or(KeyFlaw::Key)?;
    let fields = strings(&blob).ok_or(KeyFlaw::Key)?;
    match fields.split_first() {
        Some((first, fields)) if *first == kind.as_bytes() => fits(kind, fields),
        _ => Err(KeyFlaw::Key),
    }
}

/// The strings of a key (RFC 4251, section 5), all of it.
fn strings(mut blob: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !blob.is_empty() {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        found.push(rest.get(..length)?);
        blob = &rest[length..];
    }
    Some(found)
}

/// Whether a key has the fields of its kind (RFC 4253 section 6.6, RFC 5656, RFC 8709, PROTOCOL.u2f).
fn fits(kind: &str, fields: &[&[u8]]) -> Result<(), KeyFlaw> {
    let curve = |name: &[u8], point: &[u8]| {
        CURVES.iter().any(|(curve, length)| {
            kind.ends_with(curve) && name == curve.as_bytes() && point.len() == *length
        })
    };
    let whole = match (kind, fields) {
        ("ssh-ed25519", [point]) => point.len() == 32,
        ("sk-ssh-ed25519@openssh.com", [point, application]) => {
            point.len() == 32 && !application.is_empty()
        }
        ("sk-ecdsa-sha2-nistp256@openssh.com", [name, point, application]) => {
            *name == b"nistp256" && point.len() == 65 && !application.is_empty()
        }
        ("ssh-rsa", [exponent, modulus]) if bits(modulus) < LEAST_RSA_BITS => {
            return Err(match exponent.is_empty() || modulus.is_empty() {
                true => KeyFlaw::Key,
                false => KeyFlaw::Short,
            });
        }
        ("ssh-rsa", [exponent, _]) => !exponent.is_empty(),
        (_, [name, point]) => curve(name, point),
        _ => false,
    };
    whole.then_some(()).ok_or(KeyFlaw::Key)
}

fn bits(number: &[u8]) -> usize {
    match number.iter().position(|byte| *byte != 0) {
        Some(first) => (number.len() - first) * 8 - number[first].leading_zeros() as usize,
        None => 0,
    }
}
