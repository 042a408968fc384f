//! The way of an image, from a folder to a catalogue and out of it; ssh-keygen judges the signature.
use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use clap::Parser;
use picket_proto::image::{CATALOGUE_FILE, SIGNATURE_FILE};
use picket_test_keys::TestKey;

use super::*;
use crate::{catalogue, cmd::Usage};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    image: Image,
    #[command(flatten)]
    options: Options,
}

#[tokio::test]
async fn an_image_is_packed_added_verified_and_retired_and_ssh_keygen_agrees() {
    let place = Place::new();
    place.run(&PACK).await.unwrap();
    let add = ["add", "debian.manifest"];
    assert_eq!(place.run(&add).await.unwrap(), Exit::Succeeded);
    assert_eq!(place.version(), (1, 1));
    place.ssh_keygen_verifies();
    let verify = ["verify", "--signers", "signers"];
    assert_eq!(place.run(&verify).await.unwrap(), Exit::Succeeded);
    let twice = place.run(&add).await.unwrap_err();
    assert!(twice.is::<Usage>() && twice.to_string().contains("--replace"));
    place
        .run(&["add", "debian.manifest", "--replace"])
        .await
        .unwrap();
    assert_eq!(place.version(), (2, 1));
    assert_eq!(place.run(&["list"]).await.unwrap(), Exit::Succeeded);
    let unknown = place.run(&["retire", "ubuntu"]).await.unwrap_err();
    assert!(unknown.is::<Usage>());
    place.run(&["retire", "debian"]).await.unwrap();
    assert_eq!(place.version(), (3, 0));
    place.ssh_keygen_verifies();
    assert!(place.path("debian.tar.zst").exists(), "the archive stays");
}

#[tokio::test]
async fn what_isnt_as_it_was_signed_is_found_and_not_signed() {
    let place = Place::new();
    place.run(&PACK).await.unwrap();
    place.run(&["add", "debian.manifest"]).await.unwrap();
    let verify = ["verify", "--signers", "signers"];
    let archive = place.path("debian.tar.zst");
    let good = fs::read(&archive).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [
        &flipped[..],
        &good[..good.len() - 1],
        b"",
        &[&good[..], b"x"].concat(),
    ] {
        fs::write(&archive, bad).unwrap();
        assert_eq!(place.run(&verify).await.unwrap(), Exit::Failed);
        let again = place.run(&["add", "debian.manifest", "--replace"]).await;
        assert!(again.is_err() && place.version() == (1, 1));
    }
    fs::write(&archive, &good).unwrap();
    let lines = TestKey::new(2).line("images");
    fs::write(place.path("signers"), lines).unwrap();
    let stranger = place.run(&verify).await.unwrap_err().to_string();
    assert!(stranger.contains("isn't trusted"), "{stranger}");
    let text = fs::read_to_string(place.path("debian.manifest")).unwrap();
    let more = text.replace("entries = 2", "entries = 3");
    assert_ne!(more, text);
    fs::write(place.path("debian.manifest"), more).unwrap();
    let lie = place.run(&["add", "debian.manifest", "--replace"]).await;
    let lie = lie.unwrap_err().to_string();
    assert!(lie.contains("has entries 2, and its manifest 3"), "{lie}");
}

#[tokio::test]
async fn an_image_needs_an_architecture_and_names_that_are_words() {
    let place = Place::new();
    for (options, words) in [
        (&["--name", "debian"][..], "--architecture"),
        (
            &["--name", "../debian", "--architecture", "arm64"],
            "image's name",
        ),
        (
            &["--name", "a b", "--architecture", "arm64"],
            "image's name",
        ),
    ] {
        let line = [&["pack", "root", "--image-version", "1"], options].concat();
        let error = format!("{:#}", place.run(&line).await.unwrap_err());
        assert!(error.contains(words), "{error}");
    }
    let left = fs::read_dir(place.path("")).unwrap().count();
    assert_eq!(left, 3, "root, key and signers, and no draft");
}

const PACK: [&str; 8] = [
    "pack",
    "root",
    "--name",
    "debian",
    "--image-version",
    "13.2",
    "--architecture",
    "arm64",
];

/// A folder with a root file system, a key and its line.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let key = TestKey::new(1);
        fs::create_dir_all(place.path("root/etc")).unwrap();
        fs::write(place.path("root/etc/hostname"), "pi\n").unwrap();
        fs::write(place.path("key"), key.private_file()).unwrap();
        fs::set_permissions(place.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(place.path("signers"), key.line("images")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `picket image` with that line; words that are files of the folder are meant so.
    async fn run(&self, words: &[&str]) -> Result<Exit> {
        let files = ["root", "debian.manifest", "signers"];
        let word = |word: &&str| match files.contains(word) {
            true => self.path(word).display().to_string(),
            false => (*word).to_owned(),
        };
        let mut line: Vec<_> = ["picket".to_owned()].into();
        line.extend(words.iter().map(word));
        let folder = self.0.path().display().to_string();
        let place = match words[0] {
            "pack" => "--into",
            _ => "--catalogue",
        };
        let key = self.path("key").display().to_string();
        line.extend([place.to_owned(), folder, "--key".to_owned(), key]);
        let line = Line::try_parse_from(line).unwrap();
        run(&line.image, &line.options).await
    }

    /// Version of the catalogue, and how many images it has.
    fn version(&self) -> (u64, usize) {
        let catalogue = catalogue::read(&self.path(CATALOGUE_FILE)).unwrap();
        (catalogue.version, catalogue.images.len())
    }

    fn ssh_keygen_verifies(&self) {
        let name = |path: &Path| path.display().to_string();
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-n", "picket-image@1", "-I", "images"]);
        command.args(["-f", &name(&self.path("signers"))]);
        command.args(["-s", &name(&self.path(SIGNATURE_FILE))]);
        let text = File::open(self.path(CATALOGUE_FILE)).unwrap();
        let done = command.stdin(text).output().unwrap();
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{told}");
    }
}
