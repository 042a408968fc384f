//! What an order of a reinstall may say. It looks at nothing else.
use picket_proto::Reinstall;

/// What can be seen to be wrong without looking at anything else. The child looks closer.
pub(super) fn wrong(wanted: &Reinstall) -> Option<&'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    if wanted.image.is_empty() || !wanted.image.chars().all(is_plain) {
        return Some("an image's name has letters, digits, dots, dashes and underscores");
    }
    if wanted
        .hostname
        .as_deref()
        .is_some_and(|name| !is_hostname(name))
    {
        return Some("a hostname has letters, digits, and dots and dashes between them (RFC 1123)");
    }
    let is_line = |key: &String| !key.trim().is_empty() && !key.contains(|c: char| c.is_control());
    if !wanted.ssh_keys.iter().all(is_line) {
        return Some("an ssh key is one line without control characters");
    }
    None
}

fn is_hostname(name: &str) -> bool {
    name.split('.').all(|label| {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        bytes.len() <= 63
            && ends
                .iter()
                .all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    })
}
