//! A catalogue in a folder.
use std::fs;

use picket_proto::image::{Architecture, Digest, Format};

use super::*;

#[test]
fn the_text_of_a_catalogue_is_read_as_what_it_was_made_of() {
    for count in [0, 1, 3, 256] {
        let images = (0..count).map(|at| image(&format!("image-{at}"))).collect();
        let catalogue = Catalogue { version: 9, images };
        let text = text(&catalogue).unwrap();
        assert_eq!(parse(text.as_bytes()).unwrap(), catalogue);
    }
    let mut wrong = image("a");
    wrong.file = "a\"\nsize = 1".to_owned();
    let catalogue = Catalogue {
        version: 1,
        images: vec![wrong],
    };
    assert!(text(&catalogue).is_err());
}

#[test]
fn a_folder_holds_one_catalogue_and_one_writer() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path()).unwrap();
    assert_eq!(store.catalogue().unwrap(), Catalogue::default());
    let locked = Store::open(place.path()).unwrap_err();
    assert!(locked.to_string().contains("another picket"), "{locked}");
    let catalogue = Catalogue {
        version: 1,
        images: vec![image("debian")],
    };
    store
        .publish(&text(&catalogue).unwrap(), "signature")
        .unwrap();
    assert_eq!(store.catalogue().unwrap(), catalogue);
    let signature = fs::read_to_string(place.path().join(SIGNATURE_FILE)).unwrap();
    assert_eq!(signature, "signature");
    let names = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(names, 2, "nothing else is left");
    drop(store);
    Store::open(place.path()).unwrap();
}

#[test]
fn an_image_is_found_by_its_name_in_a_folder_or_file() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path()).unwrap();
    let catalogue = Catalogue {
        version: 1,
        images: vec![image("debian"), image("ubuntu")],
    };
    store.publish(&text(&catalogue).unwrap(), "").unwrap();
    let file = place.path().join(CATALOGUE_FILE);
    for path in [place.path(), &file] {
        assert_eq!(super::image(path, "ubuntu").unwrap().name, "ubuntu");
        let error = super::image(path, "fedora").unwrap_err().to_string();
        assert!(error.contains("it has debian, ubuntu"), "{error}");
    }
    fs::write(&file, "version = 1\nsize = 2\n").unwrap();
    let error = format!("{:#}", super::image(&file, "ubuntu").unwrap_err());
    assert!(error.contains("unknown field"), "{error}");
    let missing = super::image(&place.path().join("no"), "ubuntu").unwrap_err();
    assert!(
        format!("{missing:#}").contains("can't be read"),
        "{missing:#}"
    );
}

fn image(name: &str) -> Manifest {
    Manifest {
        name: name.to_owned(),
        version: "1".to_owned(),
        architecture: Architecture::Armhf,
        file: format!("{name}.tar.xz"),
        format: Format::TarXz,
        sha256: Digest([7; 32]),
        size: 1,
        installed_size: 2,
        entries: 3,
    }
}
