//! Where the server is, who may log in there, and from which addresses.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::header::AUTHORIZATION;
use serde::Deserialize;

use super::client::{Client, Watcher};
use super::error::BenchError;
use super::wire;

/// What `license create` and the demo write.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Credentials {
    pub(super) base_url: String,
    pub(super) organization_id: String,
    pub(super) client_id: String,
    pub(super) agents: Vec<AgentCredentials>,
}

/// An agent with their secret.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AgentCredentials {
    pub(super) id: String,
    pub(super) token: String,
}

impl Credentials {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, BenchError> {
        let text = std::fs::read(path).map_err(BenchError::file(path))?;
        serde_json::from_slice(&text).map_err(|source| BenchError::Json { path: path.to_owned(), source })
    }
}

/// A customer with their token.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub(super) id: String,
    pub(super) token: String,
}

/// The addresses that connections come from: one address has no more than 28,000 free ports towards one server, and
/// the server counts logins by address.
#[derive(Debug)]
pub(super) struct Sources {
    count: usize,
    next: AtomicUsize,
}

impl Sources {
    fn new(count: usize) -> Self {
        Self { count, next: AtomicUsize::new(0) }
    }

    /// The next address in turn; none where the system is to choose.
    pub(super) fn next(&self) -> Option<Ipv4Addr> {
        if self.count == 0 {
            return None;
        }
        Some(Self::address(self.next.fetch_add(1, Ordering::Relaxed) % self.count))
    }

    fn address(index: usize) -> Ipv4Addr {
        Ipv4Addr::new(127, 1 + (index / 62_500) as u8, (index / 250 % 250) as u8, (index % 250 + 1) as u8)
    }
}

/// One server, or several nodes of one cluster, and what is needed to use it.
pub(super) struct Target {
    urls: Vec<String>,
    turn: AtomicUsize,
    pub(super) credentials: Credentials,
    pub(super) sources: Sources,
    /// One for each source address, so that rates by address bind them apart.
    http: Vec<reqwest::Client>,
}

/// HTTP clients at most; each keeps connections of its own.
const HTTP_CLIENTS: usize = 16;
/// Source addresses on a loopback target, unless the command line says otherwise.
const LOOPBACK_SOURCES: usize = 256;

impl Target {
    /// A target at these base URLs; none given: where the credentials say.
    pub(super) fn new(
        urls: Vec<String>,
        credentials: Credentials,
        sources: Option<usize>,
    ) -> Result<Self, BenchError> {
        let urls = if urls.is_empty() { vec![credentials.base_url.clone()] } else { urls };
        let urls: Vec<String> = urls.into_iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        let is_loopback = |url: &String| {
            let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
            host.is_some_and(|host| host == "localhost" || host.starts_with("127."))
        };
        let usual = if urls.iter().all(is_loopback) { LOOPBACK_SOURCES } else { 0 };
        let sources = Sources::new(sources.unwrap_or(usual));
        let http = (0..sources.count.clamp(1, HTTP_CLIENTS)).map(|_| {
            let address = sources.next().map(std::net::IpAddr::V4);
            reqwest::Client::builder().local_address(address).tcp_nodelay(true).build()
        });
        let http = http.collect::<Result<_, _>>()?;
        Ok(Self { urls, turn: AtomicUsize::new(0), credentials, sources, http })
    }

    /// The base URLs of all nodes.
    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// A base URL, each node in turn.
    pub(super) fn url(&self) -> &str {
        &self.urls[self.turn.fetch_add(1, Ordering::Relaxed) % self.urls.len()]
    }

    /// The websocket address of a path.
    pub(super) fn ws_url(&self, path: &str) -> String {
        let url = self.url();
        match url.strip_prefix("https://") {
            Some(rest) => format!("wss://{rest}{path}"),
            None => format!("ws://{}{path}", url.strip_prefix("http://").unwrap_or(url)),
        }
    }

    /// The HTTP client number `index`.
    pub(super) fn http(&self, index: usize) -> &reqwest::Client {
        &self.http[index % self.http.len()]
    }

    /// The agents, if there are enough.
    pub(super) fn agents(&self, wanted: usize) -> Result<&[AgentCredentials], BenchError> {
        let found = self.credentials.agents.len();
        self.credentials.agents.get(..wanted).ok_or(BenchError::Agents { wanted, found })
    }

    /// Opens a socket to the Agent Chat API and logs in.
    pub(super) async fn agent(
        &self,
        agent: &AgentCredentials,
        pushes: &[&str],
        away: bool,
        watcher: impl Watcher,
    ) -> Result<Client, BenchError> {
        let url = self.ws_url(&format!("/v{}/agent/rtm/ws", wire::VERSION));
        let client = Client::connect(&url, self.sources.next(), watcher).await?;
        client.ask("login", wire::login(&agent.token, pushes, away)).await?;
        Ok(client)
    }

    /// Opens a socket to the Customer Chat API and logs in.
    pub(super) async fn customer(
        &self,
        customer: &Customer,
        pushes: &[&str],
        watcher: impl Watcher,
    ) -> Result<Client, BenchError> {
        let path = format!(
            "/v{}/customer/rtm/ws?organization_id={}",
            wire::VERSION,
            self.credentials.organization_id
        );
        let client = Client::connect(&self.ws_url(&path), self.sources.next(), watcher).await?;
        client.ask("login", wire::login(&customer.token, pushes, false)).await?;
        Ok(client)
    }

    /// A new customer, by the grant for an agent's token.
    pub(super) async fn new_customer(&self, index: usize) -> Result<Customer, BenchError> {
        #[derive(Deserialize)]
        struct Grant {
            access_token: String,
            entity_id: String,
        }
        let agent = self.agents(1)?;
        let body = serde_json::json!({
            "grant_type": "agent_token",
            "response_type": "token",
            "client_id": self.credentials.client_id,
            "organization_id": self.credentials.organization_id,
        });
        let answer = self
            .http(index)
            .post(format!("{}/v2/customer/token", self.url()))
            .header(AUTHORIZATION, format!("Bearer {}", agent[0].token))
            .json(&body)
            .send()
            .await?;
        if !answer.status().is_success() {
            return Err(BenchError::Refused { doing: "a customer's token", error: answer.text().await? });
        }
        let Grant { access_token, entity_id } = answer.json().await?;
        Ok(Customer { id: entity_id, token: access_token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_addresses_are_loopback_and_differ() {
        let addresses: std::collections::HashSet<Ipv4Addr> = (0..100_000).map(Sources::address).collect();
        assert_eq!(addresses.len(), 100_000);
        assert!(addresses.iter().all(|address| address.is_loopback() && address.octets()[3] != 0));
    }
}
