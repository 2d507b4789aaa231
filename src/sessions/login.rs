//! `login` (agents and customers, 3.6): who is behind a socket, and what they find.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use serde_json::value::RawValue;

use super::actor::SessionContext;
use super::handle::{PushFilter, SessionHandle, SessionUser, Wake};
use super::resume::{self, Again, access_of};
use super::{presence, watching};
use crate::actors::SessionId;
use crate::domain::customer::{Customer, CustomerProfile};
use crate::domain::id::{ChatId, CustomerId, OrganizationId, UserId};
use crate::domain::license::License;
use crate::domain::visit::Arrival;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method::Method;
use crate::protocol::request::{Login, PushSelection, Request, decode};
use crate::protocol::version::{ApiVersion, Surface};
use crate::protocol::view::View;
use crate::requests::{Client, Identity, Requester};
use crate::tenants::ScopeSet;

/// A login that went well.
pub(super) struct LoggedIn {
    pub(super) who: Requester,
    /// The response's payload.
    pub(super) payload: String,
    /// What it missed, if it goes on from an earlier one: pushes that come before all others.
    pub(super) missed: Vec<ByteString>,
    /// How long the token is good for.
    pub(super) expires_in: Option<Duration>,
}

impl LoggedIn {
    fn new(who: Requester, payload: String, again: Option<Again>, expires_in: Option<Duration>) -> Self {
        let Some(Again { answer, frames }) = again else {
            return Self { who, payload, missed: Vec::new(), expires_in };
        };
        Self { who, payload: answer.added_to(payload), missed: frames, expires_in }
    }
}

/// What a connection says by itself, before anybody logs in.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// Whose sessions without login it counts among; none for a proxy that does not say for whom it asks.
    pub client: Option<Client>,
    /// The organization that its URL names (customers).
    pub organization: Option<OrganizationId>,
    /// The program, as it calls itself.
    pub user_agent: Option<String>,
    /// The page that it was opened from, by its header.
    pub referrer: Option<String>,
}

/// Proves the token, registers the session for pushes, and only then reads what the answer shows: what happens in
/// between waits in the outbox and comes after the answer.
pub(super) async fn log_in(
    shared: &Arc<SessionContext>,
    handle: &Arc<SessionHandle>,
    surface: Surface,
    by: Connection,
    method: &'static Method,
    payload: Option<Box<RawValue>>,
) -> Result<LoggedIn, WireError> {
    let Request::Login(login) = decode(method, payload.as_deref())? else {
        return Err(WireError::of(ErrorType::Validation));
    };
    match surface {
        Surface::Agent => agent(shared, handle, *login).await,
        Surface::Customer => customer(shared, handle, by, *login).await,
    }
}

/// Which pushes the session asked for; none means all.
fn wanted_pushes(login: &Login) -> Option<PushSelection> {
    login.pushes.as_ref().and_then(|pushes| pushes.get(&ApiVersion::V3_6).cloned())
}

async fn agent(
    shared: &SessionContext,
    handle: &Arc<SessionHandle>,
    login: Login,
) -> Result<LoggedIn, WireError> {
    let now = shared.requests.actors().clock().now();
    let token = login.token.as_str();
    let proven = shared.gate.agent(token, now).await?;
    let license = proven.license.clone();
    let agent = license.agent(&proven.agent).ok_or_else(|| WireError::of(ErrorType::Authentication))?;
    if agent.kind == crate::domain::license::AgentKind::Bot {
        return Err(WireError::new(ErrorType::Authorization, "bots use the Web API"));
    }
    let wanted = wanted_pushes(&login);
    handle.set_filter(agents_filter(&proven.scopes, wanted));
    handle.set_token(proven.token_id.to_string());
    // A token that was taken back since it was proven did not find this session; from now on it would.
    shared.gate.agent(token, now).await?;
    watching::begin(shared, handle, license.id, &agent.id, login.monitoring_level);
    let user = SessionUser::Agent(license.id, agent.id.clone());
    let access = access_of(&license, &agent.id, proven.scopes);
    let resuming = resume::begin(shared, handle, &user, access, login.resume.as_deref());
    let coming = shared.nodes.user_comes(license.id, UserId::Agent(agent.id.clone()));
    if !shared.registry.logged_in(handle, &user) {
        return Err(too_many(handle));
    }
    // From here on it gets what every node tells.
    shared.nodes.user_came(coming).await;
    let router = shared.requests.actors().router(license.id);
    let status = router.agent_came(&agent.id, session_id(shared, handle), login.away, login.reconnect).await;
    let who = Requester {
        license: license.clone(),
        identity: Identity::Agent { id: agent.id.clone(), scopes: proven.scopes },
        session: Some(handle.id),
    };
    let find = async {
        // Whoever was suspended before this session could be found by that is let in no more.
        Arc::new(who.clone()).latest(shared.requests.actors().licenses()).await.check_standing()?;
        let status = status.map_err(|_| WireError::of(ErrorType::ServiceUnavailable))?;
        let chats = shared.requests.first_chats(&who).await?;
        let again = match resuming {
            Some(resuming) => Some(resuming.finish(shared, handle, &who).await?),
            None => None,
        };
        Ok((status, chats, again))
    };
    let (status, chats, again) = match find.await {
        Ok(found) => found,
        Err(error) => {
            undo(shared, handle);
            return Err(error);
        }
    };
    let view = View::of_agent(&license, &agent.id);
    let payload = format!(
        "{{\"license\":{},\"my_profile\":{},\"chats_summary\":{chats}}}",
        view.license(),
        view.my_profile(agent, Some(status)),
    );
    let expires_in = proven.expires_at.map(|at| at.since(now));
    Ok(LoggedIn::new(who, payload, again, expires_in))
}

