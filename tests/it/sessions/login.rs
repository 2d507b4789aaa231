//! `login` and `logout`.

use serde_json::json;
use uuid::Uuid;

use crate::support::{Session, TestNode, eventually, shared};

#[tokio::test]
async fn a_customer_and_an_agent_talk() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let push = agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    assert_eq!(push["chat"]["thread"]["id"], *chat.thread_id);
    let event = agent.says(&chat, "how can I help?").await;
    customer.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
    let event = customer.says(&chat, "like this").await;
    agent.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
}

#[tokio::test]
async fn the_login_of_an_agent_says_who_they_are_and_what_chats_there_are() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("anybody?").await;
    let agent = license.agent(2).logs_in_away().await;
    assert_eq!(agent.login["my_profile"]["id"], "agent2@example.com");
    assert_eq!(agent.login["my_profile"]["routing_status"], "not_accepting_chats");
    assert_eq!(agent.login["license"]["organization_id"], license.organization());
    assert_eq!(agent.login["chats_summary"][0]["id"], *chat.id);
}

#[tokio::test]
async fn the_login_of_a_customer_says_what_chats_they_have() {
    let license = shared().await.license();
    let customer = license.customer().await;
    let first = customer.logs_in().await;
    assert_eq!(first.login["customer"]["id"], *customer.id);
    assert_eq!(first.login["has_active_thread"], false);
    assert_eq!(first.login["chats"], json!([]));
    let chat = first.starts_chat("hello").await;
    let second = customer.logs_in().await;
    assert_eq!(second.login["has_active_thread"], true);
    assert_eq!(second.login["chats"][0]["chat_id"], *chat.id);
    assert_eq!(second.login["chats"][0]["has_unread_events"], false);
}

#[tokio::test]
async fn a_login_of_a_customer_takes_over_their_profile() {
    let license = shared().await.license();
    let profile = json!({
        "name": "Ann", "email": "ann@example.com", "session_fields": [{ "cart": "3" }], "avatar": "https://x.example/a.png",
    });
    let customer = license.customer().await.logs_in_with(json!({ "customer": profile })).await;
    let read = customer.call("get_customer", json!({})).await;
    for (field, value) in profile.as_object().expect("an object") {
        assert_eq!(read[field], *value);
    }
}

#[tokio::test]
async fn an_agent_logs_in_with_a_personal_access_token_too() {
    let license = shared().await.license();
    let agent = license.agent(3);
    let session = agent.connects().await;
    let login = session.call("login", json!({ "token": agent.pat })).await;
    assert_eq!(login["my_profile"]["id"], *agent.id);
}

#[tokio::test]
async fn a_login_with_a_bad_token_is_refused_and_can_be_tried_again() {
    let license = shared().await.license();
    let agent = license.agent(1);
    let session = agent.connects().await;
    for token in ["Bearer", "Bearer x", "nonsense", "Basic eDp5", "Bearer \u{1}"] {
        let error = session.refused("login", json!({ "token": token })).await;
        assert_eq!(error.kind, "authentication", "{token:?}");
    }
    session.call("login", json!({ "token": agent.token })).await;
}

#[tokio::test]
async fn a_token_of_one_surface_is_none_on_the_other() {
    let license = shared().await.license();
    let (agent, customer) = (license.agent(1), license.customer().await);
    let session = agent.connects().await;
    let error = session.refused("login", json!({ "token": customer.token })).await;
    assert_eq!(error.kind, "authentication");
    let session = customer.connects().await;
    let error = session.refused("login", json!({ "token": agent.token })).await;
    assert_eq!(error.kind, "authentication");
}

#[tokio::test]
async fn a_customers_token_is_none_in_another_organization() {
    let (license, other) = (shared().await.license(), shared().await.license());
    let customer = license.customer().await;
    for organization in [other.organization(), Uuid::new_v4().to_string()] {
        let query = format!("?organization_id={organization}");
        let session = Session::open("customer", "stray", &customer.link, &query).await;
        let error = session.refused("login", json!({ "token": customer.token })).await;
        assert_eq!(error.kind, "authentication");
    }
}

#[tokio::test]
async fn methods_before_the_login_are_refused() {
    let license = shared().await.license();
    let agent = license.agent(1).connects().await;
    let customer = license.customer().await.connects().await;
    for session in [&agent, &customer] {
        for (action, payload) in [
            ("list_chats", json!({})),
            ("get_chat", json!({ "chat_id": "X" })),
            ("start_chat", json!({})),
            ("send_event", json!({})),
        ] {
            let error = session.refused(action, payload).await;
            assert_eq!(error.kind, "authentication", "{action}");
        }
        session.call("ping", json!({})).await;
    }
}

