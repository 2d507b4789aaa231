//! Fetching, within bounds.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, LOCATION, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use thiserror::Error;
use tokio::sync::Semaphore;

use super::is_public;

/// Redirects that are followed.
const REDIRECTS: usize = 4;
/// Fetches at the same time; one more is refused.
const AT_ONCE: usize = 16;
/// Time for one address, its redirects included.
const TIME: Duration = Duration::from_secs(6);
/// What the server calls itself: who looks at a page, and who calls back.
const LOOKER: &str = concat!("Switchboard/", env!("CARGO_PKG_VERSION"), " (link preview)");
const CALLER: &str = concat!("Switchboard/", env!("CARGO_PKG_VERSION"));

/// Why nothing was fetched.
#[derive(Debug, Error)]
pub enum FetchError {
    /// It is no http(s) address of a host.
    #[error("not a web address")]
    Address,
    /// The host is not on the open internet.
    #[error("the address is not public")]
    Private,
    /// Nothing good came back.
    #[error("nothing could be fetched")]
    Nothing,
    /// More is being fetched already than may be.
    #[error("too much is being fetched at once")]
    Busy,
}

/// What came back.
#[derive(Debug)]
pub struct Fetched {
    /// From where, after redirects.
    pub url: Url,
    /// As the host calls it.
    pub content_type: String,
    /// The beginning of it, at most as long as was asked for.
    pub bytes: Bytes,
    /// There was more.
    pub is_cut: bool,
}

/// Fetches from hosts that people name.
#[derive(Clone)]
pub struct Fetcher {
    client: Client,
    allow_private: bool,
    places: Arc<Semaphore>,
}

impl Fetcher {
    /// A fetcher; `allow_private` takes the guard away (`outgoing.allow_private`).
    ///
    /// # Errors
    /// If there is no TLS.
    pub fn new(allow_private: bool) -> std::io::Result<Self> {
        let client = Client::builder()
            // A proxy would resolve names itself, unguarded.
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            // A connection kept open for one customer's address would skip the check for the next.
            .pool_max_idle_per_host(0)
            .timeout(TIME)
            .dns_resolver(Arc::new(Guarded { allow_private }))
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self { client, allow_private, places: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Reads a web address a person gave.
    ///
    /// # Errors
    /// [`FetchError::Address`].
    pub fn parse(text: &str) -> Result<Url, FetchError> {
        let url = Url::parse(text.trim()).map_err(|_| FetchError::Address)?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
        let is_plain = url.username().is_empty() && url.password().is_none();
        if is_web && is_plain { Ok(url) } else { Err(FetchError::Address) }
    }

    /// Fetches the beginning of what is at an address, `limit` bytes at most.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn get(&self, url: Url, limit: usize) -> Result<Fetched, FetchError> {
        let _place = self.places.try_acquire().map_err(|_| FetchError::Busy)?;
        let work = self.follow(url, limit);
        tokio::time::timeout(TIME, work).await.unwrap_or(Err(FetchError::Nothing))
    }

    /// Posts JSON to an address: once, and redirects are not followed. Waits for its turn where too much is under way.
    ///
    /// # Errors
    /// See [`FetchError`]; any status but a good one is [`FetchError::Nothing`].
    pub async fn post(&self, url: Url, body: String) -> Result<(), FetchError> {
        let work = async {
            self.check(&url)?;
            let _place = self.places.acquire().await.map_err(|_| FetchError::Busy)?;
            let request = self.client.post(url).header(USER_AGENT, CALLER);
            let request = request.header(CONTENT_TYPE, "application/json").body(body);
            let response = request.send().await.map_err(|error| reason(&error))?;
            if response.status().is_success() { Ok(()) } else { Err(FetchError::Nothing) }
        };
        tokio::time::timeout(TIME, work).await.unwrap_or(Err(FetchError::Nothing))
    }

    async fn follow(&self, mut url: Url, limit: usize) -> Result<Fetched, FetchError> {
        for _ in 0..=REDIRECTS {
            self.check(&url)?;
            let response = self
                .client
                .get(url.clone())
                .header(USER_AGENT, LOOKER)
                .send()
                .await
                .map_err(|error| reason(&error))?;
            if response.status().is_redirection() {
                let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
                let next = to.and_then(|to| url.join(to).ok()).ok_or(FetchError::Nothing)?;
                url = Self::parse(next.as_str()).map_err(|_| FetchError::Nothing)?;
                continue;
            }
            if !response.status().is_success() {
                return Err(FetchError::Nothing);
            }
            return read(url, response, limit).await;
        }
        Err(FetchError::Nothing)
    }

    /// Looks at an address that is written as numbers, which the resolver does not see. Names are looked at when they are
    /// resolved.
    ///
    /// # Errors
    /// [`FetchError::Private`].
    pub fn check(&self, url: &Url) -> Result<(), FetchError> {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(address) if !self.allow_private && !is_public(address) => Err(FetchError::Private),
            _ => Ok(()),
        }
    }
}

async fn read(url: Url, mut response: reqwest::Response, limit: usize) -> Result<Fetched, FetchError> {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let mut bytes = BytesMut::new();
    let mut is_cut = false;
    while let Some(chunk) = response.chunk().await.map_err(|_| FetchError::Nothing)? {
        let room = limit - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            is_cut = true;
            break;
        }
    }
    Ok(Fetched { url, content_type, bytes: bytes.freeze(), is_cut })
}

/// The resolver's refusal is somewhere among the causes.
fn reason(error: &reqwest::Error) -> FetchError {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return FetchError::Private;
        }
        cause = error.source();
    }
    FetchError::Nothing
}

#[derive(Debug, Error)]
#[error("the name leads to an address that is not public")]
struct NotPublic;

/// Resolves names; connections are opened to what it gives and to nothing else.
struct Guarded {
    allow_private: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = found.collect();
            if !allow_private && !addresses.iter().all(|address| is_public(address.ip())) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_fetched() {
        for text in ["http://a.example", "https://a.example:8443/b?c#d", " https://a.example/ "] {
            assert!(Fetcher::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "a.example",
            "ftp://a.example",
            "file:///etc/passwd",
            "http://",
            "http://u:p@a.example",
            "data:,x",
        ] {
            assert!(Fetcher::parse(text).is_err(), "{text}");
        }
    }
}
