//! Secrets of tokens and cookies: 256 random bits, of which only the SHA-256 is kept.
//!
//! A slow hash would only slow logins: there is nothing to guess in 256 random bits.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::id::IdSource;

/// A secret that is shown once. Not printable, so that it gets into no log.
pub struct Secret(String);

impl Secret {
    /// A new one.
    pub(super) fn draw(ids: &dyn IdSource) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random_256(ids)))
    }

    /// The text, for the one who may see it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(super) fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// 256 random bits.
pub(super) fn random_256(ids: &dyn IdSource) -> [u8; 32] {
    let mut bits = [0; 32];
    bits[..16].copy_from_slice(&ids.bits().to_be_bytes());
    bits[16..].copy_from_slice(&ids.bits().to_be_bytes());
    bits
}

/// The SHA-256 of a secret; names a token in lists, logs and on the command line, and gives nothing away.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Of a secret that somebody presents.
    pub(super) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }

    /// Compares in constant time.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SecretHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not 64 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id_source::OsIds;

    #[test]
    fn secrets_are_long_and_never_printed() {
        let secret = Secret::draw(&OsIds);
        assert_eq!(secret.reveal().len(), 43);
        assert!(!format!("{secret:?}").contains(secret.reveal()));
        assert!(secret.hash().is(&SecretHash::of(secret.reveal())));
    }

    #[test]
    fn hashes_are_hex() {
        let hash = SecretHash::of("abc");
        let text = hash.to_string();
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(SecretHash::parse(&text), Some(hash));
        for bad in ["", "ba", &text.to_uppercase(), &format!("{text}0"), &text.replace('b', "g")] {
            assert_eq!(SecretHash::parse(bad), None, "{bad}");
        }
    }
}
