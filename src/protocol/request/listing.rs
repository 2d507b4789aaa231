//! `list_chats` and `list_threads`: filters, page sizes, and what cannot be combined.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::{IncomingId, Object, check_groups, moment};
use super::{Payload, Request, Surface};
use crate::domain::id::{ChatId, GroupId};
use crate::domain::properties::PropertyValue;
use crate::domain::property_definitions::is_of_type;
use crate::domain::time::Timestamp;
use crate::protocol::error::WireError;

/// Bytes of a page id: room for filters at their limits.
pub(super) const MAX_PAGE_ID: usize = 64 * 1024;
/// Values that one property filter may list.
const MAX_FILTER_VALUES: usize = 100;

/// What `list_chats` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChats {
    /// Which chats; agents only. Nothing, where a page id is given: the page id remembers them.
    pub filters: ChatFilters,
    /// Chats a page.
    pub limit: u32,
    /// By the creation of the last thread.
    pub sort_order: SortOrder,
    /// A further page; then filters, limit and order are those of the first one, not of this request.
    pub page_id: Option<String>,
}

/// Which chats to list. A page id carries it, so it has a JSON form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatFilters {
    /// Only those that have an active thread, or only those that have none.
    pub active: Option<bool>,
    /// Chats that have no thread at all, too.
    pub include_chats_without_threads: bool,
    /// Only those that share a group with these.
    pub group_ids: Option<Vec<GroupId>>,
    /// Only those whose chat properties match all of these.
    pub properties: Vec<PropertyFilter>,
}

impl Default for ChatFilters {
    fn default() -> Self {
        Self { active: None, include_chats_without_threads: true, group_ids: None, properties: Vec::new() }
    }
}

/// A condition on one property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyFilter {
    /// Namespace of the property.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What must hold.
    pub test: PropertyTest,
}

/// What must hold for a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PropertyTest {
    /// It is set, or it is not.
    Exists(bool),
    /// It has one of these values.
    Values(Vec<PropertyValue>),
    /// It has none of these values.
    ExcludeValues(Vec<PropertyValue>),
}

impl PropertyTest {
    /// The values that it names.
    fn values(&self) -> &[PropertyValue] {
        match self {
            Self::Exists(_) => &[],
            Self::Values(values) | Self::ExcludeValues(values) => values,
        }
    }
}

/// What `list_threads` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListThreads {
    /// Of which chat.
    pub chat: ChatId,
    /// Which threads; agents only.
    pub filters: ThreadFilters,
    /// How much a page holds.
    pub size: PageSize,
    /// By creation.
    pub sort_order: SortOrder,
    /// A further page; then filters, limit and order are those of the first one, not of this request.
    pub page_id: Option<String>,
}

/// Which threads to list, by their creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadFilters {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
}

/// How many threads a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// So many.
    Threads(u32),
    /// As many of the newest as it takes to show so many events.
    MinEvents(u32),
}

/// In which order a list comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortOrder {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

#[derive(Deserialize)]
struct WireChatFilters {
    active: Option<bool>,
    include_chats_without_threads: Option<bool>,
    group_ids: Option<Vec<GroupId>>,
    properties: Option<WirePropertyFilters>,
}

/// By namespace and name.
pub(super) type WirePropertyFilters = BTreeMap<String, BTreeMap<String, Object<WirePropertyFilter>>>;

#[derive(Deserialize)]
pub(super) struct WirePropertyFilter {
    exists: Option<bool>,
    values: Option<Vec<PropertyValue>>,
    exclude_values: Option<Vec<PropertyValue>>,
}

/// `list_chats`; customers have no filters.
pub(super) fn list_chats(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        filters: Option<Object<WireChatFilters>>,
        sort_order: Option<SortOrder>,
        limit: Option<i64>,
        page_id: Option<String>,
    }
    #[derive(Deserialize)]
    struct CustomersWire {
        sort_order: Option<SortOrder>,
        limit: Option<i64>,
        page_id: Option<String>,
    }
    let (wire, max) = match payload.surface() {
        Surface::Agent => (payload.read::<Wire>()?, 100),
        Surface::Customer => {
            let CustomersWire { sort_order, limit, page_id } = payload.read()?;
            (Wire { filters: None, sort_order, limit, page_id }, 25)
        }
    };
    let given = [
        ("filters", wire.filters.is_some()),
        ("limit", wire.limit.is_some()),
        ("sort_order", wire.sort_order.is_some()),
    ];
    check_page_id(wire.page_id.as_deref(), &given)?;
    Ok(Request::ListChats(ListChats {
        filters: wire.filters.map(|Object(filters)| chat_filters(filters)).transpose()?.unwrap_or_default(),
        limit: count("limit", wire.limit.unwrap_or(10), max)?,
        sort_order: wire.sort_order.unwrap_or_default(),
        page_id: wire.page_id,
    }))
}

