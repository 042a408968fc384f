//! TLS with rustls. The client connects by address, so the name in the broker's certificate is checked here, against the
//! configured host. No server name (SNI) is sent along: rumqttc takes one text for the address and for that name, so a broker
//! that shares its port among several names must have this one as its default.
use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
};

use super::AccessError;
use crate::{
    config::TlsFiles,
    world::{OnDisk, World},
};

/// The set-up for a broker called `host`.
pub(super) fn config(
    files: &TlsFiles,
    host: &str,
    world: &World,
) -> Result<Arc<ClientConfig>, AccessError> {
    let ca = files
        .ca
        .as_deref()
        .expect("settings with TLS name the authorities");
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| AccessError::Name(host.to_owned()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(&world.on_disk(ca))?);
    let provider = Arc::new(ring::default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|source| AccessError::NoAuthority {
            path: ca.to_owned(),
            source,
        })?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ConfiguredName { inner, name }));
    let config = match &files.client {
        Some((certificate, key)) => builder.with_client_auth_cert(
            certificates(&world.on_disk(certificate))?,
            private_key(&world.on_disk(key))?,
        )?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(path: &OnDisk) -> Result<Vec<CertificateDer<'static>>, AccessError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(path, "certificate", error))?;
    match found.is_empty() {
        true => Err(unreadable(path, "certificate", pem::Error::NoItemsFound)),
        false => Ok(found),
    }
}

fn private_key(path: &OnDisk) -> Result<PrivateKeyDer<'static>, AccessError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable(path, "private key", error))
}

fn unreadable(path: &OnDisk, wanted: &'static str, error: pem::Error) -> AccessError {
    let path = path.named().to_owned();
    match error {
        pem::Error::Io(source) => AccessError::Read { path, source },
        _ => AccessError::NotPem { path, wanted },
    }
}

/// Checks certificates as webpki does, but for the configured name, whatever address the connection went to.
#[derive(Debug)]
struct ConfiguredName {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for ConfiguredName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _address: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