/// What the token's scopes unlock of what the session wants.
fn agents_filter(scopes: &ScopeSet, wanted: Option<PushSelection>) -> PushFilter {
    PushFilter {
        wanted,
        chats: scopes.allows("chats--access:ro") || scopes.allows("chats--my:ro"),
        agents: scopes.allows("agents--all:ro"),
        bots: scopes.allows("agents-bot--all:ro"),
        customers: scopes.allows("customers:ro"),
        multicast: scopes.allows("multicast:ro"),
    }
}

/// `update_session` (agents, 3.6): another token of the same agent takes the place of the one that the session has.
/// Says who asks from now on, and how long the token is good.
pub(super) async fn swap_token(
    shared: &SessionContext,
    handle: &SessionHandle,
    who: &Requester,
    method: &'static Method,
    payload: Option<Box<RawValue>>,
) -> Result<(Requester, Option<Duration>), WireError> {
    let Request::UpdateSession { token } = decode(method, payload.as_deref())? else {
        return Err(WireError::of(ErrorType::Validation));
    };
    let now = shared.requests.actors().clock().now();
    let proven = shared.gate.agent(&token, now).await?;
    if proven.license.id != who.license_id() || Some(&proven.agent) != who.agent() {
        return Err(WireError::new(ErrorType::Authentication, "the token is another agent's"));
    }
    handle.set_filter(agents_filter(&proven.scopes, handle.wanted()));
    if let Some(trail) = handle.trail() {
        trail.set_access(access_of(&proven.license, &proven.agent, proven.scopes));
    }
    handle.set_token(proven.token_id.to_string());
    // As at the login: a token that was taken back meanwhile did not find this session.
    shared.gate.agent(&token, now).await?;
    let identity = Identity::Agent { id: proven.agent, scopes: proven.scopes };
    let who = Requester { license: proven.license, identity, session: who.session };
    Ok((who, proven.expires_at.map(|at| at.since(now))))
}

/// The user has as many sessions as they may: this one is told so, and ends.
fn too_many(handle: &SessionHandle) -> WireError {
    handle.wake(Wake::Disconnect("too_many_connections"));
    WireError::new(ErrorType::TooManyRequests, "too many connections of this user")
}

/// The session as other nodes know it.
pub(super) fn session_id(shared: &SessionContext, handle: &SessionHandle) -> SessionId {
    SessionId { node: shared.requests.actors().shards().incarnation(), number: handle.id }
}

/// A login that failed half-way leaves no trace.
fn undo(shared: &SessionContext, handle: &Arc<SessionHandle>) {
    let user = shared.registry.logged_out(handle);
    if let Some(user) = &user {
        shared.nodes.user_left(user.license(), user.id());
    }
    if let Some(SessionUser::Agent(license, agent)) = user {
        let router = shared.requests.actors().router(license);
        router.agent_left(&agent, session_id(shared, handle), crate::actors::router::Leave::Disconnected);
    }
}

