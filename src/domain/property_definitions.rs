//! The properties that every license has, and who may read and write them where (`properties.json`, 3.6).
//! Namespaces of one's own come with the Configuration API; until then any other name is refused.

use super::mail_address::MailAddress;
use super::properties::{Properties, PropertyNames, PropertyValue};
use super::rejection::Rejection;

/// Where a property stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Location {
    Chat,
    Thread,
    Event,
    Group,
    License,
}

/// Which kind of user asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Side {
    Agent,
    Customer,
}

/// The type of a property's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Kind {
    Bool,
    Int,
    String,
}

/// One property of the product's own namespaces.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Its namespace.
    pub namespace: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The type of its values.
    pub kind: Kind,
    chat: Rights,
    thread: Rights,
    event: Rights,
    group: Rights,
    license: Rights,
}

#[derive(Clone, Copy, Debug)]
struct Rights {
    agent: Access,
    customer: Access,
}

#[derive(Clone, Copy, Debug)]
struct Access {
    read: bool,
    write: bool,
}

const NONE: Rights = at("", "");

/// `r` lets read, `w` lets write.
const fn at(agent: &str, customer: &str) -> Rights {
    Rights { agent: access(agent), customer: access(customer) }
}

const fn access(letters: &str) -> Access {
    let bytes = letters.as_bytes();
    let mut access = Access { read: false, write: false };
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'r' => access.read = true,
            _ => access.write = true,
        }
        i += 1;
    }
    access
}

use Kind::{Bool, Int, String};

