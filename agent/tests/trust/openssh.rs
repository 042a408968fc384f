//! Ours against the real OpenSSH: it signs and we verify, we sign and it verifies, and both read the same `allowed_signers`.
use std::fs;

use picket_proto::{Reason, SignedCommand};
use picket_test_keys::{TOUCHED, TestKey, armoured, dearmoured};
use picketd::trust::{AllowedSigners, LineFlaw};
use ssh_key::Certificate;

use crate::{
    allowed_signers::{judges, verifies},
    scene::{MIDNIGHT, OPERATE, by, judge, reboot},
    ssh_keygen::{Query, SshKeygen},
};

#[test]
fn what_ssh_keygen_signs_is_accepted() {
    let keygen = SshKeygen::new();
    let key = keygen.generate("key", &["ed25519"]);
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let file = format!("alice@example.org {public}");
    let payload = reboot().payload();
    for options in [&[][..], &["-Ohashalg=sha256"], &["-Ohashalg=sha512"]] {
        let armour = SshKeygen::sign(&key, OPERATE, options, &payload);
        let signed = SignedCommand {
            payload: payload.clone(),
            signature: dearmoured(&armour),
        };
        assert_eq!(judge(&file, &signed).unwrap().command, reboot());
    }
}

#[test]
fn ssh_keygen_signs_as_the_keys_of_tests_do() {
    let keygen = SshKeygen::new();
    let key = TestKey::new(1);
    let file = keygen.write("key", &key.private_file());
    let armour = SshKeygen::sign(&file, OPERATE, &[], b"message");
    let ours = key.sign(OPERATE, b"message");
    assert_eq!(
        dearmoured(&armour),
        ours,
        "Ed25519 leaves nothing to chance"
    );
    assert_eq!(armoured(&ours), armour);
}

#[test]
fn what_the_keys_of_tests_sign_ssh_keygen_accepts() {
    let keygen = SshKeygen::new();
    for key in [TestKey::new(1), TestKey::of_token(1, TOUCHED)] {
        let blob = key.sign(OPERATE, b"message");
        let query = |namespace, message| Query {
            actor: "alice",
            namespace,
            time: MIDNIGHT,
            blob: &blob,
            message,
        };
        let line = key.line("alice");
        assert!(keygen.verifies(&line, &query(OPERATE, b"message")));
        assert!(!keygen.verifies(&line, &query(OPERATE, b"massage")));
        assert!(!keygen.verifies(&line, &query("file", b"message")));
    }
}

/// ssh-keygen leaves it to its caller to look at the flag; we are the caller.
#[test]
fn a_token_that_nobody_touched_is_refused_where_ssh_keygen_accepts() {
    let keygen = SshKeygen::new();
    for (flags, accepted) in [(TOUCHED, true), (TOUCHED | 4, true), (0, false), (4, false)] {
        let key = TestKey::of_token(1, flags);
        let line = key.line("alice");
        assert_eq!(judges(&key, &line, "alice"), accepted, "{flags}");
        assert!(verifies(&keygen, &key, &line, "alice"), "{flags}");
    }
}

/// A certificate can't be withdrawn from a Pi that reaches no list of those that were.
#[test]
fn a_certificate_is_refused_where_ssh_keygen_accepts_its_authority() {
    let keygen = SshKeygen::new();
    let authority = keygen.generate("authority", &["ed25519"]);
    let key = TestKey::new(1);
    let private = keygen.write("key", &key.private_file());
    keygen.write("key.pub", &(key.public() + "\n"));
    let certificate = SshKeygen::certify(&authority, &private, "alice");
    let certificate = Certificate::from_openssh(&certificate).unwrap();
    let payload = by("alice").payload();
    let mut blob = key.blob(OPERATE, &payload);
    blob.key = certificate.to_bytes().unwrap();
    let signature = blob.encode();
    let public = fs::read_to_string(authority.with_extension("pub")).unwrap();
    let query = Query {
        actor: "alice",
        namespace: OPERATE,
        time: MIDNIGHT,
        blob: &signature,
        message: &payload,
    };
    assert!(keygen.verifies(&format!("alice cert-authority {public}"), &query));
    let signed = SignedCommand { payload, signature };
    let refusal = judge(&key.line("alice"), &signed).unwrap_err();
    assert_eq!(refusal.reason, Reason::Certificate);
}

/// Real ones, in place of the table's imitations.
#[test]
fn keys_of_other_kinds_sign_nothing_and_their_lines_are_problems() {
    let keygen = SshKeygen::new();
    for (name, kind) in [
        ("ssh-rsa", &["rsa", "-b", "2048"][..]),
        ("ecdsa-sha2-nistp256", &["ecdsa"]),
    ] {
        let key = keygen.generate(name, kind);
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let line = format!("alice@example.org {public}");
        let payload = reboot().payload();
        let signature = dearmoured(&SshKeygen::sign(&key, OPERATE, &[], &payload));
        let refusal = judge(&line, &SignedCommand { payload, signature }).unwrap_err();
        assert_eq!(refusal.reason, Reason::SignatureKind);
        let (signers, problems) = AllowedSigners::parse(&line);
        assert!(signers.is_empty());
        assert_eq!(problems[0].flaw, LineFlaw::KeyKind(name.to_owned()));
    }
}
