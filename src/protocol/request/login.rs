//! `login` of both surfaces.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::customer::WireCustomer;
use super::value::{Object, check_id};
use super::{Payload, Request, Surface};
use crate::domain::customer::CustomerUpdate;
use crate::domain::id::GroupId;
use crate::domain::visit::NewPage;
use crate::domain::watch::MonitoringLevel;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::ApiVersion;

/// Tokens of this server are far shorter, bytes.
const MAX_TOKEN: usize = 8_192;
/// Bytes of a token to resume by; those of this server are shorter.
const MAX_RESUME: usize = 16_384;

/// What `login` brings. Whether the token is good is not asked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// As given, with its scheme if it has one: `Bearer …`, `Basic …`.
    pub token: String,
    /// Agents: take up the last known status instead of the default one.
    pub reconnect: bool,
    /// Agents: this connection is away and gets no chats.
    pub away: bool,
    /// Which program it is.
    pub application: Option<Application>,
    /// Beyond the protocol: the connection may be resumed; the token of the one that it goes on from, or empty.
    pub resume: Option<String>,
    /// Which pushes of which version the connection wants; none: all of its own version.
    pub pushes: Option<BTreeMap<ApiVersion, PushSelection>>,
    /// Customers: what to set in the profile; empty for agents.
    pub customer: CustomerUpdate,
    /// Customers: the group whose widget they use.
    pub group_id: Option<GroupId>,
    /// Customers: the page they are on.
    pub page: Option<NewPage>,
    /// Customers: the page that led there.
    pub referrer: Option<String>,
    /// Agents: how many of the visitors they want to be told of; none leaves it as it is.
    pub monitoring_level: Option<MonitoringLevel>,
}

/// The program behind a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct Application {
    pub name: Option<String>,
    pub version: Option<String>,
}

/// Which pushes a connection wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushSelection {
    /// All of them.
    All,
    /// The ones of these names.
    Named(Vec<String>),
}

impl PushSelection {
    /// Does the connection want this push?
    pub fn wants(&self, action: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name == action),
        }
    }
}

/// The fields that begin with `_` are checked for their type and not used.
#[derive(Deserialize)]
struct WireAgent {
    token: String,
    #[serde(rename = "timezone")]
    _timezone: Option<String>,
    reconnect: Option<bool>,
    application: Option<Object<Application>>,
    away: Option<bool>,
    customer_monitoring_level: Option<MonitoringLevel>,
    pushes: Option<BTreeMap<String, Vec<String>>>,
    resume: Option<String>,
}

#[derive(Deserialize)]
struct WireLogin {
    token: String,
    customer: Option<Object<WireCustomer>>,
    customer_page: Option<Object<CustomerPage>>,
    #[serde(rename = "customer_side_storage")]
    _customer_side_storage: Option<BTreeMap<String, String>>,
    #[serde(rename = "is_mobile")]
    _is_mobile: Option<bool>,
    group_id: Option<GroupId>,
    referrer: Option<String>,
    application: Option<Object<CustomersApplication>>,
    pushes: Option<BTreeMap<String, Vec<String>>>,
    resume: Option<String>,
}

#[derive(Deserialize)]
struct CustomerPage {
    url: Option<String>,
    title: Option<String>,
}

#[derive(Deserialize)]
struct CustomersApplication {
    name: Option<String>,
    version: Option<String>,
    #[serde(rename = "channel_type")]
    _channel_type: Option<String>,
}

/// `login`.
pub(super) fn login(payload: Payload<'_>) -> Result<Request, WireError> {
    let login = match payload.surface() {
        Surface::Agent => {
            let wire: WireAgent = payload.read()?;
            Login {
                token: wire.token,
                reconnect: wire.reconnect.unwrap_or_default(),
                away: wire.away.unwrap_or_default(),
                application: wire.application.map(|Object(application)| application),
                resume: wire.resume,
                pushes: wire.pushes.map(selections).transpose()?,
                customer: CustomerUpdate::default(),
                group_id: None,
                page: None,
                referrer: None,
                monitoring_level: wire.customer_monitoring_level,
            }
        }
        Surface::Customer => {
            let wire: WireLogin = payload.read()?;
            Login {
                token: wire.token,
                reconnect: false,
                away: false,
                application: wire.application.map(|Object(application)| Application {
                    name: application.name,
                    version: application.version,
                }),
                resume: wire.resume,
                pushes: wire.pushes.map(selections).transpose()?,
                customer: wire
                    .customer
                    .map(|Object(customer)| customer.into_update(Surface::Customer))
                    .unwrap_or_default(),
                group_id: wire.group_id,
                page: wire
                    .customer_page
                    .and_then(|Object(page)| Some(NewPage { url: page.url?, title: page.title }))
                    .filter(|page| !page.url.is_empty()),
                referrer: wire.referrer,
                monitoring_level: None,
            }
        }
    };
    if login.token.is_empty() || login.token.len() > MAX_TOKEN {
        return Err(WireError::validation("`token` is not a token"));
    }
    if login.resume.as_ref().is_some_and(|token| token.len() > MAX_RESUME) {
        return Err(WireError::validation(format!("`resume` must have at most {MAX_RESUME} bytes")));
    }
    Ok(Request::Login(Box::new(login)))
}

/// `update_session`.
pub(super) fn update_session(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        token: String,
    }
    let Wire { token } = payload.read()?;
    if token.is_empty() || token.len() > MAX_TOKEN {
        return Err(WireError::validation("`token` is not a token"));
    }
    Ok(Request::UpdateSession { token })
}

fn selections(wire: BTreeMap<String, Vec<String>>) -> Result<BTreeMap<ApiVersion, PushSelection>, WireError> {
    let mut selections = BTreeMap::new();
    for (version, names) in wire {
        let Some(known) = ApiVersion::parse(&version) else {
            check_id("pushes.<version>", &version)?;
            let message = format!("`pushes.{version}`: the version is not supported");
            return Err(WireError::new(ErrorType::UnsupportedVersion, message));
        };
        // Names of pushes that this server does not have are as good as any: they never come.
        let wants_all = names.iter().any(|name| name == "all");
        selections.insert(known, if wants_all { PushSelection::All } else { PushSelection::Named(names) });
    }
    Ok(selections)
}
