//! The keys and signatures of Standard Webhooks.
//!
//! Must not show a key: neither in `Debug` nor in an error.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a signing key begins with.
pub(super) const PREFIX: &str = "whsec_";

/// What a signature begins with: the version that a shared key signs by.
pub(super) const VERSION: &str = "v1,";

/// What the convention allows, octets.
const KEY_OCTETS: std::ops::RangeInclusive<usize> = 24..=64;

/// People paste keys with and without the final `=`.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a text is not a signing secret. Never holds the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Another kind of secret, or an asymmetric one (`whsk_`).
    #[error("a webhook secret starts with whsec_")]
    Prefix,
    /// Not base64.
    #[error("what follows whsec_ is not base64")]
    Base64,
    /// Too short to be safe, or longer than any receiver accepts.
    #[error("a webhook secret holds 24 to 64 octets, this one {octets}")]
    Length {
        /// After decoding.
        octets: usize,
    },
}

/// A decoded `whsec_…`.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Decodes `text`.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let octets = LENIENT.decode(encoded).map_err(|_| SecretError::Base64)?;
        if !KEY_OCTETS.contains(&octets.len()) {
            return Err(SecretError::Length {
                octets: octets.len(),
            });
        }
        Ok(Self(octets))
    }

    /// `v1,BASE64` over `{id}.{timestamp}.{body}`; `timestamp` is Unix time in seconds.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .expect("HMAC takes a key of any length (RFC 2104, 2)");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("{VERSION}{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_convention_s_own_vector() {
        let key = SigningKey::parse(SECRET).expect("a key");
        assert_eq!(
            key.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn secrets_are_checked_and_never_shown() {
        let padded = format!("whsec_{}", STANDARD.encode([7; 25]));
        assert!(padded.ends_with('='));
        assert!(SigningKey::parse(&padded).is_ok());
        assert!(SigningKey::parse(padded.trim_end_matches('=')).is_ok());
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        for (text, wanted) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix),
            ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix),
            (
                "whsec_MfKQ9r8G KYqrTwjUPD8ILPZIo2LaLaSw",
                SecretError::Base64,
            ),
            ("whsec_", SecretError::Length { octets: 0 }),
            (&short, SecretError::Length { octets: 23 }),
            (&long, SecretError::Length { octets: 65 }),
        ] {
            let error = SigningKey::parse(text).expect_err(text);
            assert_eq!(error, wanted);
            assert!(!error.to_string().contains("MfKQ"));
        }
        let key = SigningKey::parse(SECRET).expect("a key");
        assert_eq!(format!("{key:?}"), "[secret]");
    }
}
