//! `list_archives`: which threads of all chats, by what happened in them.

mod filter;

use std::borrow::Cow;

use serde::Deserialize;

use super::listing::{SortOrder, WirePropertyFilters, check_page_id, count, excludes, property_filters};
use super::value::{IncomingId, Object, check_groups, moment};
use super::{Payload, Request};
use crate::domain::event::EventKind;
use crate::domain::id::{AgentId, ChatId, CustomerId, GroupId, ThreadId};
use crate::domain::time::Timestamp;
use crate::protocol::error::WireError;

pub use filter::{
    AgentResponseFilter, AgentType, AgentTypesFilter, Among, ArchiveFilters, FormFilter, FormType,
    GreetingFilter, SetFilter,
};

/// Limits of the table.
const MAX_CHATS: usize = 1_000;
const MAX_THREADS: usize = 20;
/// Values that any other filter may list.
const MAX_VALUES: usize = 100;
/// Bytes of one value: longer than any tag, name or id.
const MAX_VALUE: usize = 255;

/// What `list_archives` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListArchives {
    /// Which threads. Nothing, where a page id is given: the page id remembers them.
    pub filters: ArchiveFilters,
    /// Threads a page.
    pub limit: u32,
    /// By creation of the thread.
    pub sort_order: SortOrder,
    /// A further page.
    pub page_id: Option<String>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    filters: Option<Object<WireFilters<'a>>>,
    sort_order: Option<SortOrder>,
    limit: Option<i64>,
    page_id: Option<String>,
    highlights: Option<Object<Highlights>>,
}

/// They mark what `filters.query` found; only their form is looked at.
#[derive(Deserialize)]
struct Highlights {
    pre_tag: Option<String>,
    post_tag: Option<String>,
}

type Text<'a> = Option<Cow<'a, str>>;

#[derive(Deserialize)]
struct WireFilters<'a> {
    query: Option<String>,
    #[serde(borrow)]
    from: Text<'a>,
    #[serde(borrow)]
    to: Text<'a>,
    chat_ids: Option<Vec<ChatId>>,
    thread_ids: Option<Vec<ThreadId>>,
    group_ids: Option<Vec<GroupId>>,
    properties: Option<WirePropertyFilters>,
    agents: Option<Object<WireSet<AgentId>>>,
    tags: Option<Object<WireSet<String>>>,
    sales: Option<Object<WireSet<Tracked>>>,
    goals: Option<Object<WireSet<Tracked>>>,
    forms: Option<WireForms<'a>>,
    event_types: Option<Object<WireSet<EventKind>>>,
    greetings: Option<Object<WireGreetings<'a>>>,
    agent_response: Option<Object<WireAgentResponse>>,
    agent_types: Option<Object<WireAgentTypes>>,
    customer_countries: Option<Object<WireSet<String>>>,
    customer_id: Option<CustomerId>,
    customer_email: Option<String>,
}

#[derive(Deserialize)]
struct WireSet<T> {
    exists: Option<bool>,
    values: Option<Vec<T>>,
    exclude_values: Option<Vec<T>>,
    require_every_value: Option<bool>,
}

/// The id of a sale or a goal.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tracked {
    Number(#[expect(dead_code, reason = "only its type is looked at")] i64),
    Text(#[expect(dead_code, reason = "only its type is looked at")] String),
}

#[derive(Deserialize)]
struct WireAmong<T> {
    values: Option<Vec<T>>,
    exclude_values: Option<Vec<T>>,
}

/// The two transports' pages disagree on the shape; both are taken on both.
#[derive(Deserialize)]
#[serde(untagged)]
enum WireForms<'a> {
    Rows(#[serde(borrow)] Vec<Object<WireForm<'a>>>),
    One(#[serde(borrow)] Object<WireForm<'a>>),
}

#[derive(Deserialize)]
struct WireForm<'a> {
    #[serde(rename = "type")]
    kind: Option<FormType>,
    answer_id: Option<String>,
    #[serde(borrow)]
    from: Text<'a>,
    #[serde(borrow)]
    to: Text<'a>,
    exists: Option<bool>,
    values: Option<Vec<String>>,
    exclude_values: Option<Vec<String>>,
    groups: Option<Object<WireAmong<GroupId>>>,
}

#[derive(Deserialize)]
struct WireGreetings<'a> {
    #[serde(borrow)]
    from: Text<'a>,
    #[serde(borrow)]
    to: Text<'a>,
    exists: Option<bool>,
    values: Option<Vec<i64>>,
    exclude_values: Option<Vec<i64>>,
    groups: Option<Object<WireAmong<GroupId>>>,
}

#[derive(Deserialize)]
struct WireAgentResponse {
    exists: Option<bool>,
    first: Option<bool>,
    agents: Option<Object<WireAmong<AgentId>>>,
    groups: Option<Object<WireAmong<GroupId>>>,
}