/// `list_threads`; customers have no filters.
pub(super) fn list_threads(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Filters<'a> {
        #[serde(borrow)]
        from: Option<Cow<'a, str>>,
        #[serde(borrow)]
        to: Option<Cow<'a, str>>,
    }
    #[derive(Deserialize)]
    struct Wire<'a> {
        chat_id: ChatId,
        #[serde(borrow)]
        filters: Option<Object<Filters<'a>>>,
        sort_order: Option<SortOrder>,
        limit: Option<i64>,
        min_events_count: Option<i64>,
        page_id: Option<String>,
    }
    #[derive(Deserialize)]
    struct CustomersWire {
        chat_id: ChatId,
        sort_order: Option<SortOrder>,
        limit: Option<i64>,
        min_events_count: Option<i64>,
        page_id: Option<String>,
    }
    let wire = match payload.surface() {
        Surface::Agent => payload.read::<Wire<'_>>()?,
        Surface::Customer => {
            let CustomersWire { chat_id, sort_order, limit, min_events_count, page_id } = payload.read()?;
            Wire { chat_id, filters: None, sort_order, limit, min_events_count, page_id }
        }
    };
    let (has_filters, has_limit) = (wire.filters.is_some(), wire.limit.is_some());
    let has_order = wire.sort_order.is_some();
    let given = [("filters", has_filters), ("limit", has_limit), ("sort_order", has_order)];
    check_page_id(wire.page_id.as_deref(), &given)?;
    let size = match wire.min_events_count {
        None => PageSize::Threads(count("limit", wire.limit.unwrap_or(3), 100)?),
        Some(_) if has_limit => return Err(excludes("min_events_count", "limit")),
        Some(_) if has_filters => return Err(excludes("min_events_count", "filters")),
        Some(events) => PageSize::MinEvents(count("min_events_count", events, 100)?),
    };
    let mut filters = ThreadFilters::default();
    if let Some(Object(wire)) = wire.filters {
        filters.from = wire.from.map(|text| moment("filters.from", &text)).transpose()?;
        filters.to = wire.to.map(|text| moment("filters.to", &text)).transpose()?;
    }
    Ok(Request::ListThreads(ListThreads {
        chat: wire.chat_id.checked("chat_id")?,
        filters,
        size,
        sort_order: wire.sort_order.unwrap_or_default(),
        page_id: wire.page_id,
    }))
}

fn chat_filters(wire: WireChatFilters) -> Result<ChatFilters, WireError> {
    check_groups("filters.group_ids", wire.group_ids.as_deref().unwrap_or_default())?;
    let properties = property_filters(wire.properties)?;
    Ok(ChatFilters {
        active: wire.active,
        include_chats_without_threads: wire.include_chats_without_threads.unwrap_or(true),
        group_ids: wire.group_ids,
        properties,
    })
}

/// The conditions on properties, one a property.
pub(super) fn property_filters(wire: Option<WirePropertyFilters>) -> Result<Vec<PropertyFilter>, WireError> {
    let mut properties = Vec::new();
    for (namespace, filters) in wire.unwrap_or_default() {
        for (name, Object(filter)) in filters {
            let path = format!("filters.properties.{namespace}.{name}");
            let test = property_test(&path, filter)?;
            let mut values = test.values().iter();
            if values.any(|value| !is_of_type(&namespace, &name, value)) {
                let message = format!("`{path}` must list values of the property's type");
                return Err(WireError::validation(message));
            }
            properties.push(PropertyFilter { namespace: namespace.clone(), name, test });
        }
    }
    Ok(properties)
}

fn property_test(path: &str, filter: WirePropertyFilter) -> Result<PropertyTest, WireError> {
    let test = match filter {
        WirePropertyFilter { exists: Some(exists), values: None, exclude_values: None } => {
            return Ok(PropertyTest::Exists(exists));
        }
        WirePropertyFilter { exists: None, values: Some(values), exclude_values: None } => {
            PropertyTest::Values(values)
        }
        WirePropertyFilter { exists: None, values: None, exclude_values: Some(values) } => {
            PropertyTest::ExcludeValues(values)
        }
        _ => {
            let message = format!("`{path}` must have one of exists, values, exclude_values");
            return Err(WireError::validation(message));
        }
    };
    if test.values().len() > MAX_FILTER_VALUES {
        return Err(WireError::validation(format!("`{path}` must list at most {MAX_FILTER_VALUES} values")));
    }
    Ok(test)
}

/// A further page repeats nothing of what made the first one.
pub(super) fn check_page_id(page_id: Option<&str>, given: &[(&str, bool)]) -> Result<(), WireError> {
    let Some(page_id) = page_id else { return Ok(()) };
    if page_id.is_empty() || page_id.len() > MAX_PAGE_ID {
        return Err(WireError::validation("`page_id` is not a page id"));
    }
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(excludes("page_id", name)),
        None => Ok(()),
    }
}

pub(super) fn excludes(one: &str, other: &str) -> WireError {
    WireError::validation(format!("`{one}` cannot be combined with `{other}`"))
}

pub(super) fn count(name: &str, value: i64, max: u32) -> Result<u32, WireError> {
    u32::try_from(value)
        .ok()
        .filter(|count| (1..=max).contains(count))
        .ok_or_else(|| WireError::validation(format!("`{name}` must be from 1 to {max}")))
}
