//! A license of a test, and the doors into it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::node::{NodeLink, TestNode};
use super::prepare::Prepared;
use super::session::Session;
use super::users::{TestAgent, TestCustomer};
use super::web::Web;

/// A license that no other test has.
pub(crate) struct TestLicense {
    pub(crate) link: Arc<NodeLink>,
    pub(crate) prepared: Prepared,
}

/// An agent who is not logged in.
#[derive(Clone)]
pub(crate) struct AgentLogin {
    pub(crate) link: Arc<NodeLink>,
    pub(crate) id: String,
    pub(crate) name: String,
    /// As a login's `token` has it, scheme included.
    pub(crate) token: String,
    pub(crate) pat: String,
}

/// A customer who is not logged in.
#[derive(Clone)]
pub(crate) struct CustomerLogin {
    pub(crate) link: Arc<NodeLink>,
    pub(crate) organization: String,
    pub(crate) id: String,
    /// As a login's `token` has it, scheme included.
    pub(crate) token: String,
    /// Name and value of the cookies that keep the identity.
    pub(crate) cookies: Vec<(String, String)>,
}

impl TestLicense {
    pub(super) fn new(link: Arc<NodeLink>, prepared: Prepared) -> Self {
        Self { link, prepared }
    }

    /// Its organization.
    pub(crate) fn organization(&self) -> String {
        self.prepared.credentials.organization_id.to_string()
    }

    /// Its number.
    pub(crate) fn number(&self) -> i64 {
        self.prepared.credentials.license_id.0
    }

    /// A page that has no token yet, and names the license itself.
    pub(crate) fn page(&self) -> Web {
        Web::new("customer", self.link.clone(), String::new(), None)
    }

    /// The client id of its customers' pages.
    pub(crate) fn client_id(&self) -> String {
        self.prepared.credentials.client_id.to_string()
    }

    /// The agent of this number, from 1. The first is the owner; the others have the role `normal`.
    pub(crate) fn agent(&self, number: usize) -> AgentLogin {
        let agent = &self.prepared.credentials.agents[number - 1];
        AgentLogin {
            link: self.link.clone(),
            id: agent.id.to_string(),
            name: agent.name.clone(),
            token: format!("Bearer {}", agent.token),
            pat: format!("Basic {}", agent.pat),
        }
    }

    /// The second agent with a token that allows nothing of chats.
    pub(crate) fn agent_without_scopes(&self) -> AgentLogin {
        AgentLogin { token: format!("Bearer {}", self.prepared.scopeless), ..self.agent(2) }
    }

    /// The second agent with a token that lives for so many seconds.
    pub(crate) async fn agent_for(&self, node: &TestNode, seconds: u64) -> AgentLogin {
        let agent = self.agent(2);
        let (license, expires) = (self.prepared.credentials.license_id.to_string(), format!("{seconds}s"));
        let create = ["token", "create", "--license", &license, "--agent", &agent.id, "--kind", "bearer"];
        let made = node.operates(&[&create[..], &["--expires", &expires, "--json"]].concat()).await;
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let token = made["credentials"].as_str().expect("credentials");
        AgentLogin { token: format!("Bearer {token}"), ..agent }
    }

    /// A new customer, by the cookie grant.
    pub(crate) async fn customer(&self) -> CustomerLogin {
        self.customer_by(json!({})).await
    }

    /// A new customer whose token lives for so many seconds.
    pub(crate) async fn customer_for(&self, seconds: u64) -> CustomerLogin {
        self.customer_by(json!({ "expires_in": seconds })).await
    }

    async fn customer_by(&self, more: Value) -> CustomerLogin {
        let (body, cookies) = self.grant(&[], more).await;
        let text = |key: &str| body[key].as_str().unwrap_or_else(|| panic!("no {key} in {body}")).to_owned();
        CustomerLogin {
            link: self.link.clone(),
            organization: self.organization(),
            id: text("entity_id"),
            token: format!("Bearer {}", text("access_token")),
            cookies,
        }
    }

