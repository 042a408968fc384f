//! What may be in a catalogue, as the text that is signed.
use alloc::{format, string::ToString};

use super::*;

const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn a_catalogue_is_a_text_that_a_person_can_read() {
    let text = format!(
        r#"version = 7

[[image]]
name = "debian-13-arm64"
version = "13.2"
architecture = "arm64"
file = "debian-13-arm64.tar.zst"
format = "tar.zst"
sha256 = "{DIGEST}"
size = 123456789
installed_size = 456789012
entries = 20123
"#
    );
    let catalogue: Catalogue = toml::from_str(&text).unwrap();
    assert_eq!(catalogue.version, 7);
    let image = catalogue.named("debian-13-arm64").unwrap();
    assert_eq!(image.architecture, Architecture::Arm64);
    assert_eq!(image.format, Format::TarZst);
    assert_eq!(image.sha256.to_string(), DIGEST);
    let again = serde_json::to_string(&catalogue).unwrap();
    assert_eq!(
        serde_json::from_str::<Catalogue>(&again).unwrap(),
        catalogue
    );
    assert_eq!(
        toml::from_str::<Catalogue>("version = 1")
            .unwrap()
            .images
            .len(),
        0
    );
}

#[test]
fn what_is_out_of_its_range_is_not_read_and_not_written() {
    let long = |length: usize| "x".repeat(length);
    let name = |name: &str| Manifest {
        name: name.into(),
        ..manifest()
    };
    let file = |file: &str| Manifest {
        file: file.into(),
        ..manifest()
    };
    let sizes = |size, installed_size, entries| Manifest {
        size,
        installed_size,
        entries,
        ..manifest()
    };
    for (image, flaw) in [
        (manifest(), None),
        (name("a"), None),
        (name("A9._+~-"), None),
        (name(&long(64)), None),
        (name(""), Some(Flaw::Name)),
        (name(&long(65)), Some(Flaw::Name)),
        (name("-rf"), Some(Flaw::Name)),
        (name("a b"), Some(Flaw::Name)),
        (name("ä"), Some(Flaw::Name)),
        (name("a\n"), Some(Flaw::Name)),
        (name("a\u{1b}[0m"), Some(Flaw::Name)),
        (
            Manifest {
                version: "1 2".into(),
                ..manifest()
            },
            Some(Flaw::Version),
        ),
        (file(&long(128)), None),
        (file(&long(129)), Some(Flaw::File)),
        (file(""), Some(Flaw::File)),
        (file("."), Some(Flaw::File)),
        (file(".."), Some(Flaw::File)),
        (file(".hidden"), Some(Flaw::File)),
        (file("a/b"), Some(Flaw::File)),
        (file("/a"), Some(Flaw::File)),
        (file("../a"), Some(Flaw::File)),
        (file("a%2fb"), Some(Flaw::File)),
        (file("a?b"), Some(Flaw::File)),
        (file("a\0"), Some(Flaw::File)),
        (sizes(MAX_SIZE, MAX_INSTALLED, MAX_ENTRIES), None),
        (sizes(1, 0, 1), None),
        (sizes(0, 0, 1), Some(Flaw::Size)),
        (sizes(MAX_SIZE + 1, 0, 1), Some(Flaw::Size)),
        (sizes(1, MAX_INSTALLED + 1, 1), Some(Flaw::InstalledSize)),
        (sizes(1, 0, 0), Some(Flaw::Entries)),
        (sizes(1, 0, MAX_ENTRIES + 1), Some(Flaw::Entries)),
    ] {
        let written = serde_json::to_string(&image).map_err(|error| error.to_string());
        let raw = raw(&image).to_string();
        let read = serde_json::from_str::<Manifest>(&raw).map_err(|error| error.to_string());
        match flaw {
            None => {
                assert_eq!(read, Ok(image));
                assert!(written.is_ok());
            }
            Some(flaw) => {
                assert!(read.unwrap_err().contains(&flaw.to_string()), "{raw}");
                assert!(written.unwrap_err().contains(&flaw.to_string()), "{raw}");
            }
        }
    }
}

