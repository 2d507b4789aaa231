//! Structures `User:agent`, `User:customer` and `User:my_profile`.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::{View, json};
use crate::domain::chat::{Chat, Said};
use crate::domain::customer::{Address, CustomerProfile};
use crate::domain::event::{Json, Visibility};
use crate::domain::geolocation::Geolocation;
use crate::domain::id::{AgentId, ChatId, CustomerId, GroupId, UserId};
use crate::domain::license::{Agent, AgentKind, Role};
use crate::domain::time::Timestamp;
use crate::domain::user::ChatUser;
use crate::domain::visit::{CustomerVisits, Visit, VisitPage, Visitor};
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
            let mut user = self.view.user(user);
            if let UserView::Customer(customer) = &mut user {
                customer.said = self.view.said(Said::of(self.chat));
            }
            list.serialize_element(&user)?;
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
    #[serde(flatten)]
    said: SaidView,
    #[serde(skip_serializing_if = "Option::is_none")]
    visit: Option<Box<VisitView<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_ids: Option<[GroupId; 1]>,
}

/// When each side of a customer's chats said something last.
#[derive(Default, Serialize)]
struct SaidView {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_last_event_created_at: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_last_event_created_at: Option<Rfc3339>,
}

/// An agent outside of any chat: who would get one, or in whose name a customer is greeted.
#[derive(Serialize)]
pub(super) struct Predicted<'a> {
    id: Cow<'a, str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<&'a str>,
    is_bot: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bot_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_title: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Structure `Visit`. Agents alone see it.
#[derive(Serialize)]
struct VisitView<'a> {
    started_at: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    geolocation: Option<&'a Geolocation>,
    last_pages: Vec<PageView<'a>>,
}

/// A page of a visit.
#[derive(Serialize)]
pub(super) struct PageView<'a> {
    opened_at: Rfc3339,
    url: &'a str,
    title: &'a str,
}

impl<'a> PageView<'a> {
    pub(super) fn new(page: &'a VisitPage) -> Self {
        // Clients show the title; a page without one is called by its address.
        let title = if page.title.is_empty() { &page.url } else { &page.title };
        Self { opened_at: Rfc3339(page.opened_at), url: &page.url, title }
    }
}

impl<'a> VisitView<'a> {
    fn new(visit: &'a Visit) -> Self {
        Self {
            started_at: Rfc3339(visit.started_at),
            ended_at: visit.ended_at.map(Rfc3339),
            referrer: visit.referrer.as_deref(),
            ip: visit.ip.as_deref(),
            user_agent: visit.user_agent.as_deref(),
            geolocation: visit.geolocation.as_deref(),
            last_pages: visit.last_pages.iter().map(PageView::new).collect(),
        }
    }
}

/// What a customer says of themselves; the same on both surfaces.
#[derive(Default, Serialize)]
pub(super) struct ProfileView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    /// Of customers with an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_fields: Option<SessionFields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    omnichannel: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a Address>,
}

/// What is counted of a customer.
#[derive(Serialize)]
pub(super) struct Statistics {
    chats_count: u32,
    threads_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    visits_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_views_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    greetings_shown_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    greetings_accepted_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_visit_started_at: Option<Rfc3339>,
}

impl Statistics {
    fn new(profile: &CustomerProfile, visits: Option<&CustomerVisits>) -> Self {
        Self {
            chats_count: profile.chats_count,
            threads_count: profile.threads_count,
            visits_count: visits.map(|visits| visits.visits_count),
            page_views_count: visits.map(|visits| visits.page_views_count),
            greetings_shown_count: visits.map(|visits| visits.greetings_shown_count),
            greetings_accepted_count: visits.map(|visits| visits.greetings_accepted_count),
            last_visit_started_at: None,
        }
    }

    /// As `customer_statistics_updated` has them: with a moment of its own, without what was only shown.
    pub(super) fn told(visitor: &Visitor) -> Self {
        let visit = visitor.visits.visit.as_ref();
        Self {
            last_visit_started_at: visit.map(|visit| Rfc3339(visit.started_at)),
            greetings_shown_count: None,
            ..Self::new(&visitor.profile, Some(&visitor.visits))
        }
    }
}

