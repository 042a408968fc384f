//! Passwords of clients: made of the system's random numbers, and hashed as Mosquitto's password_file wants it
//! (mosquitto_passwd(1): `$7$` is PBKDF2 with SHA-512).
use std::num::NonZeroU32;

use anyhow::Result;
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use ring::pbkdf2::{PBKDF2_HMAC_SHA512, derive};

use crate::random;

/// Mosquitto's own number. With 192 random bits more would only slow down a broker to which a whole fleet comes back.
const ITERATIONS: u32 = 101;

/// A password of 192 random bits, 32 characters that need no quotes.
pub(super) fn fresh() -> Result<String> {
    Ok(Base64UrlUnpadded::encode_string(&random::bytes::<24>()?))
}

/// What Mosquitto keeps of it.
pub(super) fn hashed(password: &str) -> Result<String> {
    let salt = random::bytes::<12>()?;
    let iterations = NonZeroU32::new(ITERATIONS).expect("it is not 0");
    let mut hash = [0; 64];
    derive(
        PBKDF2_HMAC_SHA512,
        iterations,
        &salt,
        password.as_bytes(),
        &mut hash,
    );
    let (salt, hash) = (Base64::encode_string(&salt), Base64::encode_string(&hash));
    Ok(format!("$7${ITERATIONS}${salt}${hash}"))
}
