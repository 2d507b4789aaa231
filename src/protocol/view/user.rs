//! Structures `User:agent`, `User:customer` and `User:my_profile`.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::{View, json};
use crate::domain::chat::Chat;
use crate::domain::customer::{Address, CustomerProfile};
use crate::domain::event::{Json, Visibility};
use crate::domain::id::{AgentId, ChatId, CustomerId, UserId};
use crate::domain::license::{Agent, AgentKind, Role};
use crate::domain::time::Timestamp;
use crate::domain::user::ChatUser;
use crate::protocol::time::Rfc3339;

/// The users of a chat whom the reader may know of.
pub(super) struct Users<'a> {
    pub(super) view: View<'a>,
    pub(super) chat: &'a Chat,
}

impl Serialize for Users<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for user in self.chat.users.iter().filter(|user| self.view.shows_user(user)) {
            list.serialize_element(&self.view.user(user))?;
        }
        list.end()
    }
}

/// A user in the context of a chat.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum UserView<'a> {
    Agent(AgentView<'a>),
    Customer(CustomerView<'a>),
}

#[derive(Serialize)]
pub(super) struct AgentView<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    present: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_seen_up_to: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<Visibility>,
}

#[derive(Serialize)]
pub(super) struct CustomerView<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    profile: ProfileView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    present: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_seen_up_to: Option<Rfc3339>,
}

/// What a customer says of themselves; the same on both surfaces.
#[derive(Default, Serialize)]
pub(super) struct ProfileView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "SessionFields::is_empty")]
    session_fields: SessionFields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    omnichannel: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a Address>,
}

/// What is counted of a customer. Page views, visits and greetings are not, so they are not shown.
#[derive(Serialize)]
struct Statistics {
    chats_count: u32,
    threads_count: u32,
}

/// One-key objects, in order.
#[derive(Default)]
struct SessionFields<'a>(&'a [(String, String)]);

impl SessionFields<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for SessionFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct OneKey<'a>(&'a str, &'a str);
        impl Serialize for OneKey<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([(self.0, self.1)])
            }
        }
        serializer.collect_seq(self.0.iter().map(|(key, value)| OneKey(key, value)))
    }
}

impl<'a> ProfileView<'a> {
    pub(super) fn new(profile: &'a CustomerProfile) -> Self {
        let shown = |text: &'a Option<String>| text.as_deref().filter(|text| !text.is_empty());
        Self {
            name: shown(&profile.name),
            email: shown(&profile.email),
            avatar: shown(&profile.avatar),
            phone_number: shown(&profile.phone_number),
            session_fields: SessionFields(&profile.session_fields),
            omnichannel: profile.omnichannel.as_ref(),
            address: profile.address.as_ref(),
        }
    }

    /// The fields that the answer of a customer's `login` has.
    pub(super) fn for_login(profile: &'a CustomerProfile) -> Self {
        Self { phone_number: None, omnichannel: None, address: None, ..Self::new(profile) }
    }
}

impl<'a> View<'a> {
    /// May the reader know that the user is in the chat?
    pub(super) fn shows_user(&self, user: &ChatUser) -> bool {
        !self.is_for_customers() || user.visibility == Visibility::All
    }

