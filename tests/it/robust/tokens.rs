//! Tokens that are forged, of the wrong kind or of somebody else; ids of another license.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::door::Door;
use super::vitals::serves_a_chat;
use crate::support::{Plan, Session, TestNode};

/// A token that lets nobody in, on neither transport.
async fn is_refused(door: &Door, session: &Session, path: &str, what: &str, token: &str) {
    let error = session.refused("login", json!({ "token": token })).await;
    assert_eq!(error.kind, "authentication", "{what}: {error:?}");
    let came = door.request("POST", path, &format!("Authorization: {token}\r\n"), b"{}").await;
    assert_eq!((came.status(), came.error().as_str()), (401, "authentication"), "{what}: {}", came.text());
}

fn changed(token: &str) -> String {
    let (head, last) = token.split_at(token.len() - 1);
    format!("{head}{}", if last == "A" { "B" } else { "A" })
}

#[tokio::test]
async fn forged_agents_tokens_let_nobody_in() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    let license = node.license();
    let agent = license.agent(1);
    let customer = license.customer().await;
    let path = "/v3.6/agent/action/list_chats";
    let session = agent.connects().await;
    let middle = agent.token.len() / 2;
    let mut turned = agent.token.clone().into_bytes();
    turned[middle] = if turned[middle] == b'x' { b'y' } else { b'x' };
    let cases = [
        ("nothing", "Bearer ".to_owned()),
        ("a word", "Bearer nonsense".to_owned()),
        ("a changed end", changed(&agent.token)),
        ("a changed middle", String::from_utf8(turned).expect("text")),
        ("a part", agent.token[..agent.token.len() - 5].to_owned()),
        ("more", format!("{}x", agent.token)),
        ("two", format!("{} {}", agent.token, agent.token)),
        ("another scheme", agent.token.replacen("Bearer", "Digest", 1)),
        ("a bearer as basic", agent.token.replacen("Bearer", "Basic", 1)),
        ("a changed PAT", changed(&agent.pat)),
        ("a PAT as bearer", agent.pat.replacen("Basic", "Bearer", 1)),
        ("broken base64", "Basic ====".to_owned()),
        ("a customer's", customer.token.clone()),
    ];
    for (what, token) in &cases {
        is_refused(&door, &session, path, what, token).await;
    }
    let long = session.refused("login", json!({ "token": format!("Bearer {}", "x".repeat(50_000)) })).await;
    assert_eq!(long.kind, "validation", "no token is that long");
    let none = door.request("POST", path, "", b"{}").await;
    assert_eq!((none.status(), none.error().as_str()), (401, "authentication"));
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn forged_customers_tokens_let_nobody_in() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    let (license, other) = (node.license(), node.license());
    let (customer, stranger) = (license.customer().await, other.customer().await);
    let path = format!("/v3.6/customer/action/list_chats?organization_id={}", license.organization());
    let session = customer.connects().await;
    let jwt = customer.token.trim_start_matches("Bearer ");
    let [head, body, signature] = jwt.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let open = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
    };
    let algorithm = |name: &str| {
        let mut head = open(head);
        head["alg"] = json!(name);
        encode(&head)
    };
    let mut of_stranger = open(body);
    for key in of_stranger.clone().as_object().expect("claims").keys() {
        if of_stranger[key] == customer.id.as_str() {
            of_stranger[key] = json!(stranger.id);
        }
    }
    assert_ne!(of_stranger, open(body), "the claims name the customer");
    let mut longer = open(body);
    longer["exp"] = json!(longer["exp"].as_i64().expect("an end") + 1_000_000);
    let foreign: Vec<&str> = stranger.token.trim_start_matches("Bearer ").split('.').collect();
    let cases = [
        ("a word", "Bearer nonsense".to_owned()),
        ("a changed signature", changed(&customer.token[..customer.token.len() - 3])),
        ("no signature", format!("Bearer {head}.{body}.")),
        ("two parts", format!("Bearer {head}.{body}")),
        ("algorithm none", format!("Bearer {}.{body}.", algorithm("none"))),
        ("algorithm none, signed", format!("Bearer {}.{body}.{signature}", algorithm("none"))),
        ("algorithm NONE", format!("Bearer {}.{body}.", algorithm("NONE"))),
        ("another algorithm", format!("Bearer {}.{body}.{signature}", algorithm("HS512"))),
        ("a public key's algorithm", format!("Bearer {}.{body}.{signature}", algorithm("RS256"))),
        ("another customer", format!("Bearer {head}.{}.{signature}", encode(&of_stranger))),
        ("a longer life", format!("Bearer {head}.{}.{signature}", encode(&longer))),
        ("a signature of another", format!("Bearer {head}.{body}.{}", foreign[2])),
        ("a customer's of another license", stranger.token.clone()),
        ("an agent's", license.agent(1).token),
        ("an agent's PAT", license.agent(1).pat),
    ];
    for (what, token) in &cases {
        is_refused(&door, &session, &path, what, token).await;
    }
    session.call("login", json!({ "token": customer.token })).await;
    serves_a_chat(&node).await;
}