    /// Asks for a customer's token with these cookies and further fields. Gives the answer and the cookies that it
    /// sets.
    pub(crate) async fn grant(
        &self,
        cookies: &[(String, String)],
        more: Value,
    ) -> (Value, Vec<(String, String)>) {
        let mut asked = json!({
            "grant_type": "cookie",
            "client_id": self.client_id(),
            "organization_id": self.organization(),
            "response_type": "token",
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            asked[key] = value.clone();
        }
        let url = format!("{}/v2/customer/token", self.link.base());
        let request = reqwest::Client::new().post(url).header("Content-Type", "application/json");
        let cookies: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header("Cookie", cookies.join("; ")) };
        let response = request.body(asked.to_string()).send().await.expect("the server answers");
        let status = response.status();
        let set = response.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let set: Vec<_> = set
            .filter_map(|value| value.split(';').next()?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let text = response.text().await.expect("a body");
        assert!(status.is_success(), "customer token: {status} {text}\n{}", self.link.log_tail());
        (serde_json::from_str(&text).expect("JSON"), set)
    }
}

impl AgentLogin {
    /// A socket without a login.
    pub(crate) async fn connects(&self) -> Session {
        Session::open("agent", &self.name, &self.link, "").await
    }

    /// Logs in over a new socket.
    pub(crate) async fn logs_in(&self) -> TestAgent {
        self.logs_in_with(json!({})).await
    }

    /// Logs in over a new socket, and does not take chats: routing leaves them alone.
    pub(crate) async fn logs_in_away(&self) -> TestAgent {
        self.logs_in_with(json!({ "away": true })).await
    }

    /// Logs in with these parameters besides the token.
    pub(crate) async fn logs_in_with(&self, parameters: Value) -> TestAgent {
        let session = self.connects().await;
        let login = session.call("login", with_token(&self.token, parameters)).await;
        TestAgent { who: self.clone(), session, login, web: self.web() }
    }

    /// Logs in over a new socket, unless the token has ended until then.
    pub(crate) async fn logs_in_unless_expired(&self) -> Option<TestAgent> {
        let session = self.connects().await;
        let login = logs_in_unless_expired(&session, &self.token).await?;
        Some(TestAgent { who: self.clone(), session, login, web: self.web() })
    }

    /// The Web API.
    pub(crate) fn web(&self) -> Web {
        Web::new("agent", self.link.clone(), self.token.clone(), None)
    }
}

impl CustomerLogin {
    /// A socket without a login.
    pub(crate) async fn connects(&self) -> Session {
        let name = format!("customer {}", &self.id[..8]);
        let query = format!("?organization_id={}", self.organization);
        Session::open("customer", &name, &self.link, &query).await
    }

    /// Logs in over a new socket.
    pub(crate) async fn logs_in(&self) -> TestCustomer {
        self.logs_in_with(json!({})).await
    }

    /// Logs in with these parameters besides the token.
    pub(crate) async fn logs_in_with(&self, parameters: Value) -> TestCustomer {
        let session = self.connects().await;
        let login = session.call("login", with_token(&self.token, parameters)).await;
        TestCustomer { who: self.clone(), session, login, web: self.web() }
    }

    /// Logs in over a new socket, unless the token has ended until then.
    pub(crate) async fn logs_in_unless_expired(&self) -> Option<TestCustomer> {
        let session = self.connects().await;
        let login = logs_in_unless_expired(&session, &self.token).await?;
        Some(TestCustomer { who: self.clone(), session, login, web: self.web() })
    }

    /// The Web API.
    pub(crate) fn web(&self) -> Web {
        Web::new("customer", self.link.clone(), self.token.clone(), Some(self.organization.clone()))
    }
}

async fn logs_in_unless_expired(session: &Session, token: &str) -> Option<Value> {
    match session.ask_if_open("login", with_token(token, json!({}))).await? {
        Ok(login) => Some(login),
        Err(error) => {
            assert_eq!(error.kind, "authentication", "{error:?}");
            None
        }
    }
}

fn with_token(token: &str, mut parameters: Value) -> Value {
    parameters["token"] = json!(token);
    parameters
}