#[derive(Deserialize)]
struct WireAgentTypes {
    all_values: Option<Vec<AgentType>>,
    any_values: Option<Vec<AgentType>>,
    exclude_values: Option<Vec<AgentType>>,
}

/// `list_archives`.
pub(super) fn list_archives(payload: Payload<'_>) -> Result<Request, WireError> {
    let wire: Wire<'_> = payload.read()?;
    let given = [
        ("filters", wire.filters.is_some()),
        ("limit", wire.limit.is_some()),
        ("sort_order", wire.sort_order.is_some()),
    ];
    check_page_id(wire.page_id.as_deref(), &given)?;
    if let Some(Object(tags)) = &wire.highlights
        && tags.pre_tag.is_some() != tags.post_tag.is_some()
    {
        return Err(WireError::validation("`highlights.pre_tag` goes together with `highlights.post_tag`"));
    }
    let filters = wire.filters.map(|Object(wire)| filters(wire)).transpose()?.unwrap_or_default();
    if filters.thread_ids.is_some() && wire.limit.is_some() {
        return Err(excludes("filters.thread_ids", "limit"));
    }
    Ok(Request::ListArchives(Box::new(ListArchives {
        filters,
        limit: count("limit", wire.limit.unwrap_or(10), 100)?,
        sort_order: wire.sort_order.unwrap_or_default(),
        page_id: wire.page_id,
    })))
}

fn filters(wire: WireFilters<'_>) -> Result<ArchiveFilters, WireError> {
    let groups = wire.group_ids.as_deref().unwrap_or_default();
    check_groups("filters.group_ids", groups)?;
    if let Some(text) = wire.query.as_ref().or(wire.customer_email.as_ref())
        && text.len() > super::listing::MAX_PAGE_ID / 8
    {
        return Err(WireError::validation("`filters` has a text that is too long"));
    }
    let wants_unrecorded = wants(wire.sales, "filters.sales")? | wants(wire.goals, "filters.goals")?;
    let read = ArchiveFilters {
        query: wire.query,
        from: time("filters.from", wire.from)?,
        to: time("filters.to", wire.to)?,
        chat_ids: ids("filters.chat_ids", wire.chat_ids, MAX_CHATS)?,
        thread_ids: ids("filters.thread_ids", wire.thread_ids, MAX_THREADS)?,
        group_ids: wire.group_ids,
        properties: property_filters(wire.properties)?,
        agents: set("filters.agents", wire.agents)?,
        tags: set("filters.tags", wire.tags)?,
        event_types: set("filters.event_types", wire.event_types)?,
        forms: wire.forms.map(forms).transpose()?.unwrap_or_default(),
        agent_response: wire.agent_response.map(|Object(wire)| agent_response(wire)).transpose()?,
        agent_types: wire.agent_types.map(|Object(wire)| agent_types(wire)).transpose()?,
        customer_countries: set("filters.customer_countries", wire.customer_countries)?,
        customer_id: wire.customer_id.map(|id| id.checked("filters.customer_id")).transpose()?,
        customer_email: wire.customer_email,
        greetings: wire.greetings.map(|Object(wire)| greeting(wire)).transpose()?,
        wants_unrecorded,
    };
    let alone = ArchiveFilters { thread_ids: read.thread_ids.clone(), ..ArchiveFilters::default() };
    if read.thread_ids.is_some() && read != alone {
        return Err(WireError::validation("`filters.thread_ids` cannot be combined with other filters"));
    }
    Ok(read)
}

fn time(path: &str, text: Text<'_>) -> Result<Option<Timestamp>, WireError> {
    text.map(|text| moment(path, &text)).transpose()
}

fn bounded(path: &str, length: usize, max: usize) -> Result<(), WireError> {
    if length > max {
        return Err(WireError::validation(format!("`{path}` must have at most {max} elements")));
    }
    Ok(())
}

fn ids<T: IncomingId>(path: &str, ids: Option<Vec<T>>, max: usize) -> Result<Option<Vec<T>>, WireError> {
    let Some(ids) = ids else { return Ok(None) };
    bounded(path, ids.len(), max)?;
    let checked: Result<Vec<T>, WireError> = ids.into_iter().map(|id| id.checked(path)).collect();
    checked.map(Some)
}

/// What a filter may list.
trait Listed {
    /// Bytes that it takes in a page id.
    fn size(&self) -> usize {
        8
    }
}

impl Listed for EventKind {}
impl Listed for GroupId {}
impl Listed for Tracked {}
impl Listed for i64 {}

impl Listed for String {
    fn size(&self) -> usize {
        self.len()
    }
}

