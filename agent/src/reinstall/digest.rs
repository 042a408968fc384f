//! What comes from a source, on its way to the decompressor: counted, digested, and stopped where the manifest says that it ends. It
//! knows neither source nor format.
use std::{
    io::{self, Read},
    sync::Arc,
};

use picket_proto::image::{Digest, Manifest};
use ring::digest::{Context, SHA256};

use super::{cancel::Cancel, fault::Fault, progress::Counters};

/// The archive's bytes as they come.
pub(crate) struct Incoming<R> {
    source: R,
    digest: Context,
    /// What the manifest still lets through, in bytes.
    left: u64,
    counters: Arc<Counters>,
    cancel: Cancel,
}

impl<R: Read> Incoming<R> {
    /// From that source, as long as the manifest says.
    pub(crate) fn new(
        source: R,
        manifest: &Manifest,
        counters: Arc<Counters>,
        cancel: Cancel,
    ) -> Self {
        Self {
            source,
            digest: Context::new(&SHA256),
            left: manifest.size,
            counters,
            cancel,
        }
    }

    /// Reads what is left, and says whether all of it was what the manifest names.
    ///
    /// # Errors
    /// [`Fault::Digest`]: it wasn't; or what the source failed with.
    pub(crate) fn finish(mut self, manifest: &Manifest) -> Result<(), Fault> {
        let mut rest = [0; 4096];
        while self.read(&mut rest).map_err(Fault::back)? > 0 {}
        let found = self.digest.finish();
        match found.as_ref() == manifest.sha256.0 {
            true => Ok(()),
            false => {
                let found = Digest(found.as_ref().try_into().expect("SHA-256 has 32 bytes"));
                Err(Fault::Digest(format!(
                    "{} is not what the catalogue names: its SHA-256 is {found}, and should be {}",
                    manifest.file, manifest.sha256
                )))
            }
        }
    }
}

impl<R: Read> Read for Incoming<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(Fault::carried)?;
        let count = self.source.read(into)?;
        let Some(left) = self.left.checked_sub(count as u64) else {
            return Err(Fault::Digest("it is longer than the catalogue says".to_owned()).carried());
        };
        if count == 0 && left > 0 && !into.is_empty() {
            let why = format!("it ends {left} bytes before the length that the catalogue says");
            return Err(Fault::Digest(why).carried());
        }
        self.left = left;
        self.digest.update(&into[..count]);
        self.counters.add_bytes(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::image::{Architecture, Format};

    use super::*;

    fn manifest(bytes: &[u8]) -> Manifest {
        let digest = ring::digest::digest(&SHA256, bytes);
        Manifest {
            name: "x".to_owned(),
            version: "1".to_owned(),
            architecture: Architecture::Amd64,
            file: "x.tar.gz".to_owned(),
            format: Format::TarGz,
            sha256: Digest(digest.as_ref().try_into().unwrap()),
            size: bytes.len() as u64,
            installed_size: 0,
            entries: 1,
        }
    }

    fn taken(wanted: &[u8], sent: &[u8]) -> Result<u64, Fault> {
        let manifest = manifest(wanted);
        let counters = Arc::new(Counters::default());
        let incoming = Incoming::new(sent, &manifest, counters.clone(), Cancel::default());
        incoming.finish(&manifest).map(|()| counters.bytes())
    }

    #[test]
    fn only_what_the_manifest_names_goes_through_to_its_end() {
        let bytes = vec![7; 100_000];
        assert_eq!(taken(&bytes, &bytes).unwrap(), 100_000);
        let mut other = bytes.clone();
        other[99_999] ^= 1;
        for (sent, why) in [
            (&other[..], "SHA-256"),
            (&bytes[..99_999], "ends 1 bytes before"),
            (&[&bytes[..], &[7]].concat(), "longer"),
            (&[], "ends 100000 bytes before"),
        ] {
            let fault = taken(&bytes, sent).unwrap_err();
            assert!(
                matches!(&fault, Fault::Digest(said) if said.contains(why)),
                "{fault}"
            );
        }
    }

    #[test]
    fn a_wish_to_give_up_ends_it_at_the_next_read() {
        let cancel = Cancel::default();
        let manifest = manifest(b"abc");
        let mut incoming = Incoming::new(&b"abc"[..], &manifest, Arc::default(), cancel.clone());
        incoming.read_exact(&mut [0]).unwrap();
        cancel.wish();
        assert!(matches!(
            Fault::back(incoming.read(&mut [0]).unwrap_err()),
            Fault::GivenUp
        ));
    }
}
