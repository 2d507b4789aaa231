//! Checks what the server says against the protocol's tables in `tests/protocol`: every documented key that
//! is always there is there, nothing undocumented is, and the types fit.
//!
//! Meant to be included by path, by tests of the rendering and by tests over real sockets alike.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// What the tables say otherwise, and why we do not follow: surface, path (`*` at its end: all below), fault,
/// reason.
const EXCEPTIONS: &[(&str, &str, Fault, &str)] = &[
    ("*", "Event:rich_message.elements.buttons.type", Fault::Missing, "the samples have buttons without it"),
    ("*", "Event:rich_message.elements.buttons.value", Fault::Missing, "the samples have buttons without it"),
    (
        "agent",
        "Event:rich_message.elements.buttons.webview_height",
        Fault::Missing,
        "webviews only, by its rule",
    ),
    (
        "customer",
        "Event:rich_message.elements.title",
        Fault::Missing,
        "optional by the guide, as its rule says",
    ),
    (
        "customer",
        "Event:rich_message.elements.subtitle",
        Fault::Missing,
        "optional by the guide, as its rule says",
    ),
    (
        "customer",
        "Event:rich_message.elements.image",
        Fault::Missing,
        "optional by the guide, as its rule says",
    ),
    ("*", "FilledFormField.answer", Fault::Missing, "checkboxes have answers instead, as the rules say"),
    ("*", "User:customer.address.*", Fault::Missing, "the rule names what an address may have"),
    ("*", "User:customer.omnichannel.*", Fault::Missing, "the rule names what there may be"),
    ("agent", "customer_updated.omnichannel.*", Fault::Missing, "as in the structure"),
    ("customer", "incoming_chat.requester_id", Fault::Missing, "what is told again does not say who asked"),
    ("agent", "Event:rich_message.deleted", Fault::Undocumented, "as in every other kind of event"),
    ("*", "incoming_thinking_indicator.title", Fault::Missing, "the request may leave it out"),
    ("*", "incoming_thinking_indicator.description", Fault::Missing, "the request may leave it out"),
    ("*", "incoming_thinking_indicator.custom_id", Fault::Missing, "the request may leave it out"),
    ("customer", "incoming_event_preview.event.custom_id", Fault::Missing, "the request may leave it out"),
    ("agent", "list_agents_for_transfer.active_chats", Fault::Missing, "the texts name total_active_chats"),
    ("customer", "get_predicted_agent.agent.avatar", Fault::Missing, "not every agent has one"),
    ("customer", "get_predicted_agent.agent.job_title", Fault::Missing, "not every agent has one"),
    ("customer", "request_welcome_message.predicted_agent.avatar", Fault::Missing, "not every agent has one"),
    (
        "customer",
        "request_welcome_message.predicted_agent.job_title",
        Fault::Missing,
        "not every agent has one",
    ),
    (
        "customer",
        "request_welcome_message.predicted_agent.bot_type",
        Fault::Missing,
        "bots only, by its rule",
    ),
    ("customer", "Greeting.agent.avatar", Fault::Missing, "not every agent has one"),
    ("customer", "Greeting.agent.job_title", Fault::Missing, "not every agent has one"),
    ("customer", "incoming_greeting.agent.avatar", Fault::Missing, "not every agent has one"),
    ("customer", "incoming_greeting.agent.job_title", Fault::Missing, "not every agent has one"),
    ("customer", "incoming_greeting.agent.type", Fault::Undocumented, "as in the structure Greeting"),
    ("customer", "incoming_greeting.addon", Fault::Missing, "optional in the structure Greeting"),
    ("customer", "get_url_info.title", Fault::Missing, "not every page says it"),
    ("customer", "get_url_info.description", Fault::Missing, "not every page says it"),
    ("customer", "get_url_info.image_url", Fault::Missing, "not every page has a picture"),
    ("customer", "get_url_info.image_original_url", Fault::Missing, "not every page has a picture"),
    ("customer", "get_url_info.image_width", Fault::Missing, "not every page has a picture"),
    ("customer", "get_url_info.image_height", Fault::Missing, "not every page has a picture"),
    ("customer", "Form.fields.options.group_id", Fault::Missing, "group_chooser only, by its rule"),
    ("agent", "customer_updated.email_verified", Fault::Undocumented, "as in the structure"),
    ("agent", "get_customer.email_verified", Fault::Undocumented, "as in the structure"),
    ("customer", "get_customer.omnichannel", Fault::Missing, "optional in the structure"),
    (
        "agent",
        "agent_updated.awaiting_approval",
        Fault::Undocumented,
        "any field of agent_created, by its rule",
    ),
    ("agent", "bot_updated.groups", Fault::Undocumented, "whatever has changed, by its rule"),
    ("agent", "group_updated.language_code", Fault::Undocumented, "whatever has changed, by its rule"),
    ("agent", "agent_created.work_scheduler.timezone", Fault::WrongType, "empty fields too, by its rule"),
    (
        "agent",
        "agent_updated.work_scheduler.timezone",
        Fault::WrongType,
        "empty where there are no hours any more",
    ),
    ("agent", "bot_created.owner_client_id", Fault::WrongType, "empty fields too, by its rule"),
    ("agent", "auto_accesses_updated.description", Fault::WrongType, "empty fields too, by its rule"),
    ("agent", "auto_accesses_updated.next_id", Fault::WrongType, "empty for the last, as in the samples"),
    ("agent", "auto_accesses_updated.conditions.*", Fault::Missing, "a rule has one of them at least"),
];