/// Every property that can stand on a chat, a thread or an event, and those of groups and licenses that customers see.
/// The others of these two are settings of their own.
#[rustfmt::skip]
pub const DEFINITIONS: &[Definition] = &[
    Definition { namespace: "chats", name: "formatting", kind: String, chat: NONE, thread: NONE, event: at("rw", "rw"), group: NONE, license: NONE },
    Definition { namespace: "chats", name: "resolved", kind: Bool, chat: NONE, thread: at("r", ""), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "chats", name: "welcome_message_source", kind: String, chat: NONE, thread: NONE, event: at("r", "r"), group: NONE, license: NONE },
    Definition { namespace: "ecommerce", name: "has_indirect_sale", kind: Bool, chat: NONE, thread: at("r", ""), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "ecommerce", name: "has_sale", kind: Bool, chat: NONE, thread: at("r", ""), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "lc2", name: "file_safety_confirmation", kind: Bool, chat: NONE, thread: NONE, event: at("rw", ""), group: NONE, license: NONE },
    Definition { namespace: "lc2", name: "form_type", kind: String, chat: NONE, thread: NONE, event: at("r", "rw"), group: NONE, license: NONE },
    Definition { namespace: "lc2", name: "greeting_id", kind: Int, chat: NONE, thread: at("r", "rw"), event: at("r", "r"), group: NONE, license: NONE },
    Definition { namespace: "lc2", name: "greeting_unique_id", kind: String, chat: NONE, thread: at("r", "rw"), event: at("r", "r"), group: NONE, license: NONE },
    Definition { namespace: "lc2", name: "welcome_message", kind: Bool, chat: NONE, thread: NONE, event: at("r", "r"), group: NONE, license: NONE },
    Definition { namespace: "rating", name: "comment", kind: String, chat: at("r", "rw"), thread: at("r", "rw"), event: at("r", "rw"), group: NONE, license: NONE },
    Definition { namespace: "rating", name: "score", kind: Int, chat: at("r", "rw"), thread: at("r", "rw"), event: at("r", "rw"), group: NONE, license: NONE },
    Definition { namespace: "routing", name: "continuous", kind: Bool, chat: at("r", "r"), thread: at("r", "r"), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "email_follow_up", kind: Bool, chat: at("r", "rw"), thread: NONE, event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "idle", kind: Bool, chat: NONE, thread: at("r", ""), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "ignore_agents_routing", kind: Bool, chat: at("rw", "rw"), thread: NONE, event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "ignore_bots", kind: Bool, chat: NONE, thread: at("", "w"), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "last_transfer_timestamp", kind: Int, chat: NONE, thread: at("r", ""), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "offline_message", kind: Bool, chat: NONE, thread: at("r", "rw"), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "pinned", kind: Bool, chat: at("rw", ""), thread: at("r", ""), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "referrer", kind: String, chat: NONE, thread: at("r", ""), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "start_url", kind: String, chat: NONE, thread: at("r", "r"), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "transcript_email", kind: String, chat: NONE, thread: at("r", "rw"), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "unassigned", kind: Bool, chat: at("r", ""), thread: at("r", ""), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "unreplied", kind: Bool, chat: NONE, thread: at("r", ""), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "routing", name: "was_pinned", kind: Bool, chat: at("r", ""), thread: NONE, event: NONE, group: NONE, license: NONE },
    Definition { namespace: "smart_actions", name: "greeting.hide_when_offline", kind: Bool, chat: NONE, thread: NONE, event: NONE, group: at("rw", "r"), license: NONE },
    Definition { namespace: "source", name: "client_id", kind: String, chat: at("r", "r"), thread: at("r", "r"), event: at("r", "r"), group: NONE, license: NONE },
    Definition { namespace: "source", name: "customer_client_id", kind: String, chat: at("r", "r"), thread: at("r", "r"), event: NONE, group: NONE, license: NONE },
    Definition { namespace: "status", name: "delivered", kind: Bool, chat: NONE, thread: NONE, event: at("rw", "rw"), group: NONE, license: NONE },
    Definition { namespace: "test", name: "bool_property", kind: Bool, chat: at("rw", "rw"), thread: at("rw", "rw"), event: at("rw", "rw"), group: at("rw", "rw"), license: at("rw", "rw") },
    Definition { namespace: "test", name: "int_property", kind: Int, chat: at("rw", "rw"), thread: at("rw", "rw"), event: at("rw", "rw"), group: at("rw", "rw"), license: at("rw", "rw") },
    Definition { namespace: "test", name: "string_property", kind: String, chat: at("rw", "rw"), thread: at("rw", "rw"), event: at("rw", "rw"), group: at("rw", "rw"), license: at("rw", "rw") },
    Definition { namespace: "test", name: "tokenized_string_property", kind: String, chat: at("rw", "rw"), thread: at("rw", "rw"), event: at("rw", "rw"), group: at("rw", "rw"), license: at("rw", "rw") },
    Definition { namespace: "translation", name: "source_lang_code", kind: String, chat: NONE, thread: NONE, event: at("rw", "r"), group: NONE, license: NONE },
    Definition { namespace: "translation", name: "target_lang_code", kind: String, chat: NONE, thread: NONE, event: at("rw", "r"), group: NONE, license: NONE },
    Definition { namespace: "translation", name: "target_message", kind: String, chat: NONE, thread: NONE, event: at("rw", "r"), group: NONE, license: NONE },
    Definition { namespace: "url_details", name: "description", kind: String, chat: NONE, thread: NONE, event: at("rw", "rw"), group: NONE, license: NONE },
    Definition { namespace: "url_details", name: "image_height", kind: Int, chat: NONE, thread: NONE, event: at("rw", "rw"), group: NONE, license: NONE },
    Definition { namespace: "url_details", name: "image_url", kind: String, chat: NONE, thread: NONE, event: at("rw", "rw"), group: NONE, license: NONE },
    Definition { namespace: "url_details", name: "image_width", kind: Int, chat: NONE, thread: NONE, event: at("rw", "rw"), group: NONE, license: NONE },
    Definition { namespace: "url_details", name: "title", kind: String, chat: NONE, thread: NONE, event: at("rw", "rw"), group: NONE, license: NONE },
    Definition { namespace: "url_details", name: "url", kind: String, chat: NONE, thread: NONE, event: at("rw", "rw"), group: NONE, license: NONE },
];

const MAX_TEXT: usize = 16 * 1024;

/// A value that a property may have.
#[derive(Clone, Copy, Debug)]
enum Listed {
    Number(i32),
    Text(&'static str),
}

/// Properties that somebody may write and that have these values only. `lc2.form_type` is not among them: the structures of forms
/// say that its values are an open set.
const DOMAINS: &[(&str, &str, &[Listed])] = &[
    ("chats", "formatting", &[Listed::Text("commonmark")]),
    ("rating", "score", &[Listed::Number(0), Listed::Number(1)]),
];

/// The property that says where a transcript goes.
const TRANSCRIPT_EMAIL: (&str, &str) = ("routing", "transcript_email");

impl Listed {
    fn is(self, value: &PropertyValue) -> bool {
        match (self, value) {
            (Self::Number(listed), PropertyValue::Int(value)) => listed == *value,
            (Self::Text(listed), PropertyValue::String(value)) => listed == value,
            _ => false,
        }
    }

