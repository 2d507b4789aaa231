//! `page_id`: opaque, signed, bound to its query, good for a month; and what else clients bring back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::domain::id::{IdSource, LicenseId};
use crate::domain::time::Timestamp;
use crate::protocol::error::WireError;
use crate::store::{CellKey, CellTable, Store, StoreError};

/// Signs pages; the same on every node.
#[derive(Clone)]
pub struct PageKey([u8; 32]);

const MONTH: Duration = Duration::from_secs(30 * 24 * 3_600);
const MAC_BYTES: usize = 16;

impl PageKey {
    /// From the server's secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The key that the store holds; the first node that asks makes it.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(store: &dyn Store, ids: &dyn IdSource) -> Result<Self, StoreError> {
        let cell = CellKey::new(CellTable::Secrets, LicenseId(0), "pages");
        loop {
            if let Some(stored) = store.read_cell(&cell).await? {
                let bytes = <[u8; 32]>::try_from(&stored[..]);
                let corrupt = |_| StoreError::Corrupt { what: "the key of page ids", source: None };
                return Ok(Self(bytes.map_err(corrupt)?));
            }
            let mut fresh = [0; 32];
            fresh[..16].copy_from_slice(&ids.bits().to_be_bytes());
            fresh[16..].copy_from_slice(&ids.bits().to_be_bytes());
            store.cas(&cell, None, Some(Bytes::copy_from_slice(&fresh))).await?;
        }
    }

    /// The token for a cursor. `scope` says what it is for (method, license, reader), so that it fits nothing else.
    pub fn seal<T: Serialize>(&self, scope: &str, cursor: &T, now: Timestamp) -> String {
        self.seal_until(scope, cursor, now.after(MONTH))
    }

    /// The same, good until then.
    pub fn seal_until<T: Serialize>(&self, scope: &str, cursor: &T, until: Timestamp) -> String {
        let mut bytes = until.unix_seconds().to_be_bytes().to_vec();
        serde_json::to_writer(&mut bytes, cursor).expect("a cursor has a JSON form");
        let mac = self.mac(scope, &bytes);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor of a token that was made for this scope.
    ///
    /// # Errors
    /// `validation` for anything else.
    pub fn open<T: DeserializeOwned>(
        &self,
        scope: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<T, WireError> {
        let refused = || WireError::validation("`page_id` is unknown or has expired");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let split = bytes.len().checked_sub(MAC_BYTES).filter(|split| *split >= 8).ok_or_else(refused)?;
        let (body, mac) = bytes.split_at(split);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&self.mac(scope, body)[..], mac)) {
            return Err(refused());
        }
        let (expires, cursor) = body.split_at(8);
        let expires = i64::from_be_bytes(expires.try_into().map_err(|_| refused())?);
        if expires < now.unix_seconds() {
            return Err(refused());
        }
        serde_json::from_slice(cursor).map_err(|_| refused())
    }

    fn mac(&self, scope: &str, body: &[u8]) -> [u8; MAC_BYTES] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        mac.update(scope.as_bytes());
        mac.update(&[0]);
        mac.update(body);
        let full = mac.finalize().into_bytes();
        let mut short = [0; MAC_BYTES];
        short.copy_from_slice(&full[..MAC_BYTES]);
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    #[test]
    fn a_page_is_good_for_its_own_query_only() {
        let key = PageKey::new([7; 32]);
        let token = key.seal("list_chats/1/a", &(5, "x"), NOW);
        assert_eq!(key.open::<(i64, String)>("list_chats/1/a", &token, NOW).ok(), Some((5, "x".into())));
        for scope in ["list_chats/1/b", "list_chats/2/a", "list_threads/1/a"] {
            assert!(key.open::<(i64, String)>(scope, &token, NOW).is_err(), "{scope}");
        }
        assert!(PageKey::new([8; 32]).open::<(i64, String)>("list_chats/1/a", &token, NOW).is_err());
    }

    #[test]
    fn a_page_expires_after_a_month() {
        let key = PageKey::new([7; 32]);
        let token = key.seal("s", &1, NOW);
        let days = |n: i64| Timestamp(NOW.0 + n * 24 * 3600 * 1_000_000);
        assert!(key.open::<i32>("s", &token, days(29)).is_ok());
        assert!(key.open::<i32>("s", &token, days(31)).is_err());
    }

    #[test]
    fn garbage_is_refused() {
        let key = PageKey::new([7; 32]);
        for token in ["", "x", "!!", "AAAA", "MTUxNzM5ODEzMTQ5Ng"] {
            assert!(key.open::<i32>("s", token, NOW).is_err(), "{token}");
        }
    }
}
