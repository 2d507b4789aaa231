//! Each parameter of each method: missing, or of another type, it is named in the refusal.

use serde_json::{Value, json};
use switchboard::protocol::error::ErrorType;
use switchboard::protocol::method::{self, Method, Param, ParamKind};
use switchboard::protocol::version::Surface;

use super::{decode, decode_text, decoded, refused};

/// All whose payload is JSON.
fn methods() -> impl Iterator<Item = &'static Method> {
    method::all().filter(|method| method.action != "upload_file")
}

/// A payload that has every parameter of the method, or several that have them all.
fn full_payloads(method: &Method) -> Vec<Value> {
    let event = json!({"type": "message", "text": "hi"});
    let address = json!({"address": "1", "city": "2", "country": "3", "state": "4", "postal_code": "5"});
    let page = json!({"limit": 5, "sort_order": "asc"});
    let events = json!([event]);
    let chat = json!({
        "id": "C", "properties": {"test": {"int_property": 1}}, "access": {"group_ids": [0]},
        "users": [{"id": "a@b.c", "type": "agent"}],
        "thread": {"events": events, "properties": {"test": {"bool_property": true}}},
    });
    let properties = match method.action.starts_with("delete_") {
        true => json!({"test": ["int_property"]}),
        false => json!({"test": {"int_property": 1}}),
    };
    let filter =
        |name: &str, value: Value| json!({"filters": {"properties": {"test": {"p": {name: value}}}}});
    match (method.surface, method.action) {
        (Surface::Agent, "login") => vec![json!({
            "token": "Bearer x", "timezone": "UTC", "reconnect": true,
            "application": {"name": "a", "version": "1"}, "away": false,
            "customer_monitoring_level": "my", "pushes": {"3.6": ["all"]},
        })],
        (Surface::Customer, "login") => vec![json!({
            "token": "Bearer x",
            "customer": {
                "name": "n", "email": "e", "avatar": "a", "session_fields": [{"k": "v"}], "address": address,
            },
            "customer_page": {"url": "u", "title": "t"}, "customer_side_storage": {"k": "v"},
            "is_mobile": true, "group_id": 1, "referrer": "r",
            "application": {"name": "a", "version": "1", "channel_type": "code"},
            "pushes": {"3.6": ["incoming_event"]},
        })],
        (Surface::Agent, "get_customer") => vec![json!({"id": "K"})],
        (_, "list_group_statuses") => vec![json!({"all": false, "group_ids": [1]})],
        (_, "logout" | "ping" | "get_customer" | "get_predicted_agent") => vec![json!({})],
        (_, "start_chat" | "resume_chat") => {
            vec![json!({"chat": chat, "active": true, "continuous": false})]
        }
        (_, "deactivate_chat") => vec![json!({"id": "C", "ignore_requester_presence": true})],
        (_, "send_event") => {
            vec![json!({"chat_id": "C", "event": event, "attach_to_last_thread": true})]
        }
        (Surface::Agent, "list_chats") => vec![
            json!({
                "filters": {
                    "active": true, "include_chats_without_threads": false, "group_ids": [0],
                    "properties": {"test": {"p": {"exists": true}}},
                },
                "limit": 5, "sort_order": "asc",
            }),
            filter("values", json!([1, "a", true])),
            filter("exclude_values", json!([1])),
            json!({"page_id": "x"}),
        ],
        (Surface::Customer, "list_chats") => vec![page, json!({"page_id": "x"})],
        (_, "list_threads") => {
            let time = "2024-01-01T00:00:00.000000+01:00";
            let mut first = json!({"chat_id": "C", "limit": 5, "sort_order": "asc"});
            if method.surface == Surface::Agent {
                first["filters"] = json!({"from": time, "to": time});
            }
            let events = json!({"chat_id": "C", "min_events_count": 7});
            vec![first, events, json!({"chat_id": "C", "page_id": "x"})]
        }
        (_, "list_archives") => archives(),
        (_, "get_chat") => vec![json!({"chat_id": "C", "thread_id": "T"})],
        (_, "follow_chat" | "unfollow_chat") => vec![json!({"id": "C"})],
        (_, "transfer_chat") => vec![json!({
            "id": "C", "target": {"type": "group", "ids": [1]}, "ignore_agents_availability": true,
            "ignore_requester_presence": true,
        })],
        (_, "add_user_to_chat" | "remove_user_from_chat") => vec![json!({
            "chat_id": "C", "user_id": "a@b.c", "user_type": "agent", "visibility": "all",
            "ignore_requester_presence": true,
        })],
        (_, "set_routing_status") => vec![json!({"status": "accepting_chats", "agent_id": "a@b.c"})],
        (_, "list_routing_statuses") => vec![json!({"filters": {"group_ids": [1]}})],
        (_, "mark_events_as_seen") => {
            vec![json!({"chat_id": "C", "seen_up_to": "2017-10-12T15:19:21.010200Z"})]
        }
        (_, "send_typing_indicator") => {
            vec![json!({"chat_id": "C", "visibility": "agents", "is_typing": true})]
        }
        (_, "send_sneak_peek") => vec![json!({"chat_id": "C", "sneak_peek_text": "hel"})],
        (_, "ban_customer") => vec![json!({"id": "K", "ban": {"days": 1}})],
        (_, "tag_thread" | "untag_thread") => vec![json!({"chat_id": "C", "thread_id": "T", "tag": "t"})],
        (_, "send_event_preview") => vec![json!({"chat_id": "C", "event": event})],
        (_, "send_thinking_indicator") => vec![json!({
            "chat_id": "C", "title": "t", "description": "d", "visibility": "all", "custom_id": "c",
        })],
        (_, "send_rich_message_postback") => vec![json!({
            "chat_id": "C", "thread_id": "T", "event_id": "T_1",
            "postback": {
                "id": "p", "toggled": true, "button_type": "message", "button_value": "v",
                "ecommerce": {"product_id": "p", "option_id": "o", "quantity": 1},
            },
        })],
        (_, "delete_event") => vec![json!({"chat_id": "C", "thread_id": "T", "event_id": "T_1"})],
        (_, "multicast") => vec![json!({
            "recipients": {"agents": {"all": true, "ids": ["a@b.c"], "groups": [1]}},
            "content": {"any": 1}, "type": "t",
        })],
        (_, "list_agents_for_transfer") => vec![json!({"chat_id": "C"})],
        (_, "set_away_status") => vec![json!({"away": true})],
        (_, "subscribe_customers") => vec![json!({"group_ids": [0], "limit": 5})],
        (_, "unsubscribe_customers") => vec![json!({"subscription_id": "S"})],
        (_, "request_welcome_message") => vec![json!({"id": "W", "group_id": 1})],
        (_, "get_dynamic_configuration") => vec![json!({
            "organization_id": "O", "license_id": 1, "group_id": 1, "url": "u", "channel_type": "c", "test": true,
        })],
        (_, "get_configuration") => vec![json!({"organization_id": "O", "group_id": 1, "version": "v"})],
        (_, "get_localization") => {
            vec![json!({"organization_id": "O", "group_id": 1, "language": "en", "version": "v"})]
        }
        (_, "list_license_properties") => {
            vec![json!({"organization_id": "O", "namespace": "n", "name": "p"})]
        }
        (_, "list_group_properties") => {
            vec![json!({"organization_id": "O", "id": 1, "namespace": "n", "name": "p"})]
        }
        (_, "get_form") => vec![json!({"group_id": 1, "type": "prechat"})],
        (_, "accept_greeting") => vec![json!({"greeting_id": 7, "unique_id": "u"})],
        (_, "cancel_greeting") => vec![json!({"unique_id": "u"})],
        (_, "send_greeting_button_clicked") => {
            vec![json!({"greeting_unique_id": "u", "button_id": "yes"})]
        }
        (_, "check_goals") => vec![json!({"session_fields": [{"k": "v"}], "group_id": 1, "page_url": "u"})],
        (_, "request_email_verification") => vec![json!({"callback_uri": "https://a.example"})],
        (_, "get_url_info") => vec![json!({"url": "https://a.example"})],
        (_, "update_customer_page") => vec![json!({"url": "u", "title": "t"})],
        (_, "update_session") => vec![json!({"token": "Bearer x"})],
        (_, "set_customer_session_fields") => vec![json!({"session_fields": [{"k": "v"}]})],
        (_, "update_customer") => vec![json!({
            "id": "K", "phone_number": "+14155552671",
            "name": "n", "email": "e", "avatar": "a", "session_fields": [{"k": "v"}], "address": address,
            "omnichannel": {
                "fbmessenger": {
                    "id": "1", "name": "n", "first_name": "f", "last_name": "l", "profile_pic": "p",
                    "gender": "g", "locale": "en", "is_verified_user": true,
                },
                "twilio": {"phone_number": "+1"},
            },
        })],
        (_, action) if action.ends_with("chat_properties") => {
            vec![json!({"id": "C", "properties": properties})]
        }
        (_, action) if action.ends_with("thread_properties") => {
            vec![json!({"chat_id": "C", "thread_id": "T", "properties": properties})]
        }
        (_, action) if action.ends_with("event_properties") => {
            vec![json!({"chat_id": "C", "thread_id": "T", "event_id": "T_1", "properties": properties})]
        }
        (surface, action) => panic!("no payload for {surface:?} {action}"),
    }
}