/// Events that the tables do not have: `annotation` is accepted in every version (ruling C3).
const UNDOCUMENTED_STRUCTURES: &[&str] = &["Event:annotation"];

/// What can be wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It must be there.
    Missing,
    /// The table does not know it.
    Undocumented,
    /// Its value has another type.
    WrongType,
}

/// The tables of one surface.
pub(crate) struct Tables {
    surface: String,
    document: Value,
}

/// What a value looks like.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Any,
    /// A text or an object; not looked into.
    Either,
    Text,
    DateTime,
    Int,
    Bool,
    List(Box<Shape>),
    Map(Box<Shape>),
    Object(BTreeMap<String, Field>),
    OneOf(Vec<String>),
    Named(String),
}

/// A key of an object.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

impl Tables {
    /// Reads the tables of `agent` or `customer`, 3.6.
    pub(crate) fn load(surface: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/protocol/{surface}-3.6.json"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let document = serde_json::from_str(&text).expect("the tables are JSON");
        Self { surface: surface.to_owned(), document }
    }

    /// A part of the document, such as `methods`.
    pub(crate) fn part(&self, name: &str) -> &Value {
        &self.document[name]
    }

    /// Panics unless the payload of a push is as documented.
    pub(crate) fn assert_push(&self, action: &str, payload: &Value) {
        self.push_fault(action, payload).unwrap_or_else(|fault| panic!("{fault}"));
    }

    /// Panics unless the payload of an answer is as documented.
    pub(crate) fn assert_response(&self, action: &str, payload: &Value) {
        self.response_fault(action, payload).unwrap_or_else(|fault| panic!("{fault}"));
    }

    /// Panics unless the value is a structure as documented.
    pub(crate) fn assert_structure(&self, name: &str, value: &Value) {
        let mut faults = Vec::new();
        self.check(&Shape::Named(name.to_owned()), value, name, &mut faults);
        self.told(&faults, name, value).unwrap_or_else(|fault| panic!("{fault}"));
    }

    /// Says what is not as documented in the payload of a push.
    pub(crate) fn push_fault(&self, action: &str, payload: &Value) -> Result<(), String> {
        let documented = &self.document["pushes"][action]["payload"];
        if !documented.is_object() {
            return Err(format!("{} has no push {action}", self.surface));
        }
        self.payload_fault(action, documented, payload)
    }

    /// Says what is not as documented in the payload of an answer.
    pub(crate) fn response_fault(&self, action: &str, payload: &Value) -> Result<(), String> {
        let documented = &self.document["methods"][action]["response"];
        if !documented.is_object() {
            return Err(format!("{} has no method {action}", self.surface));
        }
        self.payload_fault(action, documented, payload)
    }

    fn payload_fault(&self, action: &str, documented: &Value, payload: &Value) -> Result<(), String> {
        let mut faults = Vec::new();
        self.check(&payload_shape(documented), payload, action, &mut faults);
        self.told(&faults, action, payload)
    }

