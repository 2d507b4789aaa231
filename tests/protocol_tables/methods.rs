//! The table of methods is the protocol's, row by row.

use serde_json::Value;
use switchboard::protocol::method::{self, HttpMethod, Method, ParamKind, Scopes};
use switchboard::protocol::version::Surface;

use crate::tables::Tables;

/// The methods that must be there. The rest has issues of its own.
const AGENT: &[&str] = &[
    "login",
    "logout",
    "ping",
    "start_chat",
    "resume_chat",
    "deactivate_chat",
    "send_event",
    "list_chats",
    "list_threads",
    "list_archives",
    "get_chat",
    "follow_chat",
    "unfollow_chat",
    "transfer_chat",
    "add_user_to_chat",
    "remove_user_from_chat",
    "set_routing_status",
    "list_routing_statuses",
    "send_event_preview",
    "send_rich_message_postback",
    "tag_thread",
    "upload_file",
    "untag_thread",
    "get_customer",
    "update_customer",
    "subscribe_customers",
    "unsubscribe_customers",
    "ban_customer",
    "set_away_status",
    "update_session",
    "send_thinking_indicator",
    "multicast",
    "list_agents_for_transfer",
    "mark_events_as_seen",
    "send_typing_indicator",
    "update_chat_properties",
    "delete_chat_properties",
    "update_thread_properties",
    "delete_thread_properties",
    "update_event_properties",
    "delete_event_properties",
];
const CUSTOMER: &[&str] = &[
    "login",
    "ping",
    "start_chat",
    "resume_chat",
    "deactivate_chat",
    "send_event",
    "list_chats",
    "list_threads",
    "get_chat",
    "mark_events_as_seen",
    "send_sneak_peek",
    "delete_event",
    "list_group_statuses",
    "get_predicted_agent",
    "update_customer_page",
    "get_url_info",
    "request_email_verification",
    "check_goals",
    "accept_greeting",
    "cancel_greeting",
    "send_greeting_button_clicked",
    "request_welcome_message",
    "get_dynamic_configuration",
    "get_configuration",
    "get_localization",
    "list_license_properties",
    "list_group_properties",
    "get_form",
    "upload_file",
    "send_rich_message_postback",
    "set_customer_session_fields",
    "get_customer",
    "update_customer",
    "update_chat_properties",
    "delete_chat_properties",
    "update_thread_properties",
    "delete_thread_properties",
    "update_event_properties",
    "delete_event_properties",
];

#[test]
fn methods_are_as_the_agent_table_says() {
    compare(Surface::Agent, AGENT);
}

#[test]
fn methods_are_as_the_customer_table_says() {
    compare(Surface::Customer, CUSTOMER);
}

fn compare(surface: Surface, wanted: &[&str]) {
    let tables = Tables::load(surface.as_str());
    let rows = tables.part("methods").as_object().expect("methods");
    let mut faults = Vec::new();
    for action in wanted {
        match (rows.get(*action), method::find(surface, action)) {
            (Some(row), Some(method)) => differences(method, row, &mut faults),
            (None, _) => faults.push(format!("{action} is not in the table")),
            (_, None) => faults.push(format!("{action} is absent")),
        }
    }
    for method in method::all().filter(|method| method.surface == surface) {
        if !wanted.contains(&method.action) {
            match rows.get(method.action) {
                Some(row) => differences(method, row, &mut faults),
                None => faults.push(format!("{} is not in the table", method.action)),
            }
        }
    }
    let absent: Vec<_> = rows.keys().filter(|action| method::find(surface, action).is_none()).collect();
    println!("{} methods that are not served yet: {absent:?}", surface.as_str());
    assert!(faults.is_empty(), "{faults:#?}");
}

fn differences(method: &Method, row: &Value, faults: &mut Vec<String>) {
    let mut expect = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            faults.push(format!("{}: {what} is {ours}, the table says {theirs}", method.action));
        }
    };
    expect("rtm", method.rtm.to_string(), row["rtm"].to_string());
    expect("web", method.web.to_string(), row["web"].to_string());
    if method.web {
        let verb = match method.http {
            HttpMethod::Get => "GET",
            HttpMethod::Post => "POST",
        };
        expect("http method", verb.to_owned(), row["http_method"].as_str().unwrap_or("none").to_owned());
    }
    let (mode, scopes): (&str, &[&str]) = match method.scopes {
        Scopes::None => ("none", &[]),
        Scopes::Any(scopes) => ("any", scopes),
        Scopes::All(scopes) => ("all", scopes),
        Scopes::PerPushFamily(scopes) => ("per-push-family", scopes),
    };
    // Customers' tokens have no scopes, so their table has no such columns.
    expect("scope mode", mode.to_owned(), row["scope_mode"].as_str().unwrap_or("none").to_owned());
    expect("scopes", format!("{scopes:?}"), format!("{:?}", texts(&row["scopes"], |text| text)));
    expect(
        "pushes",
        format!("{:?}", method.pushes),
        format!("{:?}", texts(&row["pushes"], |text| text.split(' ').next().unwrap_or(text))),
    );
    let ours: Vec<String> = method
        .params
        .iter()
        .map(|param| format!("{} {} {}", param.name, param.required, kind_name(param.kind)))
        .collect();
    let theirs: Vec<String> = row["params"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|param| {
            let name = param["name"].as_str().unwrap_or("?");
            let kind = match name {
                // By the rules of `list_archives` the pages of the two transports give it one shape each.
                "filters.forms" => "ObjectOrObjects",
                _ => documented_kind(name, param["type"].as_str().unwrap_or_default()),
            };
            format!("{name} {} {kind}", param["required"])
        })
        .collect();
    expect("parameters", format!("{ours:#?}"), format!("{theirs:#?}"));
}

fn texts(list: &Value, pick: impl Fn(&str) -> &str) -> Vec<String> {
    let elements = list.as_array().into_iter().flatten();
    elements.filter_map(Value::as_str).map(|text| pick(text).to_owned()).collect()
}

fn kind_name(kind: ParamKind) -> String {
    format!("{kind:?}")
}

/// The tables' words for a type, as ours.
fn documented_kind<'t>(name: &str, text: &'t str) -> &'t str {
    // In a query string all is text; what it stands for is told.
    match text.trim_end_matches(" (query)") {
        "[]object" if name == "session_fields" => "SessionFields",
        "any" => "Any",
        "binary" | "binary (multipart/form-data part)" => "Binary",
        "string" => "String",
        "int" | "integer" | "number" => "Int",
        // A null filter is an absent one.
        "bool" | "bool or null" => "Bool",
        "object" | "Properties" | "Access" | "object: namespace -> string[] of names" => "Object",
        "object map string->string" => "StringMap",
        "[]string" | "string[]" => "Strings",
        "[]int" | "number[]" => "Ints",
        "[]int or []string" | "[]string or []int" => "IntsOrStrings",
        "[]string or []int or []bool" => "Values",
        "Event" | "Event (request shape)" | "Event:message" => "Event",
        "[]Event" | "Event[]" => "Events",
        // The other rows of the agent table that are `[]object` are users.
        "[]object" | "User[]" => "Users",
        "SessionFields" => "SessionFields",
        other => other,
    }
}
