//! From a changed catalogue to its two files: the next version, signed.
use anyhow::Result;
use picket_proto::image::{Catalogue, NAMESPACE};

use crate::{
    audit::armour,
    catalogue::{Store, text},
    cmd::{options::Options, usage},
    signer::{Signer, Surroundings},
};

/// Signs the catalogue as the next version, and writes it.
///
/// # Errors
/// There is no key, or the files can't be written; what was there stays then.
pub(super) async fn publish(
    store: &Store,
    mut catalogue: Catalogue,
    options: &Options,
) -> Result<()> {
    catalogue.version += 1;
    let text = text(&catalogue)?;
    let source = options.key_source()?;
    let signer = Signer::open(&source, &Surroundings::of_this_process()).await;
    let signer = signer.map_err(|error| usage(format!("{error:#}")))?;
    let signature = signer.sign_in(NAMESPACE, text.as_bytes()).await?;
    store.publish(&text, &armour(&signature))?;
    eprintln!(
        "picket: catalogue version {} with {} images, signed by {}",
        catalogue.version,
        catalogue.images.len(),
        signer.fingerprint()
    );
    Ok(())
}
