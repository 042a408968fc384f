//! Keys in files.
use std::{fs, os::unix::fs::PermissionsExt};

use picket::signer::{KeySource, Signer, Surroundings};
use picket_proto::Privilege;

use crate::openssh::Keys;

const PAYLOAD: &[u8] = b"what is signed";

#[tokio::test]
async fn ssh_keygen_verifies_what_its_keys_sign_here() {
    let keys = Keys::new();
    let passphrase = keys.path("passphrase");
    fs::write(&passphrase, "open sesame\nrest\n").unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let around = Surroundings {
        passphrase_file: Some(passphrase),
        ..Surroundings::default()
    };
    for (name, arguments) in [
        ("plain", &["-N", ""][..]),
        ("encrypted", &["-N", "open sesame"]),
        (
            "gcm",
            &["-N", "open sesame", "-Z", "aes256-gcm@openssh.com"],
        ),
        (
            "chacha",
            &["-N", "open sesame", "-Z", "chacha20-poly1305@openssh.com"],
        ),
        ("slow", &["-N", "open sesame", "-a", "32"]),
    ] {
        let path = keys.make(name, &[&["-t", "ed25519"], arguments].concat());
        let signer = Signer::open(&KeySource::File(path), &around).await.unwrap();
        assert_eq!(signer.public().comment(), format!("{name}@test"));
        assert!(!signer.needs_touch());
        let line = signer.public().to_openssh().unwrap();
        for privilege in Privilege::ALL {
            let namespace = privilege.namespace();
            let blob = signer.sign(privilege, PAYLOAD).await.unwrap();
            assert!(
                keys.verifies(&line, namespace, PAYLOAD, &blob),
                "{name} {namespace}"
            );
            assert!(
                !keys.verifies(&line, namespace, b"other", &blob),
                "{name} {namespace}"
            );
            assert!(
                !keys.verifies(&line, "picket-image@1", PAYLOAD, &blob),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_key_file_that_cant_sign_is_told_with_the_way_out() {
    let keys = Keys::new();
    let path = |name| keys.path(name);
    let write = |name: &str, text: &str| {
        fs::write(keys.path(name), text).unwrap();
        fs::set_permissions(keys.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    let open = keys.ed25519("open");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o640)).unwrap();
    fs::rename(keys.ed25519("away"), path("elsewhere")).unwrap();
    keys.make("rsa", &["-t", "rsa", "-b", "2048", "-N", ""]);
    keys.make("ecdsa", &["-t", "ecdsa", "-N", ""]);
    keys.make("pem", &["-t", "rsa", "-b", "2048", "-N", "", "-m", "PEM"]);
    keys.make("locked", &["-t", "ed25519", "-N", "other word"]);
    write("public", &fs::read_to_string(path("away.pub")).unwrap());
    write("garbage", "\u{1b}[2J");
    write("putty", "PuTTY-User-Key-File-3: ssh-ed25519\n");
    write("large", &"x".repeat(70_000));
    write("garbage.pub", "ssh-ed25519 AAAA\n");
    write("cert.pub", "ssh-ed25519-cert-v01@openssh.com AAAA\n");
    write("passphrase", "wrong\n");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path("passphrase"), private).unwrap();
    for (name, words) in [
        (
            "missing",
            &["no key file", "ssh-keygen -t ed25519 -f", "PICKET_KEY"][..],
        ),
        ("away", &["only its public half", "--key"]),
        ("open", &["mode 0640", "chmod 600"]),
        ("public", &["holds a public key"]),
        ("rsa", &["of kind ssh-rsa", "ssh-keygen -t ed25519"]),
        (
            "ecdsa",
            &["another kind than ed25519", "ssh-keygen -t ed25519"],
        ),
        ("pem", &["no key of OpenSSH's form"]),
        ("putty", &["puttygen"]),
        ("garbage", &["holds no private key"]),
        ("large", &["too large"]),
        ("locked", &["the passphrase does not open"]),
        ("rsa.pub", &["is of kind ssh-rsa", "ssh-keygen -t ed25519"]),
        ("garbage.pub", &["no public key"]),
        ("cert.pub", &["is a certificate"]),
        ("ecdsa.pub", &["is of kind ecdsa-sha2-nistp256"]),
        ("missing.pub", &["public key file", "No such file"]),
    ] {
        let error = refusal(&keys, name, Some("passphrase")).await;
        for words in words {
            assert!(error.contains(words), "{name}: {error:?} lacks {words:?}");
        }
        assert!(
            error.contains(path(name).to_str().unwrap()),
            "{name}: {error}"
        );
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
    write("shared", "other word\n");
    fs::set_permissions(path("shared"), fs::Permissions::from_mode(0o604)).unwrap();
    let error = refusal(&keys, "locked", Some("shared")).await;
    let words = "passphrase file of PICKET_KEY_PASSPHRASE_FILE";
    for words in [
        words,
        "mode 0604",
        path("shared").to_str().unwrap(),
        "chmod 600",
    ] {
        assert!(error.contains(words), "{error}");
    }
    let error = refusal(&keys, "locked", Some("nowhere")).await;
    assert!(error.contains("PICKET_KEY_PASSPHRASE_FILE"), "{error}");
}

#[tokio::test]
async fn nothing_of_a_private_key_is_in_its_debug_text() {
    let keys = Keys::new();
    let path = keys.ed25519("key");
    let source = KeySource::File(path);
    let signer = Signer::open(&source, &Surroundings::default()).await;
    let text = format!("{:?}", signer.unwrap());
    assert!(text.ends_with("key: Private }"), "{text}");
}

async fn refusal(keys: &Keys, name: &str, passphrase: Option<&str>) -> String {
    let around = Surroundings {
        passphrase_file: passphrase.map(|name| keys.path(name)),
        ..Surroundings::default()
    };
    let path = keys.path(name);
    let source = path.to_str().unwrap().parse().unwrap();
    let error = Signer::open(&source, &around).await.unwrap_err();
    format!("{error:#}")
}