    fn text(self) -> std::string::String {
        match self {
            Self::Number(listed) => listed.to_string(),
            Self::Text(listed) => listed.to_owned(),
        }
    }
}

impl Definition {
    fn access(&self, location: Location, side: Side) -> Access {
        let rights = match location {
            Location::Chat => self.chat,
            Location::Thread => self.thread,
            Location::Event => self.event,
            Location::Group => self.group,
            Location::License => self.license,
        };
        match side {
            Side::Agent => rights.agent,
            Side::Customer => rights.customer,
        }
    }

    /// The values that it may have; none: any of its type.
    fn domain(&self) -> Option<&'static [Listed]> {
        let mut domains = DOMAINS.iter();
        let own = domains.find(|(namespace, name, _)| (*namespace, *name) == (self.namespace, self.name));
        own.map(|(_, _, values)| *values)
    }

    fn fits(&self, value: &PropertyValue) -> bool {
        match (self.kind, value) {
            (Bool, PropertyValue::Bool(_)) | (Int, PropertyValue::Int(_)) => true,
            (String, PropertyValue::String(text)) => text.len() <= MAX_TEXT,
            _ => false,
        }
    }
}

fn find(namespace: &str, name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.namespace == namespace && definition.name == name)
}

fn writable(
    namespace: &str,
    name: &str,
    location: Location,
    side: Side,
) -> Result<&'static Definition, Rejection> {
    let definition = find(namespace, name)
        .ok_or_else(|| Rejection::validation("properties", format!("{namespace}.{name} is not defined")))?;
    if definition.access(location, side).write {
        Ok(definition)
    } else {
        Err(Rejection::Authorization("no write access to the property at this location"))
    }
}

/// Mail goes where a customer says, so nothing else may be said.
fn is_address_where_one_is_wanted(definition: &Definition, value: &PropertyValue) -> bool {
    match value {
        PropertyValue::String(text) if (definition.namespace, definition.name) == TRANSCRIPT_EMAIL => {
            text.is_empty() || text.parse::<MailAddress>().is_ok()
        }
        _ => true,
    }
}

/// May this kind of user set these properties there?
///
/// # Errors
/// [`Rejection::Validation`] for unknown names, wrong types and values out of a property's domain, [`Rejection::Authorization`] without write access.
pub fn check_set(properties: &Properties, location: Location, side: Side) -> Result<(), Rejection> {
    for (namespace, values) in properties {
        for (name, value) in values {
            let definition = writable(namespace, name, location, side)?;
            if !definition.fits(value) {
                return Err(Rejection::validation(
                    "properties",
                    format!("{namespace}.{name} must be of type {:?}", definition.kind).to_lowercase(),
                ));
            }
            if let Some(domain) = definition.domain().filter(|domain| !domain.iter().any(|one| one.is(value)))
            {
                let listed: Vec<_> = domain.iter().map(|listed| listed.text()).collect();
                let message = format!("{namespace}.{name} must be one of {}", listed.join(", "));
                return Err(Rejection::validation("properties", message));
            }
            if !is_address_where_one_is_wanted(definition, value) {
                let message = format!("{namespace}.{name} must be an e-mail address, or empty");
                return Err(Rejection::validation("properties", message));
            }
        }
    }
    Ok(())
}

/// May this kind of user delete these properties there?
///
/// # Errors
/// As [`check_set`].
pub fn check_delete(names: &PropertyNames, location: Location, side: Side) -> Result<(), Rejection> {
    for (namespace, names) in names {
        for name in names {
            writable(namespace, name, location, side)?;
        }
    }
    Ok(())
}

/// Is the value of the property's type? So is any, where nothing defines the property.
pub fn is_of_type(namespace: &str, name: &str, value: &PropertyValue) -> bool {
    find(namespace, name).is_none_or(|definition| definition.fits(value))
}

