//! Where images come from and whose catalogues are believed. There is no other way to name a place: no command has a URL or a path in it.
use std::{num::NonZeroU8, path::PathBuf};

use super::{
    entry::{Raw, Reader},
    settings::absolute,
};

/// Where images come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reinstalls {
    /// An `http://` or `https://` URL, or the absolute path of a folder.
    pub images: Option<String>,
    /// Who may sign a catalogue: a file of `allowed_signers`.
    pub image_signers: Option<PathBuf>,
    /// Authorities that may vouch for an `https://` server, in PEM; `None`: those of the disk.
    pub ca: Option<PathBuf>,
    /// The version that a catalogue must at least have.
    pub catalogue_at_least: u64,
    /// How many threads write an image, at most [`MOST_WRITERS`].
    pub writers: NonZeroU8,
    /// Whether every file of an image is read back.
    pub read_back: bool,
}

/// More threads than that are refused: each may have a file server's call in flight.
pub(super) const MOST_WRITERS: u8 = 64;

impl Reinstalls {
    /// The place of the images, and the file of their signers.
    ///
    /// # Errors
    /// What is missing in the configuration.
    pub fn complete(&self) -> Result<(&str, &PathBuf), String> {
        let missing = |key| {
            format!(
                "the configuration doesn't set {key}: set it in picketd.toml's section [reinstall], and restart picketd"
            )
        };
        let images = self.images.as_deref().ok_or_else(|| missing("images"))?;
        let signers = self
            .image_signers
            .as_ref()
            .ok_or_else(|| missing("image_signers"))?;
        Ok((images, signers))
    }
}

/// `signers` sign commands; they sign catalogues too, unless others are named.
pub(super) fn build(reader: &mut Reader, signers: Option<&PathBuf>) -> Reinstalls {
    let images = reader.take_optional("reinstall.images", place);
    let named = reader.take_optional("reinstall.image_signers", absolute);
    Reinstalls {
        images,
        image_signers: named.or_else(|| signers.cloned()),
        ca: reader.take_optional("reinstall.ca", absolute),
        catalogue_at_least: reader.take("reinstall.catalogue_at_least", |raw| match raw {
            Raw::Integer(version) => u64::try_from(*version).map_err(|_| at_least()),
            _ => Err(at_least()),
        }),
        writers: reader.take("reinstall.writers", writers),
        read_back: reader.take("reinstall.read_back", |raw| match raw.text()? {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("write \"on\" or \"off\"".to_owned()),
        }),
    }
}

fn writers(raw: &Raw) -> Result<NonZeroU8, String> {
    let count = match raw {
        Raw::Integer(count) => u8::try_from(*count).ok().and_then(NonZeroU8::new),
        _ => None,
    };
    count
        .filter(|count| count.get() <= MOST_WRITERS)
        .ok_or_else(|| format!("write how many threads, 1 to {MOST_WRITERS}"))
}

fn at_least() -> String {
    "write a catalogue's version, from 0".to_owned()
}

fn place(raw: &Raw) -> Result<String, String> {
    let text = raw.text()?;
    let schemes = ["https://", "http://"];
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() && !host.contains('@') => Ok(text.to_owned()),
        None if text.starts_with('/') => Ok(text.to_owned()),
        _ => Err(
            "write https://HOST/FOLDER, http://HOST/FOLDER, or the absolute path of a folder"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn reinstalls(text: &str) -> Result<Reinstalls, String> {
        let loaded = parse("f", text, "").map_err(|invalid| invalid.to_string())?;
        Ok(loaded.settings.reinstalls)
    }

    #[test]
    fn a_place_is_a_url_or_a_folder_and_the_signers_of_commands_sign_images_unless_others_do() {
        for place in [
            "https://images.example/pi",
            "http://[2001:db8::1]:8080/",
            "/srv/images",
        ] {
            let text = format!("allowed_signers = \"/s\"\n[reinstall]\nimages = {place:?}\n");
            let reinstalls = reinstalls(&text).unwrap();
            assert_eq!(reinstalls.complete(), Ok((place, &PathBuf::from("/s"))));
        }
        for place in [
            "",
            "images",
            "ftp://host/",
            "https://",
            "https://me:secret@host/",
        ] {
            let problem = reinstalls(&format!("[reinstall]\nimages = {place:?}\n")).unwrap_err();
            assert!(problem.contains("write https://"), "{place}: {problem}");
        }
        let others = reinstalls(
            "allowed_signers = \"/s\"\n[reinstall]\nimage_signers = \"/i\"\ncatalogue_at_least = 7",
        )
        .unwrap();
        assert_eq!(others.image_signers, Some("/i".into()));
        assert_eq!(others.catalogue_at_least, 7);
        assert!(others.complete().unwrap_err().contains("images"));
        let nobody = reinstalls("[reinstall]\nimages = \"/i\"").unwrap();
        assert!(nobody.complete().unwrap_err().contains("image_signers"));
        assert!(reinstalls("[reinstall]\ncatalogue_at_least = -1").is_err());
        for wrong in ["writers = 0", "writers = 65", "read_back = true"] {
            let problem = reinstalls(&format!("[reinstall]\n{wrong}")).unwrap_err();
            assert!(problem.contains("write "), "{wrong}: {problem}");
        }
        let slow = reinstalls("[reinstall]\nwriters = 1\nread_back = \"on\"").unwrap();
        assert_eq!((slow.writers.get(), slow.read_back), (1, true));
        assert!(
            reinstalls("reinstall = 1")
                .unwrap_err()
                .contains("[reinstall]")
        );
    }
}
