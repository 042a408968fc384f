//! Lines that sshd takes, and lines that it would pass over.
use super::{super::base64, *};

const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPOBLIS0Jb9OAX4VmkZqOZXf3uQ8Y2FhC2RD0WqKVqXH";

#[test]
fn lines_that_sshd_takes_are_taken() {
    let token = blob(&[b"sk-ssh-ed25519@openssh.com", &[7; 32], b"ssh:"]);
    let curve = blob(&[b"ecdsa-sha2-nistp384", b"nistp384", &[4; 97]]);
    let rsa = blob(&[
        b"ssh-rsa",
        &[1, 0, 1],
        &[[0].as_slice(), &[0xc5; 256]].concat(),
    ]);
    for line in [
        ED25519.to_owned(),
        format!("  {ED25519} anna@example.org  "),
        format!("{ED25519}\ta comment with \"a quotation mark"),
        format!("restrict,pty {ED25519}"),
        format!("No-PTY,command=\"echo \\\"a, b\\\" c\",from=\"2001:db8::/32\" {ED25519}"),
        format!("cert-authority,principals=\"anna\" {ED25519}"),
        format!("sk-ssh-ed25519@openssh.com {token}"),
        format!("ecdsa-sha2-nistp384 {curve}"),
        format!("ssh-rsa {rsa}"),
    ] {
        assert_eq!(check(&line), Ok(()), "{line}");
    }
}

#[test]
fn lines_that_sshd_would_pass_over_say_what_is_wrong() {
    let short = blob(&[b"ssh-rsa", &[3], &[0x7f; 127]]);
    let other = blob(&[b"ssh-rsa", &[1, 0, 1], &[0xc5; 256]]);
    let longer = blob(&[b"ssh-ed25519", &[7; 33]]);
    let more = blob(&[b"ssh-ed25519", &[7; 32], b"more"]);
    let curve = blob(&[b"ecdsa-sha2-nistp256", b"nistp384", &[4; 97]]);
    let option = |name: &str| KeyFlaw::Option(name.to_owned());
    let kind = |name: &str| KeyFlaw::Kind(name.to_owned());
    for (line, flaw) in [
        (String::new(), KeyFlaw::Empty),
        (" \t".to_owned(), KeyFlaw::Empty),
        (format!("# {ED25519}"), KeyFlaw::Empty),
        (format!("{ED25519}\n{ED25519}"), KeyFlaw::Unseen),
        (format!("{ED25519}\r"), KeyFlaw::Unseen),
        (format!("{ED25519} \0"), KeyFlaw::Unseen),
        (format!("\u{feff}{ED25519}"), KeyFlaw::Unseen),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
            KeyFlaw::Private,
        ),
        (format!("command=\"x {ED25519}"), KeyFlaw::Quote),
        (format!("command=x {ED25519}"), KeyFlaw::Value("command")),
        (format!("command {ED25519}"), KeyFlaw::Value("command")),
        (format!("no-pty=\"1\" {ED25519}"), KeyFlaw::Value("no-pty")),
        (format!("from=\"\" {ED25519}"), KeyFlaw::Value("from")),
        (format!("anna {ED25519}"), option("anna")),
        (format!("no-pty,,pty {ED25519}"), option("")),
        (format!("{} {ED25519}", "x".repeat(99)), option("...")),
        ("no-pty".to_owned(), KeyFlaw::NoKey),
        ("ssh-ed25519".to_owned(), KeyFlaw::NoKey),
        ("ssh-ed25519 AAAA".to_owned(), KeyFlaw::Key),
        (ED25519[..60].to_owned(), KeyFlaw::Key),
        (format!("ssh-ed25519 {longer}"), KeyFlaw::Key),
        (format!("ssh-ed25519 {more}"), KeyFlaw::Key),
        (format!("ssh-ed25519 {other}"), KeyFlaw::Key),
        (format!("ecdsa-sha2-nistp256 {curve}"), KeyFlaw::Key),
        (format!("ssh-rsa {short}"), KeyFlaw::Short),
        ("ssh-dss AAAA".to_owned(), kind("ssh-dss")),
        (
            "ssh-ed25519-cert-v01@openssh.com AAAA".to_owned(),
            KeyFlaw::Certificate,
        ),
    ] {
        assert_eq!(check(&line), Err(flaw), "{line:?}");
    }
}

fn blob(fields: &[&[u8]]) -> String {
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend((field.len() as u32).to_be_bytes());
        bytes.extend(*field);
    }
    let text = base64::unpadded(&bytes);
    let padding = (4 - text.len() % 4) % 4;
    text + &"=".repeat(padding)
}
