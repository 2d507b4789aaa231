//! A fixture that reads like a sentence: `story.agent("smith").sends("hello")`.
//!
//! A [`Story`] holds one chat of a demo license and a manual clock. Each step decides a command, applies its changes
//! as the chat actor does, keeps the rows and gives an [`Outcome`] to ask about. Agents are called by their first
//! name: smith (groups 0 and 1), brown (0 and 2), bot (0). The customer is `kate`; `pete` is somebody else's.

mod outcome;
mod step;
mod story;

pub(crate) use outcome::{Outcome, push_name, reaches, requester};
pub(crate) use step::Step;
pub(crate) use story::Story;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::domain::access::Access;
use crate::domain::change::{Change, Target};
use crate::domain::customer::Customer;
use crate::domain::event::{EventBody, EventLimits, Json, NewEvent, Visibility};
use crate::domain::id::{AccountId, LicenseId, OrganizationId};
use crate::domain::license::{AgentKind, Group, InactiveSend, LoginStatus, Priority, Role, Settings};
use crate::domain::properties::{self, Properties, PropertyValue};
use crate::domain::push::{Audience, PushBody};
use crate::domain::thread_limits::ThreadLimits;
use crate::domain::visit::Provenance;

/// Ids that are the same in every run.
#[derive(Debug, Default)]
pub(crate) struct SeededIds(AtomicU64);

impl IdSource for SeededIds {
    fn bits(&self) -> u128 {
        let count = u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1);
        count.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
    }
}

pub(crate) fn agent_id(name: &str) -> AgentId {
    AgentId::new(format!("{name}@example.com"))
}

pub(crate) fn customer_id(name: &str) -> CustomerId {
    let number = if name == "kate" { 1 } else { 2 };
    CustomerId::new(Uuid::from_u128(number).to_string())
}

pub(crate) fn is_customer(name: &str) -> bool {
    matches!(name, "kate" | "pete")
}

pub(crate) fn user_id(name: &str) -> UserId {
    if is_customer(name) { UserId::Customer(customer_id(name)) } else { UserId::Agent(agent_id(name)) }
}

/// The application that a customer uses.
pub(crate) fn client_of(name: &str) -> ClientId {
    ClientId::new(format!("{name}-web"))
}

pub(crate) fn customer_named(name: &str) -> Customer {
    let profile = CustomerProfile { name: Some(capitalised(name)), ..CustomerProfile::default() };
    Customer { id: customer_id(name), profile }
}

pub(crate) fn customer(name: &str) -> NewUser {
    NewUser::Customer(Box::new(customer_named(name)))
}

fn capitalised(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

pub(crate) fn an_agent(name: &str, groups: &[i64], kind: AgentKind) -> Agent {
    Agent {
        id: agent_id(name),
        account_id: AccountId(Uuid::nil()),
        name: capitalised(name),
        avatar: None,
        job_title: None,
        role: Role::Normal,
        kind,
        bot_type: None,
        groups: groups.iter().map(|group| (GroupId(*group), Priority::Normal)).collect(),
        max_chats_count: None,
        suspended: false,
        login_status: LoginStatus::default(),
        work_scheduler: None,
        awaiting_approval: false,
    }
}

/// The license of every story: groups 1 (Sales) and 2 (Support).
pub(crate) fn demo_license() -> License {
    let agents = [
        an_agent("smith", &[1], AgentKind::Human),
        an_agent("brown", &[2], AgentKind::Human),
        an_agent("bot", &[], AgentKind::Bot),
    ];
    let group = |id, name: &str| {
        (
            GroupId(id),
            Group { name: name.to_owned(), routing: Default::default(), widget: Default::default() },
        )
    };
    License {
        id: LicenseId(1001),
        organization_id: OrganizationId(Uuid::nil()),
        version: 1,
        created_at: Timestamp(0),
        agents: agents.into_iter().map(|agent| (agent.id.clone(), agent)).collect(),
        groups: BTreeMap::from([group(1, "Sales"), group(2, "Support")]),
        clients: BTreeMap::new(),
        settings: Settings::default(),
        pseudonym_key: [0; 16],
        demo: true,
    }
}

pub(crate) fn event(body: EventBody) -> NewEvent {
    NewEvent {
        custom_id: None,
        visibility: Visibility::All,
        properties: Properties::new(),
        author: None,
        body,
    }
}

pub(crate) fn message(text: impl Into<String>) -> NewEvent {
    event(EventBody::Message { text: text.into(), postback: None })
}

pub(crate) fn annotation(text: &str) -> NewEvent {
    event(EventBody::Annotation { text: text.to_owned(), annotation_type: "rating".to_owned() })
}

pub(crate) fn named(custom_id: &str, event: NewEvent) -> NewEvent {
    NewEvent { custom_id: Some(custom_id.into()), ..event }
}

pub(crate) fn hidden(event: NewEvent) -> NewEvent {
    NewEvent { visibility: Visibility::Agents, ..event }
}

pub(crate) fn json(text: &str) -> Json {
    Json(serde_json::value::RawValue::from_string(text.to_owned()).expect("JSON"))
}

pub(crate) fn property(namespace: &str, name: &str, value: PropertyValue) -> Properties {
    let mut one = Properties::new();
    properties::set(&mut one, namespace, name, value);
    one
}

pub(crate) fn groups(ids: &[i64]) -> Access {
    Access { group_ids: ids.iter().map(|id| GroupId(*id)).collect() }
}

/// An active thread of the opener, with nothing else.
pub(crate) fn plain() -> NewThread {
    NewThread { active: true, ..NewThread::default() }
}