/// Filters of archives, a payload for those that exclude each other.
fn archives() -> Vec<Value> {
    let time = "2024-01-01T00:00:00.000000+01:00";
    let groups = json!({"values": [1], "exclude_values": [2]});
    let agents = json!({"values": ["a@b.c"], "exclude_values": ["d@e.f"]});
    let set = |name: &str, values: &Value| json!({name: values, "require_every_value": true});
    let sets = |name: &str| {
        let (texts, numbers) = (json!(["x"]), json!([1]));
        json!({
            "filters": {
                "properties": {"test": {"p": {name: texts}}}, "agents": set(name, &texts),
                "tags": set(name, &texts), "sales": set(name, &numbers), "goals": set(name, &texts),
                "event_types": set(name, &json!(["message"])), "customer_countries": set(name, &json!(["PL"])),
            },
        })
    };
    let exists = json!({"exists": true});
    vec![
        json!({
            "filters": {
                "query": "q", "from": time, "to": time, "chat_ids": ["C"], "group_ids": [0],
                "properties": {"test": {"p": exists}}, "agents": exists, "tags": exists, "sales": exists,
                "goals": exists, "customer_countries": exists,
                "forms": {
                    "type": "pre_chat", "from": time, "to": time, "exists": true, "values": ["x"],
                    "exclude_values": ["y"], "groups": groups, "answer_id": "z",
                },
                "greetings": {
                    "from": time, "to": time, "exists": true, "values": [1], "exclude_values": [2],
                    "groups": groups,
                },
                "agent_response": {"exists": true, "first": true, "agents": agents, "groups": groups},
                "agent_types": {
                    "all_values": ["human"], "any_values": ["chatbot"], "exclude_values": ["ai_agent"],
                },
                "customer_id": "U", "customer_email": "a@b.c",
            },
            "limit": 5, "sort_order": "asc", "highlights": {"pre_tag": "<b>", "post_tag": "</b>"},
        }),
        sets("values"),
        sets("exclude_values"),
        json!({"filters": {"thread_ids": ["T"]}}),
        json!({"filters": {"forms": [{"type": "post_chat", "answer_id": "x"}]}}),
        json!({"page_id": "x"}),
    ]
}

