//! The table: who does what, and who is told of it.

use serde_json::{Value, json};

use super::{GROUP, OTHER_GROUP, Stage};
use crate::support::message;

/// What stands before the action.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Before {
    Active,
    Closed,
    /// `W` has subscribed to the customers of group 0.
    Watched,
    /// `W` has, and has given it up again.
    Unwatched,
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) before: Before,
    /// `R`, `C`, `A`, `F` or `M`.
    pub(super) by: char,
    pub(super) action: &'static str,
    pub(super) payload: fn(&Stage) -> Value,
    /// Push and the letters of those who get it, in the order of the letters.
    pub(super) expected: &'static [(&'static str, &'static str)],
    /// The letters of those whose connections end by it. They end beside what the action does, so that what else they are told
    /// depends on which comes first.
    pub(super) ends: &'static str,
}

const fn case(
    name: &'static str,
    by: char,
    action: &'static str,
    payload: fn(&Stage) -> Value,
    expected: &'static [(&'static str, &'static str)],
) -> Case {
    Case { name, before: Before::Active, by, action, payload, expected, ends: "" }
}

pub(super) const CASES: &[Case] = &[
    case(
        "an agent's message",
        'R',
        "send_event",
        |on| json!({ "chat_id": on.chat.id, "event": message("x") }),
        &[("incoming_event", "RMFCc")],
    ),
    case(
        "an agent's message for agents",
        'R',
        "send_event",
        |on| json!({ "chat_id": on.chat.id, "event": { "type": "message", "text": "x", "visibility": "agents" } }),
        &[("incoming_event", "RMF")],
    ),
    case(
        "a customer's message",
        'C',
        "send_event",
        |on| json!({ "chat_id": on.chat.id, "event": { "type": "message", "text": "x" } }),
        &[("incoming_event", "RMFCc")],
    ),
    case(
        "an agent types",
        'R',
        "send_typing_indicator",
        |on| json!({ "chat_id": on.chat.id, "visibility": "all", "is_typing": true }),
        &[("incoming_typing_indicator", "MFCc")],
    ),
    case(
        "an agent types for agents",
        'R',
        "send_typing_indicator",
        |on| json!({ "chat_id": on.chat.id, "visibility": "agents", "is_typing": true }),
        &[("incoming_typing_indicator", "MF")],
    ),
    case(
        "a customer's sneak peek",
        'C',
        "send_sneak_peek",
        |on| json!({ "chat_id": on.chat.id, "sneak_peek_text": "he" }),
        &[("incoming_sneak_peek", "RMF")],
    ),
    case(
        "an agent has seen",
        'M',
        "mark_events_as_seen",
        |on| json!({ "chat_id": on.chat.id, "seen_up_to": "2100-01-01T00:00:00.000000Z" }),
        &[("events_marked_as_seen", "RMFCc")],
    ),
    case(
        "a customer has seen",
        'C',
        "mark_events_as_seen",
        |on| json!({ "chat_id": on.chat.id, "seen_up_to": "2100-01-01T00:00:00.000000Z" }),
        &[("events_marked_as_seen", "RMFCc")],
    ),
    case(
        "an agent closes",
        'R',
        "deactivate_chat",
        |on| json!({ "id": on.chat.id }),
        &[
            ("incoming_event", "RMFCc"),
            ("chat_deactivated", "RMFACc"),
            ("chat_properties_updated", "RMFA"),
            ("thread_properties_updated", "RMFA"),
        ],
    ),
    case(
        "a customer closes",
        'C',
        "deactivate_chat",
        |on| json!({ "id": on.chat.id }),
        &[
            ("incoming_event", "RMFCc"),
            ("chat_deactivated", "RMFACc"),
            ("chat_properties_updated", "RMFA"),
            ("thread_properties_updated", "RMFA"),
        ],
    ),
    case(
        "properties of the chat",
        'R',
        "update_chat_properties",
        |on| json!({ "id": on.chat.id, "properties": { "test": { "int_property": 1 } } }),
        &[("chat_properties_updated", "RMFACc")],
    ),
    case(
        "agents' properties of the chat",
        'R',
        "update_chat_properties",
        |on| json!({ "id": on.chat.id, "properties": { "routing": { "pinned": true } } }),
        &[("chat_properties_updated", "RMFA")],
    ),
    case(
        "properties of the chat go",
        'C',
        "delete_chat_properties",
        |on| json!({ "id": on.chat.id, "properties": { "test": ["int_property"] } }),
        &[("chat_properties_deleted", "RMFACc")],
    ),
    case(
        "properties of the thread",
        'C',
        "update_thread_properties",
        |on| {
            let properties = json!({ "test": { "int_property": 1 } });
            json!({ "chat_id": on.chat.id, "thread_id": on.chat.thread_id, "properties": properties })
        },
        &[("thread_properties_updated", "RMFACc")],
    ),
    case(
        "properties of the thread go",
        'R',
        "delete_thread_properties",
        |on| {
            let properties = json!({ "test": ["int_property"] });
            json!({ "chat_id": on.chat.id, "thread_id": on.chat.thread_id, "properties": properties })
        },
        &[("thread_properties_deleted", "RMFACc")],
    ),
    case(
        "properties of an event",
        'R',
        "update_event_properties",
        |on| of_event(on, &on.event, json!({ "test": { "int_property": 1 } })),
        &[("event_properties_updated", "RMFCc")],
    ),
    case(
        "properties of a note",
        'R',
        "update_event_properties",
        |on| of_event(on, &on.note, json!({ "test": { "int_property": 1 } })),
        &[("event_properties_updated", "RMF")],
    ),
    case(
        "properties of an event go",
        'R',
        "delete_event_properties",
        |on| of_event(on, &on.event, json!({ "test": ["int_property"] })),
        &[("event_properties_deleted", "RMFCc")],
    ),
    case("somebody follows", 'A', "follow_chat", |on| json!({ "id": on.chat.id }), &[("incoming_chat", "A")]),
    case(
        "a follower leaves",
        'F',
        "unfollow_chat",
        |on| json!({ "id": on.chat.id }),
        &[("chat_unfollowed", "F")],
    ),
    case(
        "an agent is added",
        'R',
        "add_user_to_chat",
        |on| {
            let user = on.agents[3].id();
            json!({ "chat_id": on.chat.id, "user_id": user, "user_type": "agent", "visibility": "all" })
        },
        &[("user_added_to_chat", "RMFACc"), ("incoming_event", "RMFACc")],
    ),
    case(
        "a supervisor is added",
        'R',
        "add_user_to_chat",
        |on| {
            let user = on.agents[3].id();
            json!({ "chat_id": on.chat.id, "user_id": user, "user_type": "agent", "visibility": "agents" })
        },
        &[("user_added_to_chat", "RMFA")],
    ),
    case(
        "an agent is removed",
        'R',
        "remove_user_from_chat",
        |on| json!({ "chat_id": on.chat.id, "user_id": on.agents[1].id(), "user_type": "agent" }),
        &[("user_removed_from_chat", "RMFACc"), ("incoming_event", "RFCc")],
    ),
    case(
        "a chat goes to another group",
        'R',
        "transfer_chat",
        |on| {
            let target = json!({ "type": "group", "ids": [OTHER_GROUP] });
            json!({ "id": on.chat.id, "target": target, "ignore_agents_availability": true })
        },
        &[
            ("user_removed_from_chat", "RMFACc"),
            ("chat_access_updated", "RMFA"),
            ("chat_transferred", "RMFACc"),
            ("incoming_chat", "W"),
            ("incoming_event", "FCc"),
            // Nobody serves it: news for those who see it now.
            ("chat_properties_updated", "FW"),
            ("thread_properties_updated", "FW"),
        ],
    ),
    Case {
        before: Before::Closed,
        ..case(
            "a customer starts again",
            'C',
            "start_chat",
            |_| json!({ "chat": { "access": { "group_ids": [GROUP] } } }),
            &[("incoming_chat", "RMFACc")],
        )
    },
    Case {
        before: Before::Closed,
        ..case(
            "a customer resumes",
            'C',
            "resume_chat",
            |on| json!({ "chat": { "id": on.chat.id, "access": { "group_ids": [GROUP] } } }),
            &[("incoming_chat", "RMFACc")],
        )
    },
    case(
        "a chat goes to an agent",
        'R',
        "transfer_chat",
        |on| {
            let target = json!({ "type": "agent", "ids": [on.agents[3].id()] });
            json!({ "id": on.chat.id, "target": target, "ignore_agents_availability": true })
        },
        &[
            ("user_removed_from_chat", "RMFACc"),
            ("user_added_to_chat", "RMFACc"),
            ("chat_transferred", "RMFACc"),
            ("incoming_event", "FACc"),
        ],
    ),
    Case {
        before: Before::Closed,
        ..case(
            "an agent resumes",
            'R',
            "resume_chat",
            |on| json!({ "chat": { "id": on.chat.id, "access": { "group_ids": [GROUP] } } }),
            &[("incoming_chat", "RMFACc")],
        )
    },
    Case {
        before: Before::Closed,
        ..case(
            "a message opens the next thread",
            'C',
            "send_event",
            |on| json!({ "chat_id": on.chat.id, "event": { "type": "message", "text": "x" } }),
            &[("incoming_chat", "RMFACc")],
        )
    },
    Case {
        before: Before::Closed,
        ..case(
            "an annotation opens nothing",
            'C',
            "send_event",
            |on| {
                let event = json!({ "type": "annotation", "annotation_type": "rating", "text": "good" });
                json!({ "chat_id": on.chat.id, "event": event })
            },
            &[("incoming_event", "FCc")],
        )
    },
    case(
        "an agent starts a chat with a customer",
        'R',
        "start_chat",
        |on| {
            let users = json!([{ "id": on.other_customer.id(), "type": "customer" }]);
            json!({ "chat": { "users": users, "access": { "group_ids": [GROUP] } } })
        },
        &[("incoming_chat", "RMFAD")],
    ),
    case(
        "a customer's profile",
        'C',
        "update_customer",
        |_| json!({ "name": "Ann" }),
        &[("customer_updated", "RMFCc")],
    ),
    case(
        "a thread is tagged",
        'R',
        "tag_thread",
        |on| json!({ "chat_id": on.chat.id, "thread_id": on.chat.thread_id, "tag": "x" }),
        &[("thread_tagged", "RMFA")],
    ),
    case(
        "a tag goes",
        'M',
        "untag_thread",
        |on| json!({ "chat_id": on.chat.id, "thread_id": on.chat.thread_id, "tag": "old" }),
        &[("thread_untagged", "RMFA")],
    ),
    case(
        "a customer presses a button",
        'C',
        "send_rich_message_postback",
        |on| press(on, "yes"),
        &[("incoming_rich_message_postback", "RMFCc")],
    ),
    case(
        "an agent previews",
        'R',
        "send_event_preview",
        |on| json!({ "chat_id": on.chat.id, "event": { "type": "message", "text": "I thi" } }),
        &[("incoming_event_preview", "Cc")],
    ),
    case(
        "an agent thinks",
        'R',
        "send_thinking_indicator",
        |on| json!({ "chat_id": on.chat.id, "title": "Looking" }),
        &[("incoming_thinking_indicator", "RMFCc")],
    ),
    case(
        "an agent thinks for agents",
        'R',
        "send_thinking_indicator",
        |on| json!({ "chat_id": on.chat.id, "visibility": "agents" }),
        &[("incoming_thinking_indicator", "RMF")],
    ),
    case(
        "a customer takes a message back",
        'C',
        "delete_event",
        |on| {
            let event = &on.chat.event_ids[0];
            json!({ "chat_id": on.chat.id, "thread_id": on.chat.thread_id, "event_id": event })
        },
        &[("event_deleted", "RMFCc")],
    ),
    case(
        "an agent changes a customer's name",
        'R',
        "update_customer",
        |on| json!({ "id": on.customer.id(), "name": "Ann" }),
        &[("customer_updated", "RMFCc"), ("incoming_event", "RMF")],
    ),
    case(
        "a customer's session fields",
        'C',
        "set_customer_session_fields",
        |_| json!({ "session_fields": [{ "cart": "3" }] }),
        &[("customer_updated", "RMFCc")],
    ),
    Case {
        ends: "Cc",
        ..case(
            "a customer is banned",
            'R',
            "ban_customer",
            |on| json!({ "id": on.customer.id(), "ban": { "days": 1 } }),
            &[
                ("chat_deactivated", "RMFA"),
                ("customer_banned", "RMF"),
                ("chat_properties_updated", "RMFA"),
                ("thread_properties_updated", "RMFA"),
                ("customer_disconnected", "Cc"),
                ("incoming_event", "RMF"),
            ],
        )
    },
    case(
        "a customer opens a page",
        'C',
        "update_customer_page",
        |_| json!({ "url": "https://shop.example/b", "title": "B" }),
        &[("customer_page_updated", "RMF"), ("customer_statistics_updated", "RMF")],
    ),
    Case {
        before: Before::Watched,
        ..case(
            "a watched customer opens a page",
            'C',
            "update_customer_page",
            |_| json!({ "url": "https://shop.example/b", "title": "B" }),
            &[("customer_page_updated", "RMFW"), ("customer_statistics_updated", "RMFW")],
        )
    },
    Case {
        before: Before::Unwatched,
        ..case(
            "a customer who was watched opens a page",
            'C',
            "update_customer_page",
            |_| json!({ "url": "https://shop.example/b", "title": "B" }),
            &[("customer_page_updated", "RMF"), ("customer_statistics_updated", "RMF")],
        )
    },
    Case {
        before: Before::Watched,
        ..case(
            "a watched customer's profile",
            'C',
            "update_customer",
            |_| json!({ "name": "Ann" }),
            &[("customer_updated", "RMFWCc")],
        )
    },
    Case {
        before: Before::Watched,
        ..case(
            "an agent changes a watched customer who chats with nobody",
            'R',
            "update_customer",
            |on| json!({ "id": on.other_customer.id(), "name": "Ann" }),
            &[("customer_updated", "WD")],
        )
    },
    Case {
        before: Before::Watched,
        ends: "D",
        ..case(
            "a watched customer is banned",
            'R',
            "ban_customer",
            |on| json!({ "id": on.other_customer.id(), "ban": { "days": 1 } }),
            &[("customer_banned", "W"), ("customer_disconnected", "D")],
        )
    },
    case("a subscription begins", 'W', "subscribe_customers", |_| json!({ "group_ids": [0] }), &[]),
    case(
        "news for every agent",
        'R',
        "multicast",
        |_| json!({ "recipients": { "agents": { "all": true } }, "content": 1 }),
        &[("incoming_multicast", "RMFAW")],
    ),
    case(
        "news for a group and an agent",
        'R',
        "multicast",
        |on| {
            let agents = json!({ "groups": [OTHER_GROUP], "ids": [on.agents[3].id()] });
            json!({ "recipients": { "agents": agents }, "content": "x", "type": "news" })
        },
        &[("incoming_multicast", "AW")],
    ),
    case(
        "a routing status",
        'M',
        "set_routing_status",
        |_| json!({ "status": "accepting_chats" }),
        &[("routing_status_set", "RMFAW")],
    ),
];

fn press(on: &Stage, button: &str) -> Value {
    let (chat, thread) = (&on.chat.id, &on.chat.thread_id);
    let postback = json!({ "id": button, "toggled": true });
    json!({ "chat_id": chat, "thread_id": thread, "event_id": on.question, "postback": postback })
}

fn of_event(on: &Stage, event: &str, properties: Value) -> Value {
    let (chat, thread) = (&on.chat.id, &on.chat.thread_id);
    json!({ "chat_id": chat, "thread_id": thread, "event_id": event, "properties": properties })
}
