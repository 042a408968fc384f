//! From the bytes of a file to bytes that somebody may vouch for: the signature, its namespace and its key, as
//! `ssh-keygen -Y find-principals` and `-Y verify` judge them. What is in the file is another's business, and nobody but who signs is
//! named: of the line's principals any will do.
use base64ct::{Base64, Encoding};
use picket_proto::WallClock;
use ssh_key::Fingerprint;

use super::{
    crypto,
    refusal::{Distrust, Refusal},
    signers::{AllowedSigners, Moment, Unjudged},
    sshsig::Sshsig,
};

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// An armoured signature is at most this long, in bytes; one of Ed25519 has 300 to 400.
pub const MAX_ARMOURED: usize = 4096;

/// A file and what is said to be its signature. Hostile until verified.
#[derive(Debug, Clone, Copy)]
pub struct SignedFile<'a> {
    /// What the signature must have been made for.
    pub namespace: &'static str,
    /// The file's bytes.
    pub bytes: &'a [u8],
    /// The signature, armoured, as `ssh-keygen -Y sign` writes it.
    pub signature: &'a [u8],
}

/// Which key signed the file, if a line of `signers` admits it in the file's namespace at that time. A line with times needs a
/// clock that is synchronised, or else `unjudged` decides.
///
/// # Errors
/// What speaks against it first: the form and kind of the signature, its namespace, its key, the signature itself, the touch, the
/// line's namespaces, the time.
pub fn verify_file(
    signers: &AllowedSigners,
    file: SignedFile<'_>,
    wall: WallClock,
    boottime_ms: u64,
    unjudged: Unjudged,
) -> Result<String, Refusal> {
    let moment = Moment::new(wall, boottime_ms, unjudged);
    match judge(signers, file, moment) {
        Ok(key) => Ok(key.to_string()),
        Err(distrust) => Err(Refusal::new(&distrust, None)),
    }
}

fn judge(
    signers: &AllowedSigners,
    file: SignedFile<'_>,
    moment: Moment,
) -> Result<Fingerprint, Distrust> {
    let blob = unarmour(file.signature).ok_or(Distrust::NoArmour)?;
    let signature = Sshsig::parse(&blob)?;
    if signature.namespace() != file.namespace {
        return Err(Distrust::FileNamespace {
            wanted: file.namespace,
            has: signature.namespace().into(),
        });
    }
    let fingerprint = crypto::fingerprint(signature.key());
    if !signers.knows(signature.key()) {
        return Err(Distrust::UnknownFileSigner(fingerprint));
    }
    if !signature.is_of(file.bytes) {
        return Err(Distrust::BadFileSignature(fingerprint));
    }
    if !signature.touched() {
        return Err(Distrust::NoTouch(fingerprint));
    }
    signers.admit_file(signature.key(), file.namespace, moment)?;
    Ok(fingerprint)
}

