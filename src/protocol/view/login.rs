//! The answers of `login` that are not chats: the license for agents, everything for customers.

use serde::Serialize;
use serde::ser::Serializer;

use super::greeting::{GreetingView, event_of};
use super::user::ProfileView;
use super::{View, json};
use crate::domain::customer::CustomerProfile;
use crate::domain::id::{ChatId, CustomerId, GroupId, OrganizationId};
use crate::domain::visit::CustomerVisits;

/// 2100-01-01: a license of one's own server does not expire, but the field must hold a moment.
const NEVER: i64 = 4_102_444_800;

#[derive(Serialize)]
struct CustomerLogin<'a> {
    customer: Customer<'a>,
    has_active_thread: bool,
    chats: Chats<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    greeting: Option<GreetingView<'a>>,
    #[serde(rename = "__priv_dynamic_config")]
    dynamic_config: DynamicConfig<'a>,
}

#[derive(Serialize)]
struct Customer<'a> {
    id: &'a CustomerId,
    #[serde(flatten)]
    profile: ProfileView<'a>,
    statistics: Statistics,
}

/// Clients read all six.
#[derive(Serialize)]
struct Statistics {
    chats_count: u32,
    threads_count: u32,
    visits_count: u32,
    page_views_count: u32,
    greetings_shown_count: u32,
    greetings_accepted_count: u32,
}

struct Chats<'a>(&'a [(ChatId, bool)]);

impl Serialize for Chats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Chat<'a> {
            chat_id: &'a ChatId,
            has_unread_events: bool,
        }
        serializer.collect_seq(
            self.0.iter().map(|&(ref chat_id, has_unread_events)| Chat { chat_id, has_unread_events }),
        )
    }
}

/// Not documented, but clients up to 3.5 stop without it (`clients.md`).
#[derive(Serialize)]
struct DynamicConfig<'a> {
    online_groups_ids: &'a [GroupId],
    customer_groups: CustomerGroups,
}

#[derive(Serialize)]
struct CustomerGroups {
    monitoring: Monitoring,
}

#[derive(Serialize)]
struct Monitoring {
    id: GroupId,
}

impl View<'_> {
    /// The license, as agents' `login` shows it.
    pub fn license(&self) -> String {
        #[derive(Serialize)]
        struct License {
            id: String,
            organization_id: OrganizationId,
            plan: &'static str,
            expiration_timestamp: i64,
            creation_timestamp: i64,
            in_trial: bool,
        }
        json(&License {
            id: self.license.id.to_string(),
            organization_id: self.license.organization_id,
            plan: "self_hosted",
            expiration_timestamp: NEVER,
            creation_timestamp: self.license.created_at.unix_seconds(),
            in_trial: false,
        })
    }

    /// All that a customer's `login` answers. `chats` says of each chat whether it has unread events.
    pub fn customer_login(
        &self,
        id: &CustomerId,
        profile: &CustomerProfile,
        visits: &CustomerVisits,
        has_active_thread: bool,
        chats: &[(ChatId, bool)],
        online_groups: &[GroupId],
    ) -> String {
        // Whoever chats is past being greeted.
        let live = visits.live_greeting(self.license).filter(|_| !has_active_thread);
        let live = live.map(|(showing, greeting)| (showing, greeting, event_of(greeting, showing)));
        json(&CustomerLogin {
            customer: Customer {
                id,
                profile: ProfileView::for_login(profile),
                statistics: Statistics {
                    chats_count: profile.chats_count,
                    threads_count: profile.threads_count,
                    visits_count: visits.visits_count,
                    page_views_count: visits.page_views_count,
                    greetings_shown_count: visits.greetings_shown_count,
                    greetings_accepted_count: visits.greetings_accepted_count,
                },
            },
            has_active_thread,
            chats: Chats(chats),
            greeting: live.as_ref().map(|(showing, greeting, event)| {
                self.greeting(greeting, showing, event, Some(showing.accepted))
            }),
            dynamic_config: DynamicConfig {
                online_groups_ids: online_groups,
                customer_groups: CustomerGroups { monitoring: Monitoring { id: GroupId::ALL } },
            },
        })
    }
}

/// What a login answers, beyond the protocol, to a session that asked to be resumed (`docs/resume.md`).
#[derive(Clone, Debug, Serialize)]
pub struct Resumed {
    /// `started`, `resumed` or `resync`.
    pub status: &'static str,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// By which it goes on from here.
    pub token: String,
}

impl Resumed {
    /// Puts it into the payload that answers the login.
    pub fn added_to(&self, mut payload: String) -> String {
        payload.pop();
        payload.push_str(r#","resume":"#);
        payload.push_str(&json(self));
        payload.push('}');
        payload
    }
}
