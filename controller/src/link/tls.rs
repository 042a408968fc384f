//! TLS with rustls: which authorities to trust, and the client's own certificate. Knows no broker.
use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use rumqttc::TlsConfiguration;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::LinkSettings;

/// Where systems keep the authorities that they trust.
const SYSTEM: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The configuration for a connection with those settings.
pub(super) fn configuration(settings: &LinkSettings) -> Result<TlsConfiguration> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(settings.ca.as_deref())?);
    let config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .with_context(|| format!("no private key can be read from {}", key.display()))?;
            builder
                .with_client_auth_cert(chain, key)
                .with_context(|| format!("{} does not go with its key", cert.display()))?
        }
    };
    Ok(TlsConfiguration::Rustls(Arc::new(config)))
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        for certificate in certificates(ca)? {
            roots
                .add(certificate)
                .with_context(|| format!("a certificate in {} is not valid", ca.display()))?;
        }
        return Ok(roots);
    }
    let Some(system) = SYSTEM.map(Path::new).into_iter().find(|path| path.exists()) else {
        bail!("this system has no list of trusted authorities; give --ca FILE");
    };
    // Old authorities in the system's list that rustls refuses are no reason to trust none.
    roots.add_parsable_certificates(certificates(system)?);
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("certificates can't be read from {}", path.display()))?;
    if read.is_empty() {
        bail!("there is no certificate in {}", path.display());
    }
    Ok(read)
}
