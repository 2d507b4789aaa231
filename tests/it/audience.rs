//! Who gets which push: `tests/protocol/audience.md`, as a table of actions.
//!
//! Nine sessions look on, each with a letter:
//! `R` the agent who asks and is in the chat, `M` another agent in it, `F` a follower, `A` an agent with access,
//! `W` an agent without, `C` the customer, `c` the customer's second device, `D` another customer of the license,
//! `X` an agent of another license.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Chat, Session, TestAgent, TestCustomer, message, shared};

/// The group to which the chat is open.
const GROUP: i64 = 1;
/// The group of `W`.
const OTHER_GROUP: i64 = 2;

struct Stage {
    /// R, M, F, A, W in this order.
    agents: Vec<TestAgent>,
    customer: TestCustomer,
    device: TestCustomer,
    other_customer: TestCustomer,
    stranger: TestAgent,
    chat: Chat,
    /// A message of the agent, and a note that only agents may see.
    event: String,
    note: String,
    /// A rich message with the button `yes`.
    question: String,
}

/// What stands before the action.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Active,
    Closed,
    /// `W` has subscribed to the customers of group 0.
    Watched,
    /// `W` has, and has given it up again.
    Unwatched,
}

struct Case {
    name: &'static str,
    before: Before,
    /// `R`, `C`, `A`, `F` or `M`.
    by: char,
    action: &'static str,
    payload: fn(&Stage) -> Value,
    /// Push and the letters of those who get it, in the order of the letters.
    expected: &'static [(&'static str, &'static str)],
}

const fn case(
    name: &'static str,
    by: char,
    action: &'static str,
    payload: fn(&Stage) -> Value,
    expected: &'static [(&'static str, &'static str)],
) -> Case {
    Case { name, before: Before::Active, by, action, payload, expected }
}

/// Not compared in this table: places in the queue and statuses of groups follow later, by the router's own time.
const NOT_COMPARED: &[&str] = &["queue_positions_updated", "queue_position_updated", "groups_status_updated"];

const CASES: &[Case] = &[
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
        &[("incoming_thinking_indicator", "MFCc")],
    ),
    case(
        "an agent thinks for agents",
        'R',
        "send_thinking_indicator",
        |on| json!({ "chat_id": on.chat.id, "visibility": "agents" }),
        &[("incoming_thinking_indicator", "MF")],
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
    case(
        "a customer is banned",
        'R',
        "ban_customer",
        |on| json!({ "id": on.customer.id(), "ban": { "days": 1 } }),
        &[
            // The customer is out before the chat is closed.
            ("chat_deactivated", "RMFA"),
            ("customer_banned", "RMF"),
            ("chat_properties_updated", "RMFA"),
            ("thread_properties_updated", "RMFA"),
            ("customer_disconnected", "Cc"),
            ("incoming_event", "RMF"),
        ],
    ),
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

impl Stage {
    async fn set() -> Self {
        let (license, other_license) = (shared().await.license(), shared().await.license());
        let mut agents = Vec::new();
        for number in [2, 1, 3, 5, 4] {
            agents.push(license.agent(number).logs_in_away().await);
        }
        let login = license.customer().await;
        let (customer, device) = (login.logs_in().await, login.logs_in().await);
        let other_customer = license.customer().await.logs_in().await;
        let chat = customer.starts_chat_in(GROUP, "hello").await;
        let properties = json!({ "test": { "int_property": 0 } });
        customer.call("update_chat_properties", json!({ "id": chat.id, "properties": properties })).await;
        agents[0].joins(&chat).await;
        agents[1].joins(&chat).await;
        agents[2].call("follow_chat", json!({ "id": chat.id })).await;
        let event = agents[0].says(&chat, "hi").await;
        let note = agents[0]
            .sends(&chat, json!({ "type": "message", "text": "a note", "visibility": "agents" }))
            .await;
        let button = json!({ "text": "Yes", "postback_id": "yes", "user_ids": [] });
        let rich =
            json!({ "type": "rich_message", "template_id": "cards", "elements": [{ "buttons": [button] }] });
        let question = agents[0].sends(&chat, rich).await;
        let tag = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "tag": "old" });
        agents[0].call("tag_thread", tag).await;
        let stranger = other_license.agent(1).logs_in_away().await;
        Self { agents, customer, device, other_customer, stranger, chat, event, note, question }
    }

    fn sessions(&self) -> Vec<(char, &Session)> {
        let agents = "RMFAW".chars().zip(self.agents.iter().map(|agent| &agent.session));
        let others = [
            ('C', &self.customer.session),
            ('c', &self.device.session),
            ('D', &self.other_customer.session),
            ('X', &self.stranger.session),
        ];
        agents.chain(others).collect()
    }

    fn session(&self, letter: char) -> &Session {
        let found = self.sessions().into_iter().find(|(of, _)| *of == letter);
        found.map(|(_, session)| session).expect("a letter of the stage")
    }
}

async fn play(case: &Case) -> Result<(), String> {
    let on = Stage::set().await;
    if case.before == Before::Closed {
        on.customer.deactivates(&on.chat).await;
    }
    let barrier = on.session('R');
    if matches!(case.before, Before::Watched | Before::Unwatched) {
        let watcher = on.session('W');
        let answer = watcher.call("subscribe_customers", json!({ "group_ids": [0] })).await;
        if case.before == Before::Unwatched {
            let subscription = json!({ "subscription_id": answer["subscription_id"] });
            watcher.call("unsubscribe_customers", subscription).await;
        }
    }
    barrier.call("get_chat", json!({ "chat_id": on.chat.id })).await;
    for (_, session) in on.sessions() {
        session.forget_pushes().await;
    }
    let answer = on.session(case.by).call(case.action, (case.payload)(&on)).await;
    // A chat tells everybody before it does the next thing; so does a router. A chat that has just been started answers
    // first and then tells.
    if let Some(started) = answer["chat_id"].as_str() {
        barrier.call("get_chat", json!({ "chat_id": started })).await;
    }
    let still_seen = barrier.ask("get_chat", json!({ "chat_id": on.chat.id })).await.is_ok();
    if !still_seen {
        on.session('W').call("get_chat", json!({ "chat_id": on.chat.id })).await;
    }
    barrier.call("list_routing_statuses", json!({})).await;
    let mut came: BTreeMap<String, String> = BTreeMap::new();
    for (letter, session) in on.sessions() {
        session.settle_if_open().await;
        let mut actions = session.fresh_actions();
        actions.retain(|action| !NOT_COMPARED.contains(&action.as_str()));
        actions.sort();
        actions.dedup();
        for action in actions {
            came.entry(action).or_default().push(letter);
        }
    }
    let expected: BTreeMap<String, String> =
        case.expected.iter().map(|(push, letters)| ((*push).to_owned(), (*letters).to_owned())).collect();
    if came == expected {
        Ok(())
    } else {
        Err(format!("{}:\n  expected {expected:?}\n  came     {came:?}", case.name))
    }
}

#[tokio::test]
async fn every_push_reaches_its_audience_and_nobody_else() {
    let mut wrong = Vec::new();
    println!("{:<42}{:<28}pushes", "action", "method");
    for case in CASES {
        println!("{:<42}{:<28}{:?}", case.name, case.action, case.expected);
        if let Err(found) = play(case).await {
            wrong.push(found);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