    /// Is it said that we do not follow the tables there?
    pub(crate) fn excepts(&self, path: &str, fault: Fault) -> bool {
        EXCEPTIONS.iter().any(|(surface, excepted, kind, _)| {
            let covers = match excepted.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == *excepted,
            };
            (*surface == "*" || *surface == self.surface) && covers && *kind == fault
        })
    }

    fn told(&self, faults: &[(String, Fault)], what: &str, value: &Value) -> Result<(), String> {
        let faults: Vec<_> = faults.iter().filter(|(path, fault)| !self.excepts(path, *fault)).collect();
        if faults.is_empty() {
            return Ok(());
        }
        Err(format!("{} {what}: {faults:?} in {value:#}", self.surface))
    }

    fn check(&self, shape: &Shape, value: &Value, path: &str, faults: &mut Vec<(String, Fault)>) {
        let fits = match shape {
            Shape::Any | Shape::Either => !value.is_null() && *value != "",
            Shape::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Shape::DateTime => value.as_str().is_some_and(|text| text.len() == 27 && text.ends_with('Z')),
            Shape::Int => value.is_i64() || value.is_u64(),
            Shape::Bool => value.is_boolean(),
            Shape::List(_) => value.is_array(),
            Shape::Map(_) | Shape::Object(_) => value.is_object(),
            Shape::OneOf(texts) => value.as_str().is_some_and(|text| texts.iter().any(|one| one == text)),
            Shape::Named(_) => true,
        };
        if !fits {
            faults.push((path.to_owned(), Fault::WrongType));
            return;
        }
        match shape {
            Shape::List(inner) => {
                let elements = value.as_array().into_iter().flatten();
                elements.for_each(|element| self.check(inner, element, path, faults));
            }
            Shape::Map(inner) => {
                let values = value.as_object().into_iter().flat_map(|object| object.values());
                values.for_each(|value| self.check(inner, value, path, faults));
            }
            Shape::Object(fields) => self.check_fields(fields, value, path, faults),
            Shape::Named(name) => self.check_named(name, value, path, faults),
            _ => {}
        }
    }

    fn check_fields(
        &self,
        fields: &BTreeMap<String, Field>,
        value: &Value,
        path: &str,
        faults: &mut Vec<(String, Fault)>,
    ) {
        let Some(object) = value.as_object() else { return };
        for (name, field) in fields {
            match object.get(name) {
                Some(value) => self.check(&field.shape, value, &format!("{path}.{name}"), faults),
                None if field.required => faults.push((format!("{path}.{name}"), Fault::Missing)),
                None => {}
            }
        }
        for name in object.keys().filter(|name| !fields.contains_key(*name)) {
            faults.push((format!("{path}.{name}"), Fault::Undocumented));
        }
    }

    fn check_named(&self, name: &str, value: &Value, path: &str, faults: &mut Vec<(String, Fault)>) {
        let by_type = || format!("{name}:{}", value["type"].as_str().unwrap_or("?"));
        let name = match name {
            "Event" if is_placeholder(value) => "Event:deleted".to_owned(),
            "Event" if is_restricted(value) => return,
            "Event" | "User" => by_type(),
            "Properties" => {
                let object = value.as_object();
                let fine = object.is_some_and(|object| object.values().all(Value::is_object));
                if !fine {
                    faults.push((path.to_owned(), Fault::WrongType));
                }
                return;
            }
            "SessionFields" => {
                let one_text = |field: &Value| {
                    let object = field.as_object();
                    object.is_some_and(|object| object.len() == 1 && object.values().all(Value::is_string))
                };
                let fine = value.as_array().is_some_and(|fields| fields.iter().all(one_text));
                if !fine {
                    faults.push((path.to_owned(), Fault::WrongType));
                }
                return;
            }
            name => name.to_owned(),
        };
        if UNDOCUMENTED_STRUCTURES.contains(&name.as_str()) {
            return;
        }
        let fields = &self.document["structures"][&name]["fields"];
        let Some(fields) = fields.as_array() else {
            panic!("{} has no structure {name}: {value}", self.surface)
        };
        self.check(&structure_shape(&name, fields), value, &name, faults);
    }
}

/// What normal agents see of a deleted event.
fn is_placeholder(event: &Value) -> bool {
    let told = ["id", "created_at", "type", "visibility", "deleted", "author_id", "custom_id"];
    let mut keys = event.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    event["deleted"] == true && keys.all(|key| told.contains(&key))
}

/// What stands in a list of chats in the stead of an event that is not for the reader.
fn is_restricted(event: &Value) -> bool {
    event.as_object().is_some_and(|object| object.len() == 1 && event["restricted_access"].is_string())
}

/// The shape of a payload: key -> description, or one description of a list's elements.
pub(crate) fn payload_shape(documented: &Value) -> Shape {
    let mut fields = BTreeMap::new();
    for (name, description) in documented.as_object().into_iter().flatten() {
        let description = description.as_str().unwrap_or_default();
        match name.as_str() {
            "[]" => {
                let element = description.split_once(": ").map_or("", |(_, element)| element);
                return Shape::List(Box::new(shape("", element)));
            }
            // "any field of User:customer"
            "<changed field>" => return Shape::Any,
            "(whole payload)" => return shape("", description),
            // Whatever the keys are: "<subscription_id>", "<phrase_key>", "<namespace>.<name>".
            name if name.starts_with('<') && name.contains('.') => {
                return Shape::Map(Box::new(Shape::Map(Box::new(Shape::Any))));
            }
            name if name.starts_with('<') => return Shape::Map(Box::new(shape("", description))),
            name => {
                let field = Field { required: !is_optional(description), shape: shape(name, description) };
                insert(&mut fields, name, field);
            }
        }
    }
    Shape::Object(fields)
}

