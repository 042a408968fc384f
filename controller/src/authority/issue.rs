//! Certificates and lists of revoked ones (RFC 5280), made with rcgen. It knows no register and no files.
use std::{net::IpAddr, time::Duration};

use anyhow::{Context, Result};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

use crate::random;

/// The first year in which anything is valid: the one before which picketd believes no clock, so that a Pi whose clock was never
/// set takes the broker's certificate.
const FIRST_YEAR: i32 = 2025;
const DAY: Duration = Duration::from_secs(86_400);
/// Days until an authority's certificate ends.
const AUTHORITY_DAYS: u32 = 20 * 366;
/// Days until any other one ends. What is revoked is dead at once, so an end is only another way to lose a fleet.
const DAYS: u32 = 10 * 366;

/// For whom a certificate is.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// The broker, under these names or addresses.
    Broker(Vec<String>),
    /// A client, which logs in by that name.
    Client(String),
}

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: String,
    /// Its serial number, in hex digits.
    pub serial: String,
}

/// A key that vouches.
pub(super) struct Signer(Issuer<'static, KeyPair>);

impl Signer {
    /// The key of the authority with that name.
    pub(super) fn new(name: &str, key: &str) -> Result<Self> {
        let key = KeyPair::from_pem(key).context("the authority's key can't be read")?;
        Ok(Self(Issuer::new(of_authority(name)?, key)))
    }
}

/// A new authority's own certificate and key, PEM.
pub(super) fn authority(name: &str) -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    let certificate = of_authority(name)?.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// A new certificate for that identity.
pub(super) fn issue(signer: &Signer, identity: &Identity) -> Result<Certificate> {
    let serial = serial()?;
    let (name, usage) = match identity {
        Identity::Broker(names) => (
            names.first().map_or("broker", String::as_str),
            ExtendedKeyUsagePurpose::ServerAuth,
        ),
        Identity::Client(name) => (name.as_str(), ExtendedKeyUsagePurpose::ClientAuth),
    };
    let mut params = params(name, DAYS);
    params.is_ca = IsCa::ExplicitNoCa;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    if let Identity::Broker(names) = identity {
        params.subject_alt_names = names
            .iter()
            .map(|name| alternative(name))
            .collect::<Result<_>>()?;
    }
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &signer.0)?;
    Ok(Certificate {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        serial: serial.map(|byte| format!("{byte:02x}")).concat(),
    })
}

/// The list of what is revoked, PEM. It never ends before its authority: a list that has ended would keep everybody out.
pub(super) fn revocations(signer: &Signer, revoked: &[(String, Timestamp)]) -> Result<String> {
    let now = Timestamp::now();
    let at = |time: Timestamp| {
        let since = u64::try_from(time.as_second()).unwrap_or(0);
        date_time_ymd(1970, 1, 1) + Duration::from_secs(since)
    };
    let revoked_certs = revoked
        .iter()
        .map(|(serial, time)| {
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&digits(serial)?),
                revocation_time: at(*time),
                reason_code: None,
                invalidity_date: None,
            })
        })
        .collect::<Result<_>>()?;
    let list = CertificateRevocationListParams {
        this_update: at(now),
        next_update: date_time_ymd(FIRST_YEAR, 1, 1) + DAY * AUTHORITY_DAYS,
        crl_number: SerialNumber::from_slice(&now.as_second().to_be_bytes()),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(list.signed_by(&signer.0)?.pem()?)
}

fn of_authority(name: &str) -> Result<CertificateParams> {
    let mut params = params(name, AUTHORITY_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.serial_number = Some(SerialNumber::from_slice(&serial()?));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn params(name: &str, days: u32) -> CertificateParams {
    let mut params = CertificateParams::default();
    let first = date_time_ymd(FIRST_YEAR, 1, 1);
    // An end counts from now on, for which the first of the year is near enough.
    let year = jiff::Zoned::now().year().max(2025);
    params.not_before = first;
    params.not_after = date_time_ymd(i32::from(year), 1, 1) + DAY * days;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn alternative(name: &str) -> Result<SanType> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => {
            Ok(SanType::DnsName(name.try_into().with_context(|| {
                format!("{name} can't stand in a certificate")
            })?))
        }
    }
}

/// 127 random bits: positive, and never twice.
fn serial() -> Result<[u8; 16]> {
    let mut serial = random::bytes::<16>()?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

fn digits(serial: &str) -> Result<Vec<u8>> {
    let pairs = serial.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    bytes.with_context(|| format!("{serial} in the register is no serial number"))
}