/// May this kind of user see the property there?
pub fn is_readable(namespace: &str, name: &str, location: Location, side: Side) -> bool {
    find(namespace, name).is_some_and(|definition| definition.access(location, side).read)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const LOCATIONS: [(Location, &str); 5] = [
        (Location::Chat, "chat"),
        (Location::Thread, "thread"),
        (Location::Event, "event"),
        (Location::Group, "group"),
        (Location::License, "license"),
    ];
    const SIDES: [(Side, &str); 2] = [(Side::Agent, "agent"), (Side::Customer, "customer")];

    /// The 3.6 part of `properties.json`.
    fn table() -> Value {
        let table = include_str!("../../tests/protocol/properties.json");
        let table: Value = serde_json::from_str(table).expect("JSON");
        table["default_properties"]["3.6"].clone()
    }

    fn lists(rights: &Value, right: &str) -> bool {
        rights.as_array().is_some_and(|rights| rights.iter().any(|listed| listed == right))
    }

    #[test]
    fn types_and_rights_at_each_location_are_those_of_the_table() {
        let table = table();
        for definition in DEFINITIONS.iter().filter(|definition| definition.namespace != "test") {
            let (namespace, name) = (definition.namespace, definition.name);
            let row = &table[namespace][name];
            let kind = format!("{:?}", definition.kind).to_lowercase();
            let listed = row["type"].as_str().map(|kind| kind.trim_start_matches("tokenized_"));
            assert_eq!(listed, Some(&*kind), "{namespace}.{name}");
            for (location, at) in LOCATIONS {
                for (side, by) in SIDES {
                    let (ours, theirs) = (definition.access(location, side), &row["access"][at][by]);
                    let same = ours.read == lists(theirs, "read") && ours.write == lists(theirs, "write");
                    assert!(same, "{namespace}.{name} on a {at} by {by}: {ours:?}, the table says {theirs}");
                }
            }
        }
    }

    #[test]
    fn a_value_is_of_the_type_of_its_property() {
        let (flag, number) = (PropertyValue::Bool(true), PropertyValue::Int(1));
        assert!(is_of_type("routing", "pinned", &flag) && !is_of_type("routing", "pinned", &number));
        assert!(is_of_type("rating", "score", &number) && !is_of_type("rating", "score", &flag));
        assert!(is_of_type("of", "nobody", &flag) && is_of_type("of", "nobody", &number));
    }

    #[test]
    fn values_are_those_that_the_table_lists() {
        for (namespace, names) in table().as_object().expect("namespaces") {
            for (name, row) in names.as_object().expect("names") {
                let Some(listed) = row["values"].as_array() else { continue };
                let is_writable = |definition: &Definition| {
                    let may = |location, side| definition.access(location, side).write;
                    LOCATIONS.iter().any(|(location, _)| SIDES.iter().any(|(side, _)| may(*location, *side)))
                };
                let Some(definition) = find(namespace, name).filter(|definition| is_writable(definition))
                else {
                    continue;
                };
                if (namespace.as_str(), name.as_str()) == ("lc2", "form_type") {
                    continue;
                }
                let domain = definition.domain().unwrap_or_default();
                let ours: Vec<_> = domain.iter().map(|listed| listed.text()).collect();
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let theirs: Vec<_> = listed.iter().map(text).collect();
                assert_eq!(ours, theirs, "{namespace}.{name}");
            }
        }
    }

    #[test]
    fn a_value_out_of_the_domain_is_refused() {
        let set = |namespace: &str, name: &str, value: PropertyValue| {
            let mut properties = Properties::new();
            crate::domain::properties::set(&mut properties, namespace, name, value);
            check_set(&properties, Location::Event, Side::Customer)
        };
        let text = |text: &str| PropertyValue::String(text.to_owned());
        for (score, fits) in [(-1, false), (0, true), (1, true), (2, false)] {
            assert_eq!(set("rating", "score", PropertyValue::Int(score)).is_ok(), fits, "{score}");
        }
        assert!(set("chats", "formatting", text("commonmark")).is_ok());
        let refused = set("chats", "formatting", text("html")).expect_err("another formatting");
        assert_eq!(refused.to_string(), "`properties`: chats.formatting must be one of commonmark");
        assert!(set("lc2", "form_type", text("ask_for_email")).is_ok(), "an open set");
    }

    #[test]
    fn no_property_of_chats_threads_and_events_is_missing_nor_what_customers_see_of_groups_and_licenses() {
        let table = table();
        for (namespace, names) in table.as_object().expect("namespaces") {
            for (name, row) in names.as_object().expect("names") {
                let stands = LOCATIONS.iter().any(|(location, at)| match location {
                    Location::Group | Location::License => lists(&row["access"][at]["customer"], "read"),
                    _ => row["access"].get(at).is_some(),
                });
                assert!(!stands || find(namespace, name).is_some(), "{namespace}.{name}");
            }
        }
    }
}