    pub(super) fn user<'u>(&self, user: &'u ChatUser) -> UserView<'u>
    where
        'a: 'u,
    {
        match &user.id {
            UserId::Agent(id) => UserView::Agent(self.agent(id, user)),
            UserId::Customer(id) => {
                let mut view = self.customer_view(id, user.profile.as_ref());
                view.present = Some(user.present);
                view.events_seen_up_to = user.seen_up_to.map(Rfc3339);
                UserView::Customer(view)
            }
        }
    }

    fn agent<'u>(&self, id: &'u AgentId, user: &ChatUser) -> AgentView<'u>
    where
        'a: 'u,
    {
        let license = self.license;
        let agent: Option<&'u Agent> = license.agent(id);
        let for_customers = self.is_for_customers();
        let is_human = agent.is_some_and(|agent| agent.kind == AgentKind::Human);
        AgentView {
            id: self.agent_id(id),
            kind: "agent",
            name: match agent {
                Some(agent) => &agent.name,
                // The id of an agent who is gone is an e-mail address all the same.
                None if for_customers => "Agent",
                None => id.as_str(),
            },
            email: (is_human && !for_customers).then_some(id.as_str()),
            present: user.present,
            events_seen_up_to: user.seen_up_to.map(Rfc3339),
            avatar: agent.and_then(|agent| agent.avatar.as_deref()),
            job_title: agent.and_then(|agent| agent.job_title.as_deref()).filter(|_| for_customers),
            visibility: (!for_customers).then_some(user.visibility),
        }
    }

    pub(super) fn customer_view<'u>(
        &self,
        id: &'u CustomerId,
        profile: Option<&'u CustomerProfile>,
    ) -> CustomerView<'u> {
        let known = profile.filter(|_| !self.is_for_customers());
        CustomerView {
            id: id.as_str(),
            kind: "customer",
            profile: profile.map(ProfileView::new).unwrap_or_default(),
            created_at: known
                .map(|profile| profile.created_at)
                .filter(|at| *at != Timestamp::default())
                .map(Rfc3339),
            statistics: known.map(|profile| Statistics {
                chats_count: profile.chats_count,
                threads_count: profile.threads_count,
            }),
            present: None,
            events_seen_up_to: None,
        }
    }

    /// A customer outside of any chat: `get_customer`. `chats` are told to agents only.
    pub fn customer(&self, id: &CustomerId, profile: &CustomerProfile, chats: &[ChatId]) -> String {
        #[derive(Serialize)]
        struct Customer<'c> {
            #[serde(flatten)]
            customer: CustomerView<'c>,
            #[serde(skip_serializing_if = "<[ChatId]>::is_empty")]
            chat_ids: &'c [ChatId],
        }
        let chat_ids = if self.is_for_customers() { &[] } else { chats };
        json(&Customer { customer: self.customer_view(id, Some(profile)), chat_ids })
    }

    /// Who would get a chat: `get_predicted_agent`.
    pub fn predicted_agent(&self, agent: &Agent, queue: bool) -> String {
        #[derive(Serialize)]
        struct Predicted<'a> {
            id: Cow<'a, str>,
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            avatar: Option<&'a str>,
            is_bot: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            job_title: Option<&'a str>,
            #[serde(rename = "type")]
            kind: &'static str,
        }
        #[derive(Serialize)]
        struct Answer<'a> {
            agent: Predicted<'a>,
            queue: bool,
        }
        let agent = Predicted {
            id: self.agent_id(&agent.id),
            name: &agent.name,
            avatar: agent.avatar.as_deref(),
            is_bot: agent.kind == AgentKind::Bot,
            job_title: agent.job_title.as_deref(),
            kind: "agent",
        };
        json(&Answer { agent, queue })
    }

    /// The agent who logs in, about themselves.
    pub fn my_profile(&self, agent: &Agent, routing_status: Option<&str>) -> String {
        #[derive(Serialize)]
        struct MyProfile<'a> {
            id: &'a str,
            #[serde(rename = "type")]
            kind: &'static str,
            name: &'a str,
            email: &'a str,
            present: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            avatar: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            routing_status: Option<&'a str>,
            permission: &'static str,
        }
        json(&MyProfile {
            id: agent.id.as_str(),
            kind: "agent",
            name: &agent.name,
            email: agent.id.as_str(),
            present: true,
            avatar: agent.avatar.as_deref(),
            routing_status,
            permission: match agent.role {
                Role::Normal => "normal",
                Role::Administrator => "administrator",
                Role::ViceOwner => "viceowner",
                Role::Owner => "owner",
            },
        })
    }
}