#[tokio::test]
async fn a_second_login_on_the_same_connection_is_refused_and_changes_nothing() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let error = agent.refused("login", json!({ "token": license.agent(2).token })).await;
    assert_eq!(error.kind, "validation");
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let push = agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    assert!(
        push["chat"]["users"]
            .as_array()
            .is_some_and(|users| users.iter().any(|user| user["id"] == agent.id()))
    );
}

#[tokio::test]
async fn every_session_of_a_user_gets_the_pushes() {
    let license = shared().await.license();
    let (first, second) = (license.agent(1).logs_in().await, license.agent(1).logs_in().await);
    let login = license.customer().await;
    let (desk, phone) = (login.logs_in().await, login.logs_in().await);
    let chat = desk.starts_chat("hello").await;
    for session in [&first.session, &second.session, &phone.session] {
        session.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    }
    let event = phone.says(&chat, "from the phone").await;
    desk.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
}

#[tokio::test]
async fn a_logout_is_answered_and_ends_the_connection() {
    let license = shared().await.license();
    let (leaving, watching) = (license.agent(1).logs_in().await, license.agent(2).logs_in_away().await);
    watching.forget_pushes().await;
    leaving.call("logout", json!({})).await;
    leaving.closed().await;
    watching
        .expect_push("routing_status_set", |push| {
            push["agent_id"] == leaving.id() && push["status"] == "offline"
        })
        .await;
}

#[tokio::test]
async fn another_version_than_the_paths_is_refused() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    for version in ["3.5", "3.1", "4.0", "x", ""] {
        let id = format!("v{version}");
        let frame = json!({ "request_id": id, "version": version, "action": "list_chats", "payload": {} });
        agent.send_text(frame.to_string());
        let error = agent.answer(&id).await.expect_err("another version");
        assert_eq!(error.kind, "unsupported_version", "{version}");
    }
    agent.send_text(json!({ "request_id": "same", "version": "3.6", "action": "list_chats" }).to_string());
    agent.answer("same").await.expect("the same version");
}

#[tokio::test]
async fn an_unknown_action_is_refused() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    for action in ["explode", "send_sneak_peek", "LIST_CHATS", "list_chats ", "update_customer_page"] {
        agent.refused(action, json!({})).await;
        if action != "send_sneak_peek" {
            customer.refused(action, json!({})).await;
        }
    }
    assert_eq!(customer.refused("follow_chat", json!({ "id": "X" })).await.kind, "validation");
}

/// As public clients send it: the version beside the action, tokens of both schemes.
#[tokio::test]
async fn a_login_may_name_the_version_of_its_path() {
    let license = shared().await.license();
    let agent = license.agent(1);
    for token in [&agent.token, &agent.pat] {
        let session = agent.connects().await;
        let payload = json!({ "token": token, "pushes": { "3.6": ["incoming_chat"] } });
        let frame = json!({ "request_id": "l", "version": "3.6", "action": "login", "payload": payload });
        session.send_text(frame.to_string());
        session.answer("l").await.expect("a login");
    }
    let session = agent.connects().await;
    let payload = json!({ "token": agent.token });
    let frame = json!({ "request_id": "l", "version": "3.5", "action": "login", "payload": payload });
    session.send_text(frame.to_string());
    assert_eq!(session.answer("l").await.expect_err("another version").kind, "unsupported_version");
}

#[tokio::test]
async fn more_connections_than_a_node_takes_at_once_are_refused_until_later() {
    let node = TestNode::start(&[("limits.connect_rate", "1/s burst 3")]).await;
    let url = format!("{}/v3.6/agent/rtm/ws", node.base());
    // Not an upgrade: whoever is let in is told so.
    let connects = async || reqwest::get(&url).await.expect("an answer").status().as_u16();
    let all = futures_util::future::join_all((0..60).map(|_| connects())).await;
    let of = |status| all.iter().filter(|one| **one == status).count();
    // Sixty of them would take a minute.
    assert!(of(400) >= 3 && of(429) > 0 && of(400) + of(429) == 60, "{all:?}");
    eventually("somebody is let in again", async || match connects().await {
        400 => Ok(()),
        status => Err(status.to_string()),
    })
    .await;
}
