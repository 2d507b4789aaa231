//! Pushes about who is in a chat, about customers and about agents.

use std::borrow::Cow;

use serde::Serialize;

use super::{Rendered, in_chat};
use crate::domain::customer::CustomerProfile;
use crate::domain::event::Json;
use crate::domain::id::{AgentId, ChatId, CustomerId, ThreadId, UserId};
use crate::domain::time::Timestamp;
use crate::domain::user::ChatUser;
use crate::protocol::time::Rfc3339;
use crate::protocol::view::user::{ProfileView, UserView};
use crate::protocol::view::{View, json};

#[derive(Serialize)]
struct Added<'a> {
    user: UserView<'a>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    requester_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Removed<'a> {
    user_id: Cow<'a, str>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    requester_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct CustomerUpdated<'a> {
    id: &'a CustomerId,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    profile: ProfileView<'a>,
}

#[derive(Serialize)]
struct RoutingStatusSet<'a> {
    agent_id: &'a AgentId,
    status: &'a str,
}

#[derive(Serialize)]
struct CustomerBanned<'a> {
    customer_id: &'a CustomerId,
    ban: Ban,
}

#[derive(Serialize)]
struct Ban {
    days: u32,
}

#[derive(Serialize)]
struct Welcome<'a> {
    id: &'a str,
    event: WelcomeEvent<'a>,
}

#[derive(Serialize)]
struct WelcomeEvent<'a> {
    created_at: Rfc3339,
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
    author_id: Cow<'a, str>,
}

#[derive(Serialize)]
struct Multicast<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    author_id: Option<Cow<'a, str>>,
    content: &'a Json,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
}

impl View<'_> {
    pub(super) fn customer_banned(&self, id: &CustomerId, days: u32) -> Rendered {
        self.for_agents("customer_banned", &CustomerBanned { customer_id: id, ban: Ban { days } })
    }

    /// Customers alone have it.
    pub(super) fn incoming_welcome_message(
        &self,
        id: &str,
        at: Timestamp,
        author: &AgentId,
        text: &str,
    ) -> Rendered {
        if !self.is_for_customers() {
            return None;
        }
        let (created_at, author_id) = (Rfc3339(at), self.agent_id(author));
        let event = WelcomeEvent { created_at, kind: "message", text, author_id };
        Some(("incoming_welcome_message", json(&Welcome { id, event })))
    }

    /// The label is agents' own.
    pub(super) fn incoming_multicast(
        &self,
        author: Option<&UserId>,
        content: &Json,
        kind: Option<&str>,
    ) -> Rendered {
        let author_id = author.map(|user| self.user_id(user));
        let kind = kind.filter(|_| !self.is_for_customers());
        Some(("incoming_multicast", json(&Multicast { author_id, content, kind })))
    }

    pub(super) fn user_added_to_chat(
        &self,
        (chat, thread): (&ChatId, Option<&ThreadId>),
        user: &ChatUser,
        reason: &str,
        requester: Option<&UserId>,
    ) -> Rendered {
        if !self.shows_user(user) {
            return None;
        }
        let rest = Added { user: self.user(user), reason, requester_id: self.requesting_agent(requester) };
        in_chat("user_added_to_chat", chat, thread, rest)
    }

    pub(super) fn user_removed_from_chat(
        &self,
        (chat, thread): (&ChatId, Option<&ThreadId>),
        user: &UserId,
        reason: &str,
        requester: Option<&UserId>,
    ) -> Rendered {
        let requester_id = self.requesting_agent(requester);
        let rest = Removed { user_id: self.user_id(user), reason, requester_id };
        in_chat("user_removed_from_chat", chat, thread, rest)
    }

    /// Who did it is only told of agents.
    fn requesting_agent<'r>(&self, requester: Option<&'r UserId>) -> Option<Cow<'r, str>> {
        requester.filter(|user| user.agent().is_some()).map(|user| self.user_id(user))
    }

    pub(super) fn customer_updated(
        &self,
        id: &CustomerId,
        profile: &CustomerProfile,
        before: Option<&CustomerProfile>,
    ) -> Rendered {
        let profile = ProfileView::of_change(profile, before);
        let payload = CustomerUpdated { id, kind: "customer", profile };
        Some(("customer_updated", json(&payload)))
    }

    pub(super) fn routing_status_set(&self, agent: &AgentId, status: &str) -> Rendered {
        self.for_agents("routing_status_set", &RoutingStatusSet { agent_id: agent, status })
    }
}