/// The blob between the lines of its armour (PROTOCOL.sshsig, section 1).
fn unarmour(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_ARMOURED {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    let inside = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let inside: String = inside.split_ascii_whitespace().collect();
    Base64::decode_vec(&inside).ok()
}

#[cfg(test)]
mod tests {
    use picket_proto::{Quality, Reason};
    use picket_test_keys::{TOUCHED, TestKey, armoured};

    use super::*;

    const NAMESPACE: &str = "picket-image@1";
    const NOW_S: i64 = 1_800_000_000;

    #[test]
    fn a_file_is_good_if_a_line_admits_its_signer_for_its_namespace() {
        let (key, other) = (TestKey::new(1), TestKey::new(2));
        let line = |options: &str| format!("anyone {options} {}\n", key.public());
        let image = r#"namespaces="picket-image@1""#;
        for (lines, reason) in [
            (line(""), None),
            (line(image), None),
            (line(r#"namespaces="picket-*""#), None),
            (line("") + &other.line("b"), None),
            (other.line("b"), Some(Reason::UnknownSigner)),
            (String::new(), Some(Reason::UnknownSigner)),
            (
                line(r#"namespaces="picket-reinstall@1""#),
                Some(Reason::WrongNamespace),
            ),
            (
                line(r#"namespaces="*,!picket-image@1""#),
                Some(Reason::WrongNamespace),
            ),
            (
                line(r#"valid-before="20200101Z""#),
                Some(Reason::KeyExpired),
            ),
            (line(r#"valid-after="20500101Z""#), Some(Reason::KeyExpired)),
            // Any of several lines will do.
            (line(r#"valid-before="20200101Z""#) + &line(image), None),
        ] {
            let signature = armoured(&key.sign(NAMESPACE, b"text"));
            let judged = verify(&lines, b"text", signature.as_bytes(), Quality::Synchronised);
            assert_eq!(
                judged.err().map(|refusal| refusal.reason),
                reason,
                "{lines}"
            );
        }
    }

    #[test]
    fn a_signature_of_something_else_is_none() {
        let key = TestKey::new(1);
        let lines = key.line("a");
        let good = armoured(&key.sign(NAMESPACE, b"text"));
        let command = armoured(&key.sign("picket-reinstall@1", b"text"));
        let armour = |blob: &[u8]| armoured(blob).into_bytes();
        let mut broken = key.blob(NAMESPACE, b"text");
        let last = broken.signature.len() - 1;
        broken.signature[last] ^= 1;
        for (bytes, signature, reason) in [
            (&b"text"[..], good.clone().into_bytes(), None),
            (b"text", good.replace('\n', "\r\n").into_bytes(), None),
            (
                b"text\n",
                good.clone().into_bytes(),
                Some(Reason::BadSignature),
            ),
            (b"", good.clone().into_bytes(), Some(Reason::BadSignature)),
            (b"text", command.into_bytes(), Some(Reason::WrongNamespace)),
            (
                b"text",
                armour(&broken.encode()),
                Some(Reason::BadSignature),
            ),
            (b"text", armour(b"SSHSIG"), Some(Reason::Malformed)),
            (b"text", b"".to_vec(), Some(Reason::SignatureKind)),
            (b"text", good[1..].into(), Some(Reason::SignatureKind)),
            (
                b"text",
                key.sign(NAMESPACE, b"text"),
                Some(Reason::SignatureKind),
            ),
            (
                b"text",
                vec![b' '; MAX_ARMOURED + 1],
                Some(Reason::SignatureKind),
            ),
        ] {
            let judged = verify(&lines, bytes, &signature, Quality::Synchronised);
            let shown = String::from_utf8_lossy(&signature).into_owned();
            assert_eq!(
                judged.err().map(|refusal| refusal.reason),
                reason,
                "{shown}"
            );
        }
    }

    #[test]
    fn a_tokens_signature_needs_its_touch() {
        for (flags, reason) in [(TOUCHED, None), (0, Some(Reason::NoTouch))] {
            let key = TestKey::of_token(3, flags);
            let signature = armoured(&key.sign(NAMESPACE, b"text"));
            let judged = verify(
                &key.line("a"),
                b"text",
                signature.as_bytes(),
                Quality::Unset,
            );
            assert_eq!(judged.err().map(|refusal| refusal.reason), reason);
        }
    }

    #[test]
    fn times_of_a_line_need_a_clock() {
        let key = TestKey::new(1);
        let lines = format!("a valid-after=\"20200101Z\" {}\n", key.public());
        let signature = armoured(&key.sign(NAMESPACE, b"text"));
        for (quality, reason) in [
            (Quality::Synchronised, None),
            (Quality::Unsynchronised, Some(Reason::ClockUnknown)),
            (Quality::Unset, Some(Reason::ClockUnknown)),
        ] {
            let judged = verify(&lines, b"text", signature.as_bytes(), quality);
            assert_eq!(judged.err().map(|refusal| refusal.reason), reason);
        }
    }

    fn verify(
        lines: &str,
        bytes: &[u8],
        signature: &[u8],
        quality: Quality,
    ) -> Result<String, Refusal> {
        let (signers, problems) = AllowedSigners::parse(lines);
        assert_eq!(problems, []);
        let wall = WallClock {
            offset_ms: NOW_S * 1_000,
            quality,
        };
        let file = SignedFile {
            namespace: NAMESPACE,
            bytes,
            signature,
        };
        verify_file(&signers, file, wall, 0, Unjudged::Refuse)
    }
}