/// Somebody who guesses ids of another license learns nothing, not even that they exist.
#[tokio::test]
async fn ids_of_another_license_are_answered_like_ids_that_do_not_exist() {
    let settings = [("limits.session_rate", "off")];
    let node = TestNode::with(&settings, Plan { licenses: 3, ..Plan::default() }).await;
    let door = Door::of(node.link());
    let (license, other) = (node.license(), node.license());
    let them = other.customer().await.logs_in().await;
    let theirs = them.starts_chat("a secret").await;
    let their_agent = other.agent(1).logs_in_away().await;
    their_agent.joins(&theirs).await;
    let event = their_agent.says(&theirs, "another").await;
    let before = their_agent.reads(&theirs).await;
    let (agent, customer) = (license.agent(1), license.customer().await);
    let own = customer.logs_in().await.starts_chat("mine").await;
    let made_up = |id: &str| -> String {
        let turn =
            |c: char| if c.is_ascii_digit() { char::from(b'0' + (c as u8 - b'0' + 1) % 10) } else { c };
        id.chars().map(turn).collect::<String>().replacen(|c: char| c.is_ascii_uppercase(), "9", 2)
    };
    let chats = [theirs.id.clone(), made_up(&theirs.id)];
    let threads = [theirs.thread_id.clone(), made_up(&theirs.thread_id)];
    let events = [event.clone(), format!("{}_2", threads[1])];
    let customers = [them.id().to_owned(), "11111111-2222-4333-8444-555555555555".to_owned()];
    let properties = json!({ "test": { "int_property": 7 } });
    let names = json!({ "test": ["int_property"] });
    let call = |n: usize| -> Vec<(&str, &str, Value)> {
        let (chat, thread, event) = (&chats[n], &threads[n], &events[n]);
        let send = json!({ "chat_id": chat, "event": { "type": "message", "text": "x" } });
        let seen = json!({ "chat_id": chat, "seen_up_to": "2100-01-01T00:00:00.000000Z" });
        let typing = json!({ "chat_id": chat, "is_typing": true });
        let of_thread = json!({ "chat_id": chat, "thread_id": thread, "properties": properties });
        let of_event =
            json!({ "chat_id": chat, "thread_id": thread, "event_id": event, "properties": properties });
        let own_with_thread = json!({ "chat_id": own.id, "thread_id": thread, "properties": properties });
        let own_with_event =
            json!({ "chat_id": own.id, "thread_id": thread, "event_id": event, "properties": properties });
        let add = |user: &str, kind: &str, chat: &str| json!({ "chat_id": chat, "user_id": user, "user_type": kind, "visibility": "all" });
        let mut calls = Vec::new();
        for surface in ["agent", "customer"] {
            let both = [
                ("get_chat", json!({ "chat_id": chat })),
                ("get_chat", json!({ "chat_id": chat, "thread_id": thread })),
                ("get_chat", json!({ "chat_id": own.id, "thread_id": thread })),
                ("list_threads", json!({ "chat_id": chat })),
                ("send_event", send.clone()),
                ("resume_chat", json!({ "chat": { "id": chat } })),
                ("deactivate_chat", json!({ "id": chat })),
                ("mark_events_as_seen", seen.clone()),
                ("send_typing_indicator", typing.clone()),
                ("update_chat_properties", json!({ "id": chat, "properties": properties })),
                ("delete_chat_properties", json!({ "id": chat, "properties": names })),
                ("update_thread_properties", of_thread.clone()),
                ("update_thread_properties", own_with_thread.clone()),
                ("update_event_properties", of_event.clone()),
                ("update_event_properties", own_with_event.clone()),
            ];
            calls.extend(both.into_iter().map(|(action, payload)| (surface, action, payload)));
        }
        let transfer = json!({ "id": chat, "target": { "type": "group", "ids": [0] } });
        let remove = json!({ "chat_id": chat, "user_id": agent.id, "user_type": "agent" });
        calls.extend([
            ("agent", "follow_chat", json!({ "id": chat })),
            ("agent", "unfollow_chat", json!({ "id": chat })),
            ("agent", "transfer_chat", transfer),
            ("agent", "add_user_to_chat", add(&agent.id, "agent", chat)),
            ("agent", "add_user_to_chat", add(&customers[n], "customer", &own.id)),
            ("agent", "remove_user_from_chat", remove),
            ("customer", "send_sneak_peek", json!({ "chat_id": chat, "sneak_peek_text": "x" })),
        ]);
        let users = json!([{ "id": customers[n], "type": "customer" }]);
        calls.push(("agent", "start_chat", json!({ "chat": { "users": users } })));
        calls
    };
    for ((surface, action, real), (_, _, unreal)) in call(0).into_iter().zip(call(1)) {
        let (token, query) = match surface {
            "agent" => (&agent.token, String::new()),
            _ => (&customer.token, format!("?organization_id={}", license.organization())),
        };
        let path = format!("/v3.6/{surface}/action/{action}{query}");
        let headers = format!("Authorization: {token}\r\n");
        let mut bodies = Vec::new();
        for payload in [&real, &unreal] {
            let came = door.request("POST", &path, &headers, payload.to_string().as_bytes()).await;
            assert!(came.status() >= 400, "{surface} {action} {payload}: {}", came.text());
            let mut body = came.body();
            for ids in [&chats, &threads, &events, &customers] {
                for id in ids {
                    body = body.replace(id, "<id>");
                }
            }
            bodies.push((came.status(), body));
        }
        assert_eq!(bodies[0], bodies[1], "{surface} {action} {real}");
    }
    assert_eq!(their_agent.reads(&theirs).await, before, "nothing of theirs was touched");
    serves_a_chat(&node).await;
}

/// A token that is taken back is looked for among all sessions: as little for nothing as a login.
#[tokio::test]
async fn an_address_that_asks_after_tokens_too_often_is_held_back() {
    let node = TestNode::start(&[("limits.ip_login_rate", "1/s burst 1")]).await;
    let door = Door::of(node.link());
    for (method, path) in [("DELETE", "/v2/customer/token"), ("GET", "/v2/customer/info")] {
        let mut told = Vec::new();
        for _ in 0..10 {
            let came = door.request(method, path, "Authorization: Bearer x\r\n", b"").await;
            told.push(came.error());
        }
        assert!(told.iter().any(|error| error == "too_many_requests"), "{method} {path}: {told:?}");
    }
}