/// The place of a parameter in a payload that has it; `<name>` is any key, lists stand for their first
/// element.
fn slot<'v>(payload: &'v mut Value, steps: &[&str]) -> Option<&'v mut Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(payload) };
    let inner = match payload {
        Value::Array(elements) => return slot(elements.first_mut()?, steps),
        Value::Object(object) => match step.starts_with('<') {
            true => object.values_mut().next()?,
            false => object.get_mut(*step)?,
        },
        _ => return None,
    };
    slot(inner, rest)
}

fn steps(param: &Param) -> Vec<&'static str> {
    param.name.split('.').collect()
}

/// A full payload that has the parameter.
fn payload_with(method: &Method, param: &Param) -> Value {
    let has = |payload: &Value| slot(&mut payload.clone(), &steps(param)).is_some();
    let found = full_payloads(method).into_iter().find(has);
    found.unwrap_or_else(|| {
        panic!("{} {}: no payload has {}", method.surface.as_str(), method.action, param.name)
    })
}

#[test]
fn payloads_with_every_parameter_are_understood() {
    for method in methods() {
        for payload in full_payloads(method) {
            decoded(method.surface, method.action, &payload);
        }
    }
}

#[test]
fn a_parameter_of_another_type_is_named() {
    for method in methods() {
        for param in method.params.iter().filter(|param| param.kind != ParamKind::Any) {
            let wrong = match param.kind {
                ParamKind::Object | ParamKind::Event | ParamKind::StringMap => json!([1]),
                ParamKind::ObjectOrObjects => json!(7),
                _ => json!({"wrong": [{}]}),
            };
            let mut payload = payload_with(method, param);
            *slot(&mut payload, &steps(param)).expect("it is there") = wrong;
            let message = refused(method.surface, method.action, &payload);
            let kind = match param.kind {
                // The payload's target is a group.
                ParamKind::IntsOrStrings if method.action == "transfer_chat" => "array of ints",
                kind => kind.as_str(),
            };
            let expected = format!("`{}` must be of type {kind}", param.name);
            assert_eq!(message, expected, "{} {payload}", method.action);
        }
    }
}

#[test]
fn a_missing_parameter_is_named() {
    for method in methods() {
        for param in method.params.iter().filter(|param| param.required && !param.name.contains('<')) {
            let steps = steps(param);
            let (last, parents) = steps.split_last().expect("a name");
            for absent in [None, Some(Value::Null)] {
                let mut payload = payload_with(method, param);
                let mut parent = slot(&mut payload, parents).expect("it is there");
                while let Value::Array(elements) = parent {
                    parent = &mut elements[0];
                }
                match absent {
                    None => parent.as_object_mut().expect("an object").remove(*last),
                    Some(null) => parent.as_object_mut().expect("an object").insert((*last).to_owned(), null),
                };
                let message = refused(method.surface, method.action, &payload);
                assert_eq!(message, format!("`{}` is required", param.name), "{payload}");
            }
        }
    }
}