/// One-key objects, in order.
#[derive(Default)]
struct SessionFields<'a>(&'a [(String, String)]);

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
            email_verified: shown(&profile.email).map(|_| profile.email_verified),
            avatar: shown(&profile.avatar),
            phone_number: shown(&profile.phone_number),
            session_fields: Some(SessionFields(&profile.session_fields))
                .filter(|fields| !fields.0.is_empty()),
            omnichannel: profile.omnichannel.as_ref(),
            address: profile.address.as_ref(),
        }
    }

    /// As a change is told: what differs from before, as it is now. A text that was taken away is told empty, and so are
    /// session fields when there are none any more.
    pub(super) fn of_change(profile: &'a CustomerProfile, before: Option<&CustomerProfile>) -> Self {
        let nothing = CustomerProfile::default();
        let before = before.unwrap_or(&nothing);
        let (now, then) = (Self::new(profile), ProfileView::new(before));
        let text = |now: Option<&'a str>, then: Option<&str>| (now != then).then(|| now.unwrap_or_default());
        let fields = SessionFields(&profile.session_fields);
        Self {
            name: text(now.name, then.name),
            email: text(now.email, then.email),
            email_verified: now.email_verified.filter(|_| now.email_verified != then.email_verified),
            avatar: text(now.avatar, then.avatar),
            phone_number: text(now.phone_number, then.phone_number),
            session_fields: (profile.session_fields != before.session_fields).then_some(fields),
            omnichannel: now.omnichannel.filter(|_| now.omnichannel != then.omnichannel),
            address: now.address.filter(|_| now.address != then.address),
        }
    }

    /// The fields that the answer of a customer's `login` has.
    pub(super) fn for_login(profile: &'a CustomerProfile) -> Self {
        Self {
            email_verified: None,
            phone_number: None,
            omnichannel: None,
            address: None,
            ..Self::new(profile)
        }
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
            statistics: known.map(|profile| Statistics::new(profile, None)),
            present: None,
            events_seen_up_to: None,
            said: SaidView::default(),
            visit: None,
            online: None,
            state: None,
            group_ids: None,
        }
    }

    /// A customer with their visits, as agents see them.
    fn with_visits<'u>(
        &self,
        id: &'u CustomerId,
        profile: &'u CustomerProfile,
        visits: &'u CustomerVisits,
    ) -> CustomerView<'u> {
        CustomerView {
            statistics: Some(Statistics::new(profile, Some(visits))),
            visit: visits.visit.as_ref().map(|visit| Box::new(VisitView::new(visit))),
            ..self.customer_view(id, Some(profile))
        }
    }

    /// A customer who is connected, as agents see them.
    pub(super) fn visitor<'u>(&self, visitor: &'u Visitor) -> CustomerView<'u> {
        CustomerView {
            online: Some(true),
            state: Some(if visitor.is_chatting { "chatting" } else { "browsing" }),
            group_ids: Some([visitor.visits.group]),
            ..self.with_visits(&visitor.id, &visitor.profile, &visitor.visits)
        }
    }

    /// Customers are not told: it might be an agent's note.
    fn said(&self, said: Said) -> SaidView {
        if self.is_for_customers() {
            return SaidView::default();
        }
        SaidView {
            agent_last_event_created_at: said.by_agent.map(Rfc3339),
            customer_last_event_created_at: said.by_customer.map(Rfc3339),
        }
    }

    /// A customer outside of any chat: `get_customer`. `chats`, what was said there, and `visits` are told to agents only.
    pub fn customer(
        &self,
        id: &CustomerId,
        profile: &CustomerProfile,
        visits: &CustomerVisits,
        chats: &[ChatId],
        said: Said,
    ) -> String {
        #[derive(Serialize)]
        struct Customer<'c> {
            #[serde(flatten)]
            customer: CustomerView<'c>,
            #[serde(skip_serializing_if = "<[ChatId]>::is_empty")]
            chat_ids: &'c [ChatId],
        }
        if self.is_for_customers() {
            return json(&Customer { customer: self.customer_view(id, Some(profile)), chat_ids: &[] });
        }
        let customer = CustomerView { said: self.said(said), ..self.with_visits(id, profile, visits) };
        json(&Customer { customer, chat_ids: chats })
    }

    /// Who would get a chat: `get_predicted_agent`.
    pub fn predicted_agent(&self, agent: &Agent, queue: bool) -> String {
        #[derive(Serialize)]
        struct Answer<'a> {
            agent: Predicted<'a>,
            queue: bool,
        }
        json(&Answer { agent: self.predicted(agent), queue })
    }

    /// The same with the id of the message that welcomes, and of what kind a bot is: `request_welcome_message`.
    pub fn welcome(&self, id: &str, agent: &Agent, queue: bool) -> String {
        #[derive(Serialize)]
        struct Answer<'a> {
            id: &'a str,
            predicted_agent: Predicted<'a>,
            queue: bool,
        }
        let predicted_agent = Predicted { bot_type: agent.type_of_bot(), ..self.predicted(agent) };
        json(&Answer { id, predicted_agent, queue })
    }

    fn predicted<'u>(&self, agent: &'u Agent) -> Predicted<'u> {
        Predicted {
            id: self.agent_id(&agent.id),
            name: &agent.name,
            avatar: agent.avatar.as_deref(),
            is_bot: agent.kind == AgentKind::Bot,
            bot_type: None,
            job_title: agent.job_title.as_deref(),
            kind: "agent",
        }
    }

    /// In whose name a greeting is said. Their id is an e-mail address, which is not told when they are gone.
    pub(super) fn greeter<'u>(&self, id: &AgentId) -> Predicted<'u>
    where
        'a: 'u,
    {
        match self.license.agent(id) {
            Some(agent) => self.predicted(agent),
            None => Predicted {
                id: Cow::Owned(self.agent_id(id).into_owned()),
                name: "Agent",
                avatar: None,
                is_bot: false,
                bot_type: None,
                job_title: None,
                kind: "agent",
            },
        }
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