impl Listed for AgentId {
    fn size(&self) -> usize {
        self.as_str().len()
    }
}

fn listed<T: Listed>(path: &str, values: &[T]) -> Result<(), WireError> {
    bounded(path, values.len(), MAX_VALUES)?;
    if values.iter().any(|value| value.size() > MAX_VALUE) {
        return Err(WireError::validation(format!("`{path}` has a value of more than {MAX_VALUE} bytes")));
    }
    Ok(())
}

fn set<T: Listed>(path: &str, wire: Option<Object<WireSet<T>>>) -> Result<Option<SetFilter<T>>, WireError> {
    let Some(Object(WireSet { exists, values, exclude_values, require_every_value })) = wire else {
        return Ok(None);
    };
    let every = require_every_value.unwrap_or_default();
    for values in values.iter().chain(&exclude_values) {
        listed(path, values)?;
    }
    match (exists, values, exclude_values) {
        (Some(exists), None, None) => Ok(Some(SetFilter::Exists(exists))),
        (None, Some(values), None) => Ok(Some(SetFilter::Values { values, every })),
        (None, None, Some(values)) => Ok(Some(SetFilter::ExcludeValues { values, every })),
        (None, None, None) => Ok(None),
        _ => {
            let message = format!("`{path}` must have one of exists, values, exclude_values");
            Err(WireError::validation(message))
        }
    }
}

/// Whether a filter of something that is never recorded can hold for nothing.
fn wants<T: Listed + PartialEq>(wire: Option<Object<WireSet<T>>>, path: &str) -> Result<bool, WireError> {
    Ok(set(path, wire)?.is_some_and(|filter| !filter.holds(&[])))
}

impl PartialEq for Tracked {
    /// Nothing is recorded, so nothing is ever compared.
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

fn greeting(wire: WireGreetings<'_>) -> Result<GreetingFilter, WireError> {
    let filter = GreetingFilter {
        from: time("filters.greetings.from", wire.from)?,
        to: time("filters.greetings.to", wire.to)?,
        exists: wire.exists,
        ids: Among { values: wire.values, exclude_values: wire.exclude_values },
        groups: among("filters.greetings.groups", wire.groups)?,
    };
    among_checked("filters.greetings", &filter.ids)?;
    Ok(filter)
}

fn among<T: Listed>(path: &str, wire: Option<Object<WireAmong<T>>>) -> Result<Among<T>, WireError> {
    let Some(Object(WireAmong { values, exclude_values })) = wire else { return Ok(Among::default()) };
    let among = Among { values, exclude_values };
    among_checked(path, &among)?;
    Ok(among)
}

fn among_checked<T: Listed>(path: &str, among: &Among<T>) -> Result<(), WireError> {
    among.values.iter().chain(&among.exclude_values).try_for_each(|values| listed(path, values))
}

fn forms(wire: WireForms<'_>) -> Result<Vec<FormFilter>, WireError> {
    const PATH: &str = "filters.forms";
    let forms = match wire {
        WireForms::Rows(rows) => rows,
        WireForms::One(form) => vec![form],
    };
    bounded(PATH, forms.len(), MAX_VALUES)?;
    let filter = |Object(form): Object<WireForm<'_>>| {
        Ok(FormFilter {
            kind: form.kind,
            from: time("filters.forms.from", form.from)?,
            to: time("filters.forms.to", form.to)?,
            exists: form.exists,
            answers: Among {
                values: form.values.or(form.answer_id.map(|id| vec![id])),
                exclude_values: form.exclude_values,
            },
            groups: among("filters.forms.groups", form.groups)?,
        })
    };
    let filters = forms.into_iter().map(filter).collect::<Result<Vec<FormFilter>, WireError>>()?;
    for filter in &filters {
        among_checked(PATH, &filter.answers)?;
    }
    Ok(filters)
}

fn agent_response(wire: WireAgentResponse) -> Result<AgentResponseFilter, WireError> {
    Ok(AgentResponseFilter {
        exists: wire.exists,
        first: wire.first.unwrap_or_default(),
        agents: among("filters.agent_response.agents", wire.agents)?,
        groups: among("filters.agent_response.groups", wire.groups)?,
    })
}

fn agent_types(wire: WireAgentTypes) -> Result<AgentTypesFilter, WireError> {
    let filter = AgentTypesFilter {
        all: wire.all_values.unwrap_or_default(),
        any: wire.any_values.unwrap_or_default(),
        exclude: wire.exclude_values.unwrap_or_default(),
    };
    let mut named = Vec::new();
    for kind in filter.all.iter().chain(&filter.any).chain(&filter.exclude) {
        if named.contains(&kind) {
            return Err(WireError::validation("`filters.agent_types` must name each type once"));
        }
        named.push(kind);
    }
    Ok(filter)
}
