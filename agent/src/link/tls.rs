//! TLS with rustls. The client connects by address, so the name in the broker's certificate is checked here, against the
//! configured host. No server name (SNI) is sent along: rumqttc takes one text for the address and for that name, so a broker
//! that shares its port among several names must have this one as its default.
use std::{sync::Arc, time::Duration};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    time_provider::TimeProvider,
};

use super::{AccessError, access::Reading};
use crate::{
    clock,
    config::LinkSettings,
    world::{OnDisk, World},
};

/// The set-up for the broker of those settings. `last_good` is the last time that was good, Unix time in s.
pub(super) fn config(
    settings: &LinkSettings,
    world: &World,
    last_good: Option<i64>,
    reading: &mut Reading,
) -> Result<Arc<ClientConfig>, AccessError> {
    let (files, host) = (&settings.tls, &settings.broker.host);
    let ca = files
        .ca
        .as_deref()
        .expect("settings with TLS name the authorities");
    let name = ServerName::try_from(host.clone()).map_err(|_| AccessError::Name(host.clone()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(&world.on_disk(ca), reading)?);
    let provider = Arc::new(ring::default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|source| AccessError::NoAuthority {
            path: ca.to_owned(),
            source,
        })?;
    let builder = ClientConfig::builder_with_details(provider, Arc::new(Judged { last_good }))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ConfiguredName { inner, name }));
    let config = match &files.client {
        Some((certificate, key)) => builder.with_client_auth_cert(
            certificates(&world.on_disk(certificate), reading)?,
            private_key(&world.on_disk(key), reading)?,
        )?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(
    path: &OnDisk,
    reading: &mut Reading,
) -> Result<Vec<CertificateDer<'static>>, AccessError> {
    let bytes = reading.bytes(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(not_pem(path, "certificate")),
    }
}

fn private_key(
    path: &OnDisk,
    reading: &mut Reading,
) -> Result<PrivateKeyDer<'static>, AccessError> {
    let bytes = reading.bytes(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| not_pem(path, "private key"))
}

fn not_pem(path: &OnDisk, wanted: &'static str) -> AccessError {
    AccessError::NotPem {
        path: path.named().to_owned(),
        wanted,
    }
}

/// The time by which the broker's certificate is judged.
#[derive(Debug)]
struct Judged {
    last_good: Option<i64>,
}

impl TimeProvider for Judged {
    fn current_time(&self) -> Option<UnixTime> {
        let now = u64::try_from(clock::certificates::now(self.last_good)).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now)))
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