#[test]
fn absent_optional_parameters_may_be_null_and_unknown_ones_are_ignored() {
    for method in methods() {
        for param in method.params.iter().filter(|param| !param.required && !param.name.contains('<')) {
            // A payload that is about nothing else is refused for being empty; another test has that.
            let mut payload = payload_with(method, param);
            *slot(&mut payload, &steps(param)).expect("it is there") = Value::Null;
            payload["no_such_parameter"] = json!({"deep": [1]});
            match decode(method.surface, method.action, &payload) {
                Ok(_) => {}
                // Its two tags are given together.
                Err(error) if param.name.starts_with("highlights.") => {
                    assert!(error.message.contains("goes together"), "{payload}: {error:?}");
                }
                Err(error) => {
                    assert!(error.message.contains("is required"), "{} {payload}: {error:?}", method.action);
                    // Optional by the table, needed by a rule beside it.
                    let by_rule = [
                        "resume_chat",
                        "list_group_statuses",
                        "multicast",
                        "send_rich_message_postback",
                        "update_customer",
                    ];
                    assert!(by_rule.contains(&method.action), "{} {payload}", method.action);
                }
            }
        }
    }
}

#[test]
fn a_payload_that_is_no_object_is_refused() {
    for method in methods() {
        for text in ["[]", "1", "\"x\"", "true"] {
            let error = decode_text(method.surface, method.action, text).expect_err(text);
            assert_eq!(error.kind, ErrorType::Validation);
            assert_eq!(error.message, "`payload` must be of type object", "{} {text}", method.action);
        }
    }
}

#[test]
fn no_payload_counts_as_an_empty_one() {
    for method in methods() {
        let none = switchboard::protocol::request::decode(method, None);
        assert_eq!(none, decode_text(method.surface, method.action, "{}"), "{}", method.action);
    }
}

#[test]
fn deep_nesting_is_refused_wherever_it_stands() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for text in [
        format!(r#"{{"chat_id":"C","event":{{"type":"custom","content":{{"a":{deep}}}}}}}"#),
        format!(r#"{{"chat_id":"C","event":{{"type":"message","text":"x"}},"unknown":{deep}}}"#),
    ] {
        let error = decode_text(Surface::Agent, "send_event", &text).expect_err("deep");
        assert_eq!(error.message, "the payload nests more than 100 levels deep");
    }
    // Many brackets are no depth, nor are brackets in a text.
    let brackets = format!("\\\"{}", "[{".repeat(500));
    let wide = format!(
        r#"{{"chat_id":"C","event":{{"type":"message","text":"{brackets}"}},"u":[{}0]}}"#,
        "[],".repeat(500)
    );
    decode_text(Surface::Agent, "send_event", &wide).expect("it is flat");
}

#[test]
fn what_the_table_does_not_describe_is_named_by_its_path() {
    let cases = [
        ("update_chat_properties", json!({"id": "C", "properties": {"a": {"b": [1]}}}), "`properties.a"),
        (
            "update_chat_properties",
            json!({"id": "C", "properties": {"a": {"b": 3_000_000_000_i64}}}),
            "32-bit",
        ),
        (
            "update_chat_properties",
            json!({"id": "C", "properties": {"a": 1}}),
            "`properties.a`: invalid type",
        ),
        (
            "delete_chat_properties",
            json!({"id": "C", "properties": {"a": "b"}}),
            "`properties.a`: invalid type",
        ),
        ("start_chat", json!({"chat": {"access": {"group_ids": ["x"]}}}), "`chat.access.group_ids[0]`"),
        ("start_chat", json!({"chat": {"access": {}}}), "`chat.access.group_ids` is required"),
        (
            "start_chat",
            json!({"chat": {"thread": {"events": [{}]}}}),
            "`chat.thread.events[0].type` is required",
        ),
        (
            "add_user_to_chat",
            json!({"chat_id": "C", "user_id": "u", "user_type": "bot", "visibility": "all"}),
            "`user_type`: unknown variant",
        ),
        ("set_routing_status", json!({"status": "busy"}), "`status`: unknown variant `busy`"),
        ("list_chats", json!({"sort_order": "up"}), "`sort_order`: unknown variant"),
    ];
    for (action, payload, expected) in cases {
        let message = refused(Surface::Agent, action, &payload);
        assert!(message.contains(expected), "{action} {payload}: {message}");
        assert!(!message.contains(" at line "), "{message}");
    }
    let twice =
        decode_text(Surface::Agent, "get_chat", r#"{"chat_id":"a","chat_id":"b"}"#).expect_err("twice");
    assert!(twice.message.contains("`chat_id` is given twice"), "{}", twice.message);
}
