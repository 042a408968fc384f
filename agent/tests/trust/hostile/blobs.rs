//! Signatures of a wrong form, and of a wrong kind.
use picket_proto::Reason::{Certificate, Malformed, SignatureKind};
use picket_test_keys::{Blob, armoured, string};

use super::{
    Hostile,
    changed::{changed, resigned, with_blob},
    of,
};
use crate::scene::{OPERATE, alice, reboot};

const KIND: &[u8] = b"ssh-ed25519";

pub(super) fn lengths() -> Vec<Hostile> {
    let good = alice().sign(OPERATE, &reboot().payload());
    let up_to = |end: usize| with_blob(good[..end].to_vec());
    let point = |length: usize| {
        let point = vec![7; length];
        changed(|blob| blob.key = [string(KIND), string(&point)].concat())
    };
    let raw = |length: usize| {
        let raw = vec![7; length];
        changed(|blob| blob.signature = [string(KIND), string(&raw)].concat())
    };
    let key_more = changed(|blob| blob.key.push(0));
    let signature_more = changed(|blob| blob.signature.push(0));
    let gigabytes = with_blob([&good[..10], &[0xff; 40]].concat());
    of(
        Malformed,
        [
            ("only the magic", up_to(6), "version"),
            ("half a key", up_to(20), "inside its public key"),
            (
                "half a signature",
                up_to(good.len() - 1),
                "inside its signature",
            ),
            (
                "a byte behind the blob",
                with_blob([&good[..], &[0]].concat()),
                "signature's end",
            ),
            ("a byte behind the key", key_more, "signature's public key"),
            (
                "a byte behind the signature",
                signature_more,
                "signature's signature",
            ),
            ("a point of 31 bytes", point(31), "inside its public key"),
            ("a point of 33 bytes", point(33), "1 bytes follow"),
            ("a signature of 63 bytes", raw(63), "inside its signature"),
            ("a signature of 66 bytes", raw(66), "2 bytes follow"),
            (
                "a key of four gigabytes",
                gigabytes,
                "inside its public key",
            ),
        ],
    )
}

pub(super) fn fields() -> Vec<Hostile> {
    let good = alice().sign(OPERATE, &reboot().payload());
    let pem = with_blob(armoured(&good).into_bytes());
    let version = |version: u32| changed(|blob| blob.version = version);
    let hash = |name: &[u8]| resigned(|blob| blob.hash = name.to_vec());
    let red = b"\x1b[31m\xff".repeat(20);
    of(
        SignatureKind,
        [
            ("no signature", with_blob(Vec::new()), "SSHSIG"),
            ("an armoured signature", pem, "decoded"),
            (
                "another magic",
                changed(|blob| blob.magic = b"SSHSIX".to_vec()),
                "SSHSIG",
            ),
            ("version 0", version(0), "version 0"),
            ("version 2", version(2), "version 2"),
            (
                "the reserved field set",
                resigned(|blob| blob.reserved = b"x".to_vec()),
                "reserved",
            ),
            ("no hash", hash(b""), "hash \"\""),
            ("an old hash", hash(b"md5"), "md5"),
            ("a hash in capitals", hash(b"SHA512"), "SHA512"),
            ("a hash in red", hash(&red), "\\u{1b}[31m"),
        ],
    )
}

pub(super) fn kinds() -> Vec<Hostile> {
    let key = |kind: &str| {
        changed(|blob| blob.key = [string(kind.as_bytes()), string(&[3; 200])].concat())
    };
    let by = |kind: &str| {
        changed(|blob: &mut Blob| {
            blob.signature = [string(kind.as_bytes()), string(&[3; 64])].concat()
        })
    };
    let mut rows = of(
        SignatureKind,
        [
            ("RSA", key("ssh-rsa"), "ssh-rsa"),
            ("DSA", key("ssh-dss"), "ssh-dss"),
            ("ECDSA", key("ecdsa-sha2-nistp256"), "ecdsa"),
            (
                "ECDSA on a token",
                key("sk-ecdsa-sha2-nistp256@openssh.com"),
                "sk-ecdsa",
            ),
            (
                "a kind that doesn't exist",
                key("ssh-ed25520"),
                "ssh-ed25520",
            ),
            ("no kind", key(""), "kind \"\""),
            (
                "an RSA signature by an Ed25519 key",
                by("rsa-sha2-512"),
                "rsa-sha2-512",
            ),
            (
                "a token's signature by a file's key",
                by("sk-ssh-ed25519@openssh.com"),
                "of another",
            ),
            ("nobody's signature", by(""), "kind \"\", and its key"),
        ],
    );
    rows.extend(of(
        Certificate,
        [
            (
                "a certificate",
                key("ssh-ed25519-cert-v01@openssh.com"),
                "withdrawn",
            ),
            (
                "a token's certificate",
                key("sk-ssh-ed25519-cert-v01@openssh.com"),
                "sk-ssh",
            ),
        ],
    ));
    rows
}
