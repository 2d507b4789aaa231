//! Demo mode: a license to try the server with, and the link that opens the console.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::NodeError;
use crate::config::{Config, StoreKind};
use crate::domain::id::IdSource as _;
use crate::edge::{DemoAgent, DemoConsole, DemoSession, RunningServer};
use crate::id_source::OsIds;
use crate::tenants::{Credentials, Tenants, make_demo_license};

/// Makes the demo license on the first start, and lets the console be one of its agents if only this machine can
/// reach the server.
pub(super) async fn prepare(
    config: &Config,
    tenants: &Tenants,
    addresses: &[SocketAddr],
) -> Result<Option<DemoConsole>, NodeError> {
    if config.server.no_demo || config.server.store != StoreKind::Embedded {
        return Ok(None);
    }
    let Some(address) = addresses.first() else { return Ok(None) };
    let base_url = config.base_url(*address);
    let file = config.server.demo_credentials();
    let made = make_demo_license(tenants, &base_url, &file).await?;
    let credentials = match made {
        Some(credentials) => Some(credentials),
        None => known(&file, &base_url),
    };
    if !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Ok(None);
    }
    Ok(credentials.map(console))
}

/// The credentials of an earlier start. The file follows the address under which the server is reached now.
fn known(file: &std::path::Path, base_url: &str) -> Option<Credentials> {
    let text = std::fs::read(file).ok()?;
    let mut credentials: Credentials = serde_json::from_slice(&text).ok()?;
    if credentials.base_url != base_url {
        credentials.base_url = base_url.to_owned();
        if let Err(error) = credentials.write(file) {
            tracing::warn!(%error, file = %file.display(), "the demo credentials name an old address");
        }
    }
    Some(credentials)
}

fn console(credentials: Credentials) -> DemoConsole {
    let code = URL_SAFE_NO_PAD.encode(OsIds.bits().to_be_bytes());
    let agent = |agent: crate::tenants::AgentCredentials| DemoAgent {
        id: agent.id.to_string(),
        name: agent.name,
        token: agent.token,
    };
    let session = DemoSession {
        agents: credentials.agents.into_iter().map(agent).collect(),
        organization_id: credentials.organization_id.to_string(),
        client_id: credentials.client_id.to_string(),
    };
    DemoConsole::new(code, session)
}

/// What the start says in demo mode: where to click, and two commands that work as pasted.
pub(super) fn greeting(config: &Config, demo: &DemoConsole, server: &RunningServer, scheme: &str) -> String {
    let address = server.addresses.first().map(ToString::to_string).unwrap_or_default();
    let file = config.server.demo_credentials();
    let file = std::path::absolute(&file).unwrap_or(file);
    let socket_scheme = if scheme == "https" { "wss" } else { "ws" };
    format!(
        r#"
This is the demo license; its tokens are in {file}

  agents' console, a link for one use:  {scheme}://{address}/#code={code}
  customers' page:                      {scheme}://{address}/widget

By hand, from another terminal:

  curl -s {scheme}://{address}/v3.6/agent/action/list_chats -H 'Content-Type: application/json' -d '{{}}' \
    -H "Authorization: Basic $(grep -o '"pat": *"[^"]*"' '{file}' | head -1 | cut -d'"' -f4)"

  node --experimental-websocket -e '
    const {{ agents }} = JSON.parse(fs.readFileSync("{file}"));
    const socket = new WebSocket("{socket_scheme}://{address}/v3.6/agent/rtm/ws");
    socket.onmessage = ({{ data }}) => console.log(data);
    socket.onopen = () => socket.send(JSON.stringify(
      {{ action: "login", payload: {{ token: "Bearer " + agents[0].token }} }}));'
"#,
        file = file.display(),
        code = demo.code(),
    )
}
