//! Whether a thread is one that the filters ask for.

use std::sync::Arc;

use crate::actors::chat::history::History;
use crate::domain::chat::Chat;
use crate::domain::event::{Event, EventBody, EventKind, FormAnswer, FormField, FormOption, Visibility};
use crate::domain::id::{AgentId, GroupId};
use crate::domain::license::{AI_AGENT, Agent, License};
use crate::domain::properties::{self, PropertyValue};
use crate::domain::said_before::was_said_before;
use crate::domain::thread::Thread;
use crate::protocol::request::{
    AgentResponseFilter, AgentType, AgentTypesFilter, ArchiveFilters, FormFilter, FormType, GreetingFilter,
    PropertyFilter, PropertyTest,
};

/// Whether it takes a thread's log to tell. Time, chats and customers are known by the index.
pub(super) fn needs_logs(filters: &ArchiveFilters) -> bool {
    let by_index = ArchiveFilters {
        from: filters.from,
        to: filters.to,
        chat_ids: filters.chat_ids.clone(),
        customer_id: filters.customer_id.clone(),
        ..ArchiveFilters::default()
    };
    *filters != by_index
}

/// The filters of a request, for the license that they are asked in.
pub(super) struct Matcher<'a> {
    pub(super) filters: &'a ArchiveFilters,
    pub(super) license: &'a License,
}

impl Matcher<'_> {
    /// Whether all of them hold.
    pub(super) fn holds(&self, history: &History) -> bool {
        let (filters, chat, events) = (self.filters, &history.chat, &history.events[..]);
        let Some(thread) = &chat.thread else { return false };
        self.opening_holds(chat, thread)
            && filters.agents.as_ref().is_none_or(|agents| agents.holds(&thread.assigned))
            && filters.tags.as_ref().is_none_or(|tags| tags.holds(&thread.tags))
            && filters.event_types.as_ref().is_none_or(|kinds| kinds.holds(&kinds_of(events)))
            && filters.properties.iter().all(|property| property_holds(property, chat, thread))
            && filters.forms.iter().all(|form| form_holds(form, events))
            && filters.agent_response.as_ref().is_none_or(|answers| self.response_holds(answers, events))
            && filters.agent_types.as_ref().is_none_or(|types| self.types_hold(types, thread))
            && filters.greetings.as_ref().is_none_or(|greeting| self.greeting_holds(greeting, thread))
            && !filters.wants_unrecorded
    }

    /// What was settled when the thread was opened, more or less.
    fn opening_holds(&self, chat: &Chat, thread: &Thread) -> bool {
        let filters = self.filters;
        let customer = chat.customer();
        let profile = customer.and_then(|(_, user)| user.profile.as_ref());
        let email = profile.and_then(|profile| profile.email.as_deref());
        let told = profile.and_then(|profile| profile.address.as_ref()?.country.as_deref());
        let came_from = thread.customer_visit.as_ref().and_then(|visit| visit.geolocation.as_deref());
        let country = came_from.and_then(|place| place.country_code.as_deref()).or(told);
        filters.from.is_none_or(|from| thread.created_at >= from)
            && filters.to.is_none_or(|to| thread.created_at <= to)
            && filters.chat_ids.as_ref().is_none_or(|chats| chats.contains(&chat.id))
            && filters
                .group_ids
                .as_ref()
                .is_none_or(|groups| groups.iter().any(|group| thread.access.group_ids.contains(group)))
            && filters.customer_id.as_ref().is_none_or(|wanted| customer.is_some_and(|(id, _)| id == wanted))
            && filters
                .customer_email
                .as_ref()
                .is_none_or(|wanted| email.is_some_and(|email| email.eq_ignore_ascii_case(wanted)))
            && filters.customer_countries.as_ref().is_none_or(|wanted| wanted.holds(&country_code(country)))
    }

    fn response_holds(&self, filter: &AgentResponseFilter, events: &[Arc<Event>]) -> bool {
        let is_answer = |event: &&Arc<Event>| {
            event.visibility == Visibility::All
                && event.body.kind().is_activity()
                && !was_said_before(&event.properties)
        };
        let answers = events.iter().filter(is_answer);
        let mut agents: Vec<AgentId> =
            answers.filter_map(|event| event.author.as_ref()?.agent().cloned()).collect();
        if filter.first {
            agents.truncate(1);
        }
        let known = agents.iter().filter_map(|agent| self.license.agent(agent));
        let groups: Vec<GroupId> = known.flat_map(|agent| agent.group_ids()).collect();
        filter.exists.is_none_or(|wanted| wanted != agents.is_empty())
            && filter.agents.holds(&agents)
            && filter.groups.holds(&groups)
    }

    /// The thread's own properties name the greeting that it came of, as its opener told.
    fn greeting_holds(&self, filter: &GreetingFilter, thread: &Thread) -> bool {
        let named = match properties::get(&thread.properties, "lc2", "greeting_id") {
            Some(PropertyValue::Int(id)) => Some(*id),
            Some(PropertyValue::Bool(_) | PropertyValue::String(_)) | None => None,
        };
        let counts = filter.from.is_none_or(|from| thread.created_at >= from)
            && filter.to.is_none_or(|to| thread.created_at <= to);
        let named = named.filter(|_| counts);
        let known = named.and_then(|id| self.license.greeting(u32::try_from(id).ok()?));
        let ids: Vec<i64> = named.map(i64::from).into_iter().collect();
        let groups: Vec<GroupId> = known.map(|greeting| greeting.group).into_iter().collect();
        let asks_of_time = filter.from.is_some() || filter.to.is_some();
        let asks_nothing_more = filter.ids.is_empty() && filter.groups.is_empty();
        let exists = filter.exists.or_else(|| (asks_of_time && asks_nothing_more).then_some(true));
        exists.is_none_or(|wanted| wanted != ids.is_empty())
            && filter.ids.holds(&ids)
            && filter.groups.holds(&groups)
    }

    fn types_hold(&self, filter: &AgentTypesFilter, thread: &Thread) -> bool {
        let agents = thread.user_ids.iter().filter_map(|user| user.agent());
        let kinds: Vec<AgentType> = agents
            .map(|agent| match self.license.agent(agent).and_then(Agent::type_of_bot) {
                Some(AI_AGENT) => AgentType::AiAgent,
                Some(_) => AgentType::Chatbot,
                None => AgentType::Human,
            })
            .collect();
        filter.all.iter().all(|kind| kinds.contains(kind))
            && (filter.any.is_empty() || filter.any.iter().any(|kind| kinds.contains(kind)))
            && !filter.exclude.iter().any(|kind| kinds.contains(kind))
    }
}