#[test]
fn a_catalogue_is_bounded_and_names_each_image_once() {
    let of = |version, names: &mut dyn Iterator<Item = String>| Catalogue {
        version,
        images: names.map(|name| Manifest { name, ..manifest() }).collect(),
    };
    let many = |count: usize| of(1, &mut (0..count).map(|at| format!("i{at}")));
    let words = |words: &'static [&'static str]| of(1, &mut words.iter().map(|&word| word.into()));
    for (catalogue, flaw) in [
        (many(0), None),
        (many(256), None),
        (many(257), Some(Flaw::TooMany(257))),
        (words(&["b", "a", "c"]), None),
        (words(&["b", "a", "b"]), Some(Flaw::Twice("b".into()))),
        (
            of(0, &mut core::iter::empty()),
            Some(Flaw::CatalogueVersion),
        ),
        (of(MAX_VERSION, &mut core::iter::empty()), None),
        (
            of(MAX_VERSION + 1, &mut core::iter::empty()),
            Some(Flaw::CatalogueVersion),
        ),
    ] {
        assert_eq!(catalogue.check().err(), flaw);
        assert_eq!(serde_json::to_string(&catalogue).is_err(), flaw.is_some());
    }
}

#[test]
fn unknown_keys_and_words_are_errors_that_name_them() {
    for (line, word) in [
        ("url = \"http://elsewhere\"", "url"),
        ("architecture = \"riscv64\"", "riscv64"),
        ("format = \"tar.bz2\"", "tar.bz2"),
        ("format = \"tar\"", "tar.zst"),
        ("sha256 = \"00\"", "64 hex digits"),
        ("size = -1", "-1"),
    ] {
        let key = line.split(' ').next().unwrap();
        let lines = format!(
            "name = \"a\"\nversion = \"1\"\narchitecture = \"armhf\"\nfile = \"a\"\nformat = \"tar.gz\"\nsha256 = \"{DIGEST}\"\nsize = 1\ninstalled_size = 1\nentries = 1"
        );
        let kept = lines
            .lines()
            .filter(|kept| kept.split(' ').next() != Some(key));
        let text: String = kept.flat_map(|kept| [kept, "\n"]).collect();
        let text = format!("version = 1\n[[image]]\n{text}{line}\n");
        let error = toml::from_str::<Catalogue>(&text).unwrap_err().to_string();
        assert!(error.contains(word), "{line}: {error}");
    }
}

#[test]
fn an_order_names_an_image_by_name_and_digest() {
    let catalogue = Catalogue {
        version: 9,
        images: [manifest()].into(),
    };
    let (digest, other) = (Digest([5; 32]), Digest([6; 32]));
    assert_eq!(catalogue.image("debian", digest), Ok(&manifest()));
    assert_eq!(catalogue.image("ubuntu", digest), Err(NoImage::Unknown(9)));
    let another = NoImage::Another {
        catalogue: 9,
        has: digest,
    };
    assert_eq!(catalogue.image("debian", other), Err(another));
}

#[test]
fn names_of_architectures_and_formats_are_those_of_the_catalogue() {
    for architecture in Architecture::ALL {
        let json = serde_json::to_string(&architecture).unwrap();
        assert_eq!(json, format!("\"{architecture}\""));
        assert_eq!(
            Architecture::from_name(architecture.name()),
            Some(architecture)
        );
    }
    for format in Format::ALL {
        let json = serde_json::to_string(&format).unwrap();
        assert_eq!(json, format!("\"{format}\""));
        assert_eq!(Format::from_name(format.name()), Some(format));
    }
}

fn manifest() -> Manifest {
    Manifest {
        name: "debian".into(),
        version: "13.2".into(),
        architecture: Architecture::Arm64,
        file: "debian.tar.zst".into(),
        format: Format::TarZst,
        sha256: Digest([5; 32]),
        size: 1_000,
        installed_size: 2_000,
        entries: 3,
    }
}

/// The manifest as a text that nobody checked.
fn raw(image: &Manifest) -> serde_json::Value {
    serde_json::json!({
        "name": image.name,
        "version": image.version,
        "architecture": image.architecture,
        "file": image.file,
        "format": image.format,
        "sha256": image.sha256,
        "size": image.size,
        "installed_size": image.installed_size,
        "entries": image.entries,
    })
}