/// The shape of a structure, from its rows.
pub(crate) fn structure_shape(structure: &str, rows: &[Value]) -> Shape {
    let mut fields = BTreeMap::new();
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let required = match row.get("returned") {
            Some(returned) => returned == "always",
            None => row["required"] == true,
        };
        // The inside of some objects is only told in their rule.
        let rule = text("rule");
        let told_in_rule = text("type") == "object" && (rule.starts_with('{') || rule.starts_with("map "));
        let description = if told_in_rule { format!("object {rule}") } else { text("type").to_owned() };
        let mut shape = shape(text("name"), &description);
        if structure == "Event:filled_form" && text("name") == "fields" {
            shape = Shape::List(Box::new(Shape::Named("FilledFormField".to_owned())));
        }
        insert(&mut fields, text("name"), Field { required, shape });
    }
    Shape::Object(fields)
}

/// Puts a dotted name into the tree.
fn insert(fields: &mut BTreeMap<String, Field>, name: &str, field: Field) {
    let Some((parent, rest)) = name.split_once('.') else {
        fields.insert(name.to_owned(), field);
        return;
    };
    let parent = fields
        .entry(parent.to_owned())
        .or_insert_with(|| Field { required: true, shape: Shape::Object(BTreeMap::new()) });
    let inner = match &mut parent.shape {
        Shape::List(inner) => &mut **inner,
        shape => shape,
    };
    if matches!(inner, Shape::Any) {
        *inner = Shape::Object(BTreeMap::new());
    }
    if let Shape::Object(inner) = inner {
        insert(inner, rest, field);
    }
}

fn is_optional(description: &str) -> bool {
    ["optional", "only", "absent", "present when"].iter().any(|word| description.contains(word))
}

/// Reads descriptions such as `[]int`, `object {a: string, b int optional}`, `Thread (single object)`.
fn shape(name: &str, description: &str) -> Shape {
    let description = description.trim();
    if let Some(element) = description.strip_prefix("[]") {
        return Shape::List(Box::new(shape(name, element)));
    }
    if description.starts_with('{') {
        return inline(description);
    }
    if description.starts_with("string or object") {
        return Shape::Either;
    }
    let end = description.find([' ', ',', '(', '{', ';']).unwrap_or(description.len());
    let (word, rest) = description.split_at(end);
    let word = word.trim_end_matches(':');
    if let Some(element) = word.strip_suffix("[]") {
        return Shape::List(Box::new(shape(name, &format!("{element}{rest}"))));
    }
    // "Event:message or Event:rich_message"
    let word = if word == "Event:message" && rest.contains(" or Event:") { "Event" } else { word };
    match word {
        "" | "optional" => by_name(name),
        "date-time" => Shape::DateTime,
        "string" if name.ends_with("_at") || name.ends_with("_up_to") => Shape::DateTime,
        "string" | "HH:MM" => Shape::Text,
        "int" | "number" => Shape::Int,
        "bool" => Shape::Bool,
        "object" if rest.contains("namespace") => Shape::Any,
        "object" if rest.trim_start().starts_with("map ") => {
            Shape::Map(Box::new(rest.find('{').map_or(Shape::Any, |start| inline(&rest[start..]))))
        }
        "object" if rest.trim_start().starts_with('{') => inline(rest.trim_start()),
        "array" => Shape::List(Box::new(Shape::Any)),
        // Elements are told by dotted rows.
        "object" | "any" | "Element" => Shape::Any,
        texts if texts.contains('|') => Shape::OneOf(texts.split('|').map(str::to_owned).collect()),
        named => Shape::Named(named.to_owned()),
    }
}

/// Where a description only names the key.
fn by_name(name: &str) -> Shape {
    match name {
        "event" => Shape::Named("Event".to_owned()),
        "queue" => Shape::Named("Queue".to_owned()),
        "access" => Shape::Named("Access".to_owned()),
        "properties" => Shape::Named("Properties".to_owned()),
        "user_ids" | "tags" => Shape::List(Box::new(Shape::Text)),
        "active" => Shape::Bool,
        name if name.ends_with("_at") => Shape::DateTime,
        _ => Shape::Any,
    }
}

/// `{name type, name: type, …}`; the type may be left out or nested.
fn inline(description: &str) -> Shape {
    let mut fields = BTreeMap::new();
    let (mut depth, mut part) = (0, String::new());
    for character in description.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        let ends = (character == ',' && depth == 1) || depth == 0;
        if !ends {
            part.push(character);
            continue;
        }
        let entry = part.trim_start_matches('{').trim().to_owned();
        part.clear();
        let end = entry.find([':', ' ', '(']).unwrap_or(entry.len());
        let (name, rest) = entry.split_at(end);
        let rest = rest.trim_start_matches([':', ' ']);
        let field = Field { required: !is_optional(rest), shape: shape(name, rest) };
        fields.insert(name.to_owned(), field);
        if depth == 0 {
            break;
        }
    }
    Shape::Object(fields)
}