/// A country that a customer told is free text; what looks like a code counts as one.
fn country_code(country: Option<&str>) -> Vec<String> {
    let is_code = |text: &&str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    country.filter(is_code).map(str::to_ascii_uppercase).into_iter().collect()
}

fn kinds_of(events: &[Arc<Event>]) -> Vec<EventKind> {
    let mut kinds = Vec::new();
    for event in events {
        let kind = event.body.kind();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

fn property_holds(filter: &PropertyFilter, chat: &Chat, thread: &Thread) -> bool {
    let (namespace, name) = (&filter.namespace, &filter.name);
    let value = properties::get(&thread.properties, namespace, name)
        .or_else(|| properties::get(&chat.properties, namespace, name));
    match &filter.test {
        PropertyTest::Exists(wanted) => value.is_some() == *wanted,
        PropertyTest::Values(values) => value.is_some_and(|value| values.contains(value)),
        PropertyTest::ExcludeValues(values) => value.is_none_or(|value| !values.contains(value)),
    }
}

fn form_holds(filter: &FormFilter, events: &[Arc<Event>]) -> bool {
    let counts = |event: &&Arc<Event>| {
        filter.kind.is_none_or(|kind| form_type(event) == Some(kind))
            && filter.from.is_none_or(|from| event.created_at >= from)
            && filter.to.is_none_or(|to| event.created_at <= to)
    };
    let mut forms = 0;
    let (mut answers, mut groups) = (Vec::new(), Vec::new());
    for event in events.iter().filter(counts) {
        let EventBody::FilledForm { fields, .. } = &event.body else { continue };
        forms += 1;
        for option in fields.iter().flat_map(chosen) {
            answers.push(option.id.clone());
            groups.extend(option.group_id.map(GroupId));
        }
    }
    let asks_nothing_more = filter.answers.is_empty() && filter.groups.is_empty();
    let exists = filter.exists.or_else(|| asks_nothing_more.then_some(true));
    exists.is_none_or(|wanted| wanted == (forms > 0))
        && filter.answers.holds(&answers)
        && filter.groups.holds(&groups)
}

/// The type stands in a property of the event.
fn form_type(event: &Event) -> Option<FormType> {
    match properties::get(&event.properties, "lc2", "form_type")? {
        PropertyValue::String(text) if text.starts_with("pre") => Some(FormType::PreChat),
        PropertyValue::String(text) if text.starts_with("post") => Some(FormType::PostChat),
        _ => None,
    }
}

fn chosen(field: &FormField) -> impl Iterator<Item = &FormOption> {
    let one = match &field.answer {
        Some(FormAnswer::Option(option)) => Some(option),
        Some(FormAnswer::Text(_)) | None => None,
    };
    one.into_iter().chain(field.answers.iter().flatten())
}
