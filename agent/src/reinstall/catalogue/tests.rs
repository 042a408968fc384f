//! Catalogues that are good, and each way in which one isn't.
use std::{
    fs,
    process::{Command, Stdio},
};

use picket_proto::Quality;
use picket_test_keys::{TestKey, armoured};

use super::*;

const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn what_is_signed_is_parsed_and_an_order_finds_its_image() {
    let text = text(7);
    let trusted = open(&text, &sign(&text), 7).unwrap();
    assert!(trusted.key.starts_with("SHA256:"), "{}", trusted.key);
    let digest: Digest = DIGEST.parse().unwrap();
    let image = trusted.image("debian-13-arm64", digest).unwrap();
    assert_eq!(image.file, "debian-13-arm64.tar.zst");
    for (name, digest, words) in [
        ("debian-12-arm64", digest, "has no image of that name"),
        ("debian-13-arm64", Digest([0; 32]), DIGEST),
    ] {
        let error = trusted.image(name, digest).unwrap_err();
        assert_eq!(error.reason(), Reason::UnknownImage);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn an_older_catalogue_is_refused_whoever_signed_it() {
    for (version, at_least, fine) in [
        (1, 0, true),
        (7, 7, true),
        (8, 7, true),
        (6, 7, false),
        (1, u64::MAX, false),
    ] {
        let text = text(version);
        match open(&text, &sign(&text), at_least) {
            Ok(_) => assert!(fine, "{version} {at_least}"),
            Err(error) => {
                assert!(!fine, "{error}");
                assert_eq!(error.reason(), Reason::CatalogueOld);
                let words =
                    format!("has version {version}, and this Pi takes none below {at_least}");
                assert!(error.to_string().contains(&words), "{error}");
            }
        }
    }
}

#[test]
fn nothing_is_parsed_that_nobody_vouches_for() {
    let nonsense = "version = [";
    let stranger = armoured(&TestKey::new(9).sign(NAMESPACE, nonsense.as_bytes()));
    for (text, signature, reason) in [
        (nonsense, sign("version = 1"), Some(Reason::BadSignature)),
        (nonsense, stranger, Some(Reason::UnknownSigner)),
        (nonsense, String::new(), Some(Reason::SignatureKind)),
        (
            nonsense,
            armoured(&TestKey::new(1).sign("picket-reinstall@1", nonsense.as_bytes())),
            Some(Reason::WrongNamespace),
        ),
        (nonsense, sign(nonsense), None),
        ("version = 0", sign("version = 0"), None),
        ("version = 1\nurl = 2", sign("version = 1\nurl = 2"), None),
    ] {
        let error = open(text, &signature, 0).unwrap_err();
        assert_eq!(error.reason(), Reason::Catalogue);
        let found = match &error {
            CatalogueError::Untrusted(refusal) => Some(refusal.reason),
            CatalogueError::Unreadable(_) => None,
            other => panic!("{other}"),
        };
        assert_eq!(found, reason, "{error}");
    }
}

#[test]
fn a_catalogue_is_bounded_before_anything_else() {
    let text = "#".repeat(MAX_CATALOGUE);
    let error = open(&text, &sign(&text), 0).unwrap_err();
    assert!(matches!(error, CatalogueError::Unreadable(_)), "{error}");
    let text = text + "#";
    let error = open(&text, &sign(&text), 0).unwrap_err();
    assert!(matches!(error, CatalogueError::TooLarge), "{error}");
    assert!(matches!(
        parse(text.as_bytes()),
        Err(CatalogueError::TooLarge)
    ));
}

#[test]
fn what_ssh_keygen_signs_is_taken() {
    let place = tempfile::tempdir().unwrap();
    let (key, file) = (
        place.path().join("key"),
        place.path().join("catalogue.toml"),
    );
    fs::write(&file, text(3)).unwrap();
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
    let (key_name, file_name) = (key.to_str().unwrap(), file.to_str().unwrap());
    ssh_keygen(&["-Y", "sign", "-n", NAMESPACE, "-f", key_name, file_name]);
    let public = fs::read_to_string(place.path().join("key.pub")).unwrap();
    let signature = fs::read(place.path().join("catalogue.toml.sig")).unwrap();
    let lines = format!("images@example.org namespaces=\"{NAMESPACE}\" {public}");
    let (signers, problems) = AllowedSigners::parse(&lines);
    assert_eq!(problems, []);
    let bytes = fs::read(&file).unwrap();
    let trusted = trust(&signers, 0).open(&bytes, &signature).unwrap();
    assert_eq!(trusted.catalogue.version, 3);
    let changed = text(4);
    assert!(
        trust(&signers, 0)
            .open(changed.as_bytes(), &signature)
            .is_err()
    );
}

fn open(text: &str, signature: &str, at_least: u64) -> Result<Trusted, CatalogueError> {
    let (signers, problems) = AllowedSigners::parse(&TestKey::new(1).line("images"));
    assert_eq!(problems, []);
    trust(&signers, at_least).open(text.as_bytes(), signature.as_bytes())
}

fn trust(signers: &AllowedSigners, at_least: u64) -> Trust<'_> {
    Trust {
        signers,
        wall: WallClock {
            offset_ms: 0,
            quality: Quality::Unset,
        },
        boottime_ms: 0,
        unjudged: Unjudged::Refuse,
        at_least,
    }
}

fn sign(text: &str) -> String {
    armoured(&TestKey::new(1).sign(NAMESPACE, text.as_bytes()))
}

fn text(version: u64) -> String {
    format!(
        "version = {version}\n\n[[image]]\nname = \"debian-13-arm64\"\nversion = \"13.2\"\narchitecture = \"arm64\"\nfile = \"debian-13-arm64.tar.zst\"\nformat = \"tar.zst\"\nsha256 = \"{DIGEST}\"\nsize = 1000\ninstalled_size = 2000\nentries = 30\n"
    )
}

fn ssh_keygen(args: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    let done = command.args(args).stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "ssh-keygen {args:?}: {told}");
}