async fn customer(
    shared: &Arc<SessionContext>,
    handle: &Arc<SessionHandle>,
    by: Connection,
    login: Login,
) -> Result<LoggedIn, WireError> {
    let actors = shared.requests.actors();
    let now = actors.clock().now();
    let proven = shared.gate.customer(by.organization, &login.token, now).await?;
    let license = proven.license.clone();
    if login.group_id.is_some_and(|group| !license.has_group(group)) {
        return Err(WireError::of(ErrorType::GroupNotFound));
    }
    let update = login.customer.clone();
    update.check().map_err(|rejection| WireError::from_rejection(rejection, Surface::Customer))?;
    let wanted = wanted_pushes(&login);
    handle.set_filter(PushFilter {
        wanted,
        chats: true,
        agents: true,
        bots: true,
        customers: true,
        multicast: true,
    });
    handle.set_token(proven.token_id.to_string());
    shared.gate.customer(by.organization, &login.token, now).await?;
    let is_another = shared.registry.has_another(license.id, &proven.customer, handle.id);
    handle.set_group(login.group_id.unwrap_or_default());
    let user = SessionUser::Customer(license.id, proven.customer.clone());
    let resuming = resume::begin(shared, handle, &user, 0, login.resume.as_deref());
    let coming = shared.nodes.user_comes(license.id, UserId::Customer(proven.customer.clone()));
    if !shared.registry.logged_in(handle, &user) {
        return Err(too_many(handle));
    }
    shared.nodes.user_came(coming).await;
    let chats = match chats_of(shared, &license, &proven.customer).await {
        Ok(chats) => chats,
        Err(error) => {
            undo(shared, handle);
            return Err(error);
        }
    };
    let arrival = Arrival {
        group: login.group_id,
        page: login.page,
        referrer: login.referrer.or(by.referrer),
        ip: by.address.map(|address| address.to_string()),
        geolocation: by.address.and_then(|address| shared.places.of(address)).map(Box::new),
        user_agent: by.user_agent,
        client: Some(proven.client.clone()),
        is_another,
        pause: shared.settings.visit_ends_after,
    };
    let arrived = shared.requests.customer_arrived(&license, &proven.customer, &update, &arrival).await;
    let (profile, visits) = match arrived {
        Ok(visits) => visits,
        Err(error) => {
            undo(shared, handle);
            return Err(error);
        }
    };
    handle.set_group(visits.group);
    // A server that ended after it had stored a profile may not have told the chats.
    let is_stale = |own: &Own| own.profile.as_ref().is_some_and(|shown| !shown.looks_like(&profile));
    if chats.iter().any(is_stale) {
        let customer = Customer { id: proven.customer.clone(), profile: profile.clone() };
        let told = shared.requests.tell_chats(license.id, &customer, None, (None, Surface::Customer)).await;
        if let Err(error) = told {
            undo(shared, handle);
            return Err(error);
        }
    }
    let who = Requester {
        license: license.clone(),
        identity: Identity::Customer { id: proven.customer.clone(), client: proven.client.clone() },
        session: Some(handle.id),
    };
    let again = match resuming {
        Some(resuming) => match resuming.finish(shared, handle, &who).await {
            Ok(again) => Some(again),
            Err(error) => {
                undo(shared, handle);
                return Err(error);
            }
        },
        None => None,
    };
    presence::tell_chats(shared, license.id, &proven.customer).await;
    let online = actors.router(license.id).online_groups().await.unwrap_or_default();
    let view = View::of_customers(&license);
    let active = chats.iter().any(|chat| chat.is_active);
    let chats: Vec<(ChatId, bool)> = chats.into_iter().map(|chat| (chat.id, chat.is_unread)).collect();
    let payload = view.customer_login(&proven.customer, &profile, &visits, active, &chats, &online);
    Ok(LoggedIn::new(who, payload, again, Some(proven.expires_at.since(now))))
}

/// A chat of a customer who logs in.
struct Own {
    id: ChatId,
    is_unread: bool,
    is_active: bool,
    /// What it shows of them.
    profile: Option<CustomerProfile>,
}

/// The customer's chats.
async fn chats_of(
    shared: &SessionContext,
    license: &License,
    customer: &CustomerId,
) -> Result<Vec<Own>, WireError> {
    let unavailable = || WireError::of(ErrorType::ServiceUnavailable);
    let known = shared.requests.customers().chats(license.id, customer).await.map_err(|_| unavailable())?;
    let reader = UserId::Customer(customer.clone());
    let mut chats = Vec::new();
    for chat in known.chats {
        let key = crate::actors::ChatKey { license: license.id, chat: chat.clone() };
        let snapshot = shared.requests.actors().inspect(&key).await.map_err(|_| unavailable())?;
        if snapshot.chat.thread.is_some() {
            let shown = snapshot.chat.user(&reader).and_then(|user| user.profile.clone());
            chats.push(Own {
                id: chat,
                is_unread: snapshot.chat.has_unread_events(&reader),
                is_active: snapshot.chat.active_thread().is_some(),
                profile: shown,
            });
        }
    }
    Ok(chats)
}
