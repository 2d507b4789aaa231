//! Bodies that the table of a method describes, with values that it may take.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use switchboard::protocol::method::{Method, ParamKind};

use super::doc::Doc;

/// Who and what there is to be named.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) chat: String,
    pub(super) thread: String,
    /// In that thread.
    pub(super) event: String,
    pub(super) agent: String,
    pub(super) customer: String,
    pub(super) organization: String,
}

impl Default for Known {
    /// Nobody who is anywhere.
    fn default() -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            chat: text("PJ0MRSHTDG"),
            thread: text("0123456789ABCDEF"),
            event: text("0123456789ABCDEF_1"),
            agent: text("agent1@example.com"),
            customer: text("b7eff798-f8df-4364-8059-649c35c9ed0c"),
            organization: text("390e44e6-f1e6-0368c-z6ddb-74g14508c2ex"),
        }
    }
}

/// The parameters as a tree.
#[derive(Default)]
struct Node {
    kind: Option<ParamKind>,
    required: bool,
    inside: BTreeMap<&'static str, Node>,
}

/// Good bodies of a method: every required parameter, any of the others, in any order.
pub(super) fn bodies(method: &'static Method, known: &Known) -> BoxedStrategy<Doc> {
    let mut root = Node { kind: Some(ParamKind::Object), required: true, ..Node::default() };
    for param in method.params {
        let mut place = &mut root;
        for step in param.name.split('.') {
            place = place.inside.entry(step).or_default();
        }
        (place.kind, place.required) = (Some(param.kind), param.required);
    }
    // Pages exclude what made the first one; a page id is no more than a text here.
    if method.param("page_id").is_some_and(|param| !param.required) {
        root.inside.remove("page_id");
    }
    root.inside.remove("min_events_count");
    root.strategy(&Place { method, path: "", known })
}

/// Where a parameter stands.
struct Place<'a> {
    method: &'static Method,
    path: &'a str,
    known: &'a Known,
}

impl Node {
    fn strategy(&self, place: &Place<'_>) -> BoxedStrategy<Doc> {
        let object = || self.object(place);
        let some = |one: BoxedStrategy<Doc>| vec(one, 1..3).prop_map(Doc::List).boxed();
        let texts = || values(texts(place));
        let ints = || values(ints(place));
        match self.kind.unwrap_or(ParamKind::Object) {
            ParamKind::Object | ParamKind::StringMap if self.inside.is_empty() => values(objects(place)),
            ParamKind::Object | ParamKind::StringMap | ParamKind::ObjectOrObjects => object(),
            ParamKind::Users => some(object()),
            ParamKind::Event => event(),
            ParamKind::Events => some(event()),
            ParamKind::String => texts(),
            ParamKind::Int => ints(),
            ParamKind::Bool => any::<bool>().prop_map(|is| Doc::of(&json!(is))).boxed(),
            ParamKind::Strings => some(texts()),
            ParamKind::Ints => some(ints()),
            ParamKind::IntsOrStrings => some(texts()),
            ParamKind::Values => some(values(vec![json!(7), json!("seven"), json!(true)])),
            ParamKind::SessionFields => some(values(vec![json!({ "cart": "3" }), json!({ "żółć": "" })])),
            ParamKind::Any => values(vec![json!(null), json!(1), json!({ "a": [1.5, "x"] })]),
            ParamKind::Binary => values(vec![json!("bytes")]),
        }
    }

    fn object(&self, place: &Place<'_>) -> BoxedStrategy<Doc> {
        let entries: Vec<BoxedStrategy<Option<(String, Doc)>>> = self
            .inside
            .iter()
            .map(|(name, node)| {
                let path =
                    if place.path.is_empty() { (*name).to_owned() } else { format!("{}.{name}", place.path) };
                let value = node.strategy(&Place { path: &path, ..*place });
                // A key in angle brackets stands for any.
                let key = match *name {
                    "<version>" => "3.6",
                    "<namespace>" => "test",
                    "<name>" => "int_property",
                    name => name,
                };
                let entry = value.prop_map(move |value| (key.to_owned(), value));
                if node.required {
                    entry.prop_map(Some).boxed()
                } else {
                    option::weighted(0.4, entry).boxed()
                }
            })
            .collect();
        let shuffled = entries.prop_shuffle();
        shuffled.prop_map(|entries| Doc::Object(entries.into_iter().flatten().collect())).boxed()
    }
}

fn values(of: Vec<Value>) -> BoxedStrategy<Doc> {
    select(of).prop_map(|value| Doc::of(&value)).boxed()
}

fn objects(place: &Place<'_>) -> Vec<Value> {
    match place.path.rsplit('.').next().unwrap_or_default() {
        "properties" if place.method.action.starts_with("delete") => {
            vec![json!({ "test": ["int_property"] }), json!({ "test": ["int_property", "string_property"] })]
        }
        "properties" => {
            vec![json!({ "test": { "int_property": 7 } }), json!({ "test": { "string_property": "ż" } })]
        }
        "access" => vec![json!({ "group_ids": [0] }), json!({ "group_ids": [0, 1] })],
        "customer_side_storage" => vec![json!({ "a": "b" })],
        _ => vec![json!({}), json!({ "unknown": 1 })],
    }
}

fn ints(place: &Place<'_>) -> Vec<Value> {
    match place.path {
        "limit" | "ban.days" => vec![json!(1), json!(7)],
        _ => vec![json!(0), json!(1)],
    }
}

fn texts(place: &Place<'_>) -> Vec<Value> {
    let Place { method, path, known } = place;
    let words: &[&str] = match (*path, path.rsplit('.').next().unwrap_or_default()) {
        ("id", _) if method.action.contains("customer") => &[&known.customer],
        ("id" | "chat.id", _) | (_, "chat_id" | "chat_ids") => &[&known.chat],
        (_, "thread_id" | "thread_ids") => &[&known.thread],
        (_, "event_id") => &[&known.event],
        (_, "agent_id" | "user_id") | ("recipients.agents.ids" | "target.ids", _) => &[&known.agent],
        (_, "customer_id") | ("chat.users.id", _) => &[&known.customer],
        (_, "organization_id") => &[&known.organization],
        ("chat.users.type", _) => &["customer"],
        (_, "user_type") | ("target.type", _) => &["agent"],
        (_, "visibility") => &["all", "agents"],
        (_, "sort_order") => &["asc", "desc"],
        (_, "status") => &["accepting_chats", "not_accepting_chats"],
        ("filters.forms.type", _) => &["pre_chat", "post_chat"],
        ("type", _) if method.action == "get_form" => &["prechat", "postchat", "ticket"],
        (_, "customer_monitoring_level") => &["my", "online"],
        (_, "from" | "to" | "seen_up_to") => &["2020-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z"],
        (_, "url" | "avatar" | "referrer" | "callback_uri") => &["https://shop.example/a?b=ż"],
        (_, "email" | "customer_email") => &["ann@example.com"],
        (path, _) if path.starts_with("filters.event_types") => &["message", "file"],
        (path, _) if path.starts_with("filters.agent_types") => &["human", "chatbot"],
        (path, _) if path.starts_with("filters.customer_countries") => &["PL", "US"],
        ("pushes.<version>", _) => &["all", "incoming_event"],
        _ => &["x", "zażółć 💥"],
    };
    words.iter().map(|word| json!(word)).collect()
}

/// An event of each kind.
fn event() -> BoxedStrategy<Doc> {
    let button =
        json!({ "type": "message", "text": "Yes", "value": "y", "postback_id": "yes", "user_ids": [] });
    let kinds = vec![
        json!({ "type": "message", "text": "hello" }),
        json!({ "type": "message", "text": "💥\u{202e}ż", "custom_id": "c1", "visibility": "all" }),
        json!({
            "type": "rich_message", "template_id": "cards",
            "elements": [{ "title": "t", "image": { "url": "https://x.example/a.png" }, "buttons": [button] }],
        }),
        json!({
            "type": "form", "form_id": "f",
            "fields": [{ "type": "checkbox", "id": "1", "label": "l", "options": [{ "id": "1", "label": "o" }] }],
        }),
        json!({
            "type": "filled_form", "form_id": "f",
            "fields": [{ "type": "name", "id": "1", "label": "Your name", "answer": "Ann" }],
        }),
        json!({ "type": "system_message", "system_message_type": "x", "text": "t", "text_vars": { "a": "b" } }),
        json!({ "type": "custom", "content": { "a": [1, { "b": null }] } }),
        json!({ "type": "annotation", "annotation_type": "rating", "text": "good" }),
        json!({ "type": "file", "url": "https://x.example/a.png" }),
    ];
    let more = option::weighted(0.2, Just(json!({ "test": { "int_property": 1 } })));
    (select(kinds), more)
        .prop_map(|(mut event, properties)| {
            if let Some(properties) = properties {
                event["properties"] = properties;
            }
            Doc::of(&event)
        })
        .boxed()
}
