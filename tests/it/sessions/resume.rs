//! `resume` in `login` (`docs/resume.md`): a session that comes back is told what it missed, once and in order.

use serde_json::{Value, json};

use crate::support::{
    AgentLogin, Chat, CustomerLogin, Push, Session, TestCustomer, TestLicense, TestNode, message, shared,
};

/// What a push is about, as far as one that is told again has to say the same: who closed a chat is not stored.
fn gist(push: &Push) -> String {
    let about = [
        &push.payload["event"]["id"],
        &push.payload["event_id"],
        if push.action == "chat_deactivated" { &Value::Null } else { &push.payload["user_id"] },
        &push.payload["user"]["id"],
        &push.payload["chat"]["thread"]["id"],
        &push.payload["tag"],
        &push.payload["properties"],
    ];
    about
        .iter()
        .filter(|value| !value.is_null())
        .fold(push.action.clone(), |gist, value| format!("{gist} {value}"))
}

/// The pushes that stand in chats' logs, with what follows from each by its token.
fn stored(session: &Session) -> Vec<(String, String)> {
    session.pushes().iter().filter_map(|push| Some((push.resume.clone()?, gist(push)))).collect()
}

fn token_of(login: &Value, status: &str) -> String {
    assert_eq!(login["resume"]["status"], status, "{login}");
    login["resume"]["token"].as_str().expect("a token").to_owned()
}

fn reason(login: &Value) -> &str {
    assert_eq!(login["resume"]["status"], "resync", "{login}");
    login["resume"]["reason"].as_str().expect("a reason")
}

/// A bit of everything that is told of chats: threads that begin and end, people who come and go, messages that are for
/// everybody and such as are not, labels, properties, postbacks, deletions.
async fn live(license: &TestLicense, customer: &TestCustomer, witness: Option<&str>) {
    let (agent, other) = (license.agent(1).logs_in_away().await, license.agent(2).logs_in_away().await);
    let chat = customer.starts_chat("hello").await;
    agent.joins(&chat).await;
    if let Some(witness) = witness {
        agent.adds(&chat, witness, "agent", "all").await;
    }
    let question = customer.says(&chat, "is anybody there?").await;
    let mut whisper = message("not for customers");
    whisper["visibility"] = json!("agents");
    agent.sends(&chat, whisper).await;
    agent.says(&chat, "yes").await;
    let (id, thread) = (&chat.id, &chat.thread_id);
    agent.call("tag_thread", json!({ "chat_id": id, "thread_id": thread, "tag": "sales" })).await;
    agent.call("untag_thread", json!({ "chat_id": id, "thread_id": thread, "tag": "sales" })).await;
    let properties = json!({ "test": { "int_property": 7 } });
    agent.call("update_chat_properties", json!({ "id": id, "properties": properties })).await;
    agent.adds(&chat, other.id(), "agent", "all").await;
    other.says(&chat, "me, too").await;
    customer.call("delete_event", json!({ "chat_id": id, "thread_id": thread, "event_id": question })).await;
    agent
        .call("remove_user_from_chat", json!({ "chat_id": id, "user_id": other.id(), "user_type": "agent" }))
        .await;
    agent.deactivates(&chat).await;
    let next = customer.resumes(&chat).await;
    agent.joins(&next).await;
    if let Some(witness) = witness {
        agent.adds(&next, witness, "agent", "all").await;
    }
    customer.says(&next, "one more thing").await;
    // What happens to the thread before is told like everything else.
    agent.call("tag_thread", json!({ "chat_id": id, "thread_id": thread, "tag": "late" })).await;
    let mut late =
        json!({ "chat_id": id, "thread_id": thread, "properties": { "test": { "int_property": 8 } } });
    agent.call("update_thread_properties", late.clone()).await;
    late["event_id"] = json!(chat.event_ids[0]);
    agent.call("update_event_properties", late.clone()).await;
    late["properties"] = json!({ "test": ["int_property"] });
    customer.call("delete_event_properties", late.clone()).await;
    customer.call("delete_event", late).await;
    customer.deactivates(&next).await;
    // A chat tells what happened in it before it answers anything else.
    agent.call("get_chat", json!({ "chat_id": id })).await;
}

/// Logs in again from every token of a session: each time what came after it comes, and nothing else.
async fn goes_on_from_everywhere(
    first: &str,
    told: &[(String, String)],
    logs_in: impl AsyncFn(&str) -> (Value, Vec<(String, String)>),
) {
    let gists: Vec<&String> = told.iter().map(|(_, gist)| gist).collect();
    assert!(gists.len() > 10, "{gists:#?}");
    let tokens = [first].into_iter().chain(told.iter().map(|(token, _)| token.as_str()));
    for (count, token) in tokens.enumerate() {
        let (login, again) = logs_in(token).await;
        token_of(&login, "resumed");
        let again: Vec<&String> = again.iter().map(|(_, gist)| gist).collect();
        assert_eq!(again, gists[count..], "after {count} pushes");
    }
}

#[tokio::test]
async fn an_agent_is_told_what_came_after_any_push_once_and_in_order() {
    let license = shared().await.license();
    let who = license.agent(3);
    let session = who.logs_in_with(json!({ "away": true, "resume": "" })).await;
    let first = token_of(&session.login, "started");
    let customer = license.customer().await.logs_in().await;
    live(&license, &customer, Some(&who.id)).await;
    session.settle().await;
    goes_on_from_everywhere(&first, &stored(&session), async |token| {
        let again = who.logs_in_with(json!({ "away": true, "resume": token })).await;
        again.settle().await;
        (again.login.clone(), stored(&again))
    })
    .await;
}

#[tokio::test]
async fn a_customer_is_told_what_came_after_any_push_once_and_in_order() {
    let license = shared().await.license();
    let who = license.customer().await;
    let session = who.logs_in_with(json!({ "resume": "" })).await;
    let first = token_of(&session.login, "started");
    live(&license, &session, None).await;
    session.settle().await;
    let told = stored(&session);
    assert!(session.pushes().iter().all(|push| !push.payload.to_string().contains("not for customers")));
    goes_on_from_everywhere(&first, &told, async |token| {
        let again = who.logs_in_with(json!({ "resume": token })).await;
        again.settle().await;
        assert!(again.pushes().iter().all(|push| !push.payload.to_string().contains("not for customers")));
        (again.login.clone(), stored(&again))
    })
    .await;
}

/// Somebody who is connected, and goes on from the last push.
struct Follower {
    who: AgentLogin,
    token: String,
}

impl Follower {
    /// What they are told until a message comes, in order, with the message.
    async fn hears_until(&mut self, text: &str) -> Vec<String> {
        let session = self.who.logs_in_with(json!({ "away": true, "resume": self.token })).await;
        self.token = token_of(&session.login, "resumed");
        session.expect_push("incoming_event", |push| push["event"]["text"] == text).await;
        let pushes = session.pushes();
        let texts = pushes.iter().filter_map(|push| push.payload["event"]["text"].as_str());
        let texts = texts.map(str::to_owned).collect();
        if let Some(token) = pushes.iter().rev().find_map(|push| push.resume.clone()) {
            self.token = token;
        }
        texts
    }
}

#[tokio::test]
async fn who_comes_and_goes_while_others_write_hears_each_message_once() {
    const MESSAGES: usize = 60;
    let license = shared().await.license();
    let who = license.agent(1);
    let session = who.logs_in_with(json!({ "resume": "" })).await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("number 0").await;
    session.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    let last = session.pushes().iter().rev().find_map(|push| push.resume.clone());
    let mut follower = Follower { who, token: last.expect("a token") };
    let writes = async {
        for number in 1..=MESSAGES {
            customer.says(&chat, &format!("number {number}")).await;
        }
    };
    let listens = async {
        let mut heard = Vec::new();
        for number in (5..=MESSAGES).step_by(5) {
            heard.extend(follower.hears_until(&format!("number {number}")).await);
        }
        heard
    };
    let ((), heard) = tokio::join!(writes, listens);
    let expected: Vec<String> = (1..=MESSAGES).map(|number| format!("number {number}")).collect();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn another_run_of_the_server_tells_what_was_missed() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let (who, visitor) = (license.agent(1), license.customer().await);
    let session = who.logs_in_with(json!({ "away": true, "resume": "" })).await;
    let customer = visitor.logs_in_with(json!({ "resume": "" })).await;
    let chat = customer.starts_chat("before").await;
    session.joins(&chat).await;
    session.settle().await;
    customer.settle().await;
    let last = |session: &Session| session.pushes().iter().rev().find_map(|push| push.resume.clone());
    let (agents, customers) = (last(&session).expect("a token"), last(&customer).expect("a token"));
    drop((session, customer));
    let web = visitor.web();
    let says = async |chat: &Chat, text: &str| {
        let event = json!({ "chat_id": chat.id, "event": message(text) });
        web.call("send_event", event).await;
    };
    says(&chat, "missed before the restart").await;
    node.kill().await;
    node.launch().await;
    says(&chat, "missed after the restart").await;
    web.call("deactivate_chat", json!({ "id": chat.id })).await;
    let texts = |session: &Session| -> Vec<String> {
        let pushes = session.pushes();
        let text = |push: &Push| match push.action.as_str() {
            "incoming_event" => push.payload["event"]["text"].as_str().map(str::to_owned),
            "chat_deactivated" => Some("closed".to_owned()),
            _ => None,
        };
        pushes.iter().filter_map(text).collect()
    };
    let agent = who.logs_in_with(json!({ "away": true, "resume": agents })).await;
    let customer = visitor.logs_in_with(json!({ "resume": customers })).await;
    for session in [&agent.session, &customer.session] {
        session.settle().await;
        let texts = texts(session);
        let said: Vec<&str> =
            texts.iter().map(String::as_str).filter(|text| !text.contains("archived")).collect();
        assert_eq!(said.first(), Some(&"missed before the restart"), "{said:?}");
        assert_eq!(said.get(1), Some(&"missed after the restart"), "{said:?}");
        assert_eq!(said.iter().filter(|text| **text == "closed").count(), 1, "{said:?}");
    }
    token_of(&agent.login, "resumed");
    token_of(&customer.login, "resumed");
}

#[tokio::test]
async fn a_token_that_is_not_the_users_own_says_resync_and_the_session_goes_on_from_now() {
    let (license, other) = (shared().await.license(), shared().await.license());
    let who = license.agent(2);
    let begin = json!({ "away": true, "resume": "" });
    let own = token_of(&who.logs_in_with(begin.clone()).await.login, "started");
    let colleagues = token_of(&license.agent(3).logs_in_with(begin.clone()).await.login, "started");
    let strangers = token_of(&other.agent(2).logs_in_with(begin).await.login, "started");
    let visitor: CustomerLogin = license.customer().await;
    let visitors = token_of(&visitor.logs_in_with(json!({ "resume": "" })).await.login, "started");
    let middle = own.len() / 2;
    let swapped = if &own[middle..=middle] == "A" { "B" } else { "A" };
    let tampered = format!("{}{swapped}{}", &own[..middle], &own[middle + 1..]);
    for token in ["x", &tampered, &own[1..], &colleagues, &strangers, &visitors] {
        let session = who.logs_in_with(json!({ "away": true, "resume": token })).await;
        assert_eq!(reason(&session.login), "unknown_token");
    }
    let customer = visitor.logs_in_with(json!({ "resume": own })).await;
    assert_eq!(reason(&customer.login), "unknown_token");
    // From the new token on it goes as ever.
    let session = who.logs_in_with(json!({ "away": true, "resume": "x" })).await;
    let fresh = session.login["resume"]["token"].as_str().expect("a token").to_owned();
    let chat = customer.starts_chat("hello").await;
    let again = who.logs_in_with(json!({ "away": true, "resume": fresh })).await;
    again.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    token_of(&again.login, "resumed");
}

#[tokio::test]
async fn who_may_see_something_else_now_reads_anew() {
    let license = shared().await.license();
    let session = license.agent(2).logs_in_with(json!({ "resume": "" })).await;
    let token = token_of(&session.login, "started");
    let blind = license.agent_without_scopes().logs_in_with(json!({ "resume": token })).await;
    assert_eq!(reason(&blind.login), "access_changed");
    // A session that was given another token goes on as what it is then.
    let scopeless = license.agent_without_scopes().token;
    session.call("update_session", json!({ "token": scopeless })).await;
    let back = license.agent(2).logs_in_with(json!({ "resume": token })).await;
    token_of(&back.login, "resumed");
}

#[tokio::test]
async fn who_missed_too_much_reads_anew_and_is_told_what_comes() {
    let license = shared().await.license();
    let who = license.agent(1);
    let session = who.logs_in_with(json!({ "resume": "" })).await;
    let token = token_of(&session.login, "started");
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let long = "x".repeat(15_000);
    for _ in 0..40 {
        customer.says(&chat, &long).await;
    }
    let again = who.logs_in_with(json!({ "resume": token })).await;
    assert_eq!(reason(&again.login), "too_much");
    customer.says(&chat, "and now").await;
    again.expect_push("incoming_event", |push| push["event"]["text"] == "and now").await;
    assert!(again.pushes().iter().all(|push| push.payload["event"]["text"] != *long));
}

#[tokio::test]
async fn a_bad_token_is_named() {
    let license = shared().await.license();
    let who = license.agent(1);
    for (resume, message) in [(json!(7), "resume"), (json!("x".repeat(20_000)), "at most 16384 bytes")] {
        let session = who.connects().await;
        let refused = session.refused("login", json!({ "token": who.token, "resume": resume })).await;
        assert_eq!(refused.kind, "validation");
        assert!(refused.message.contains(message), "{refused:?}");
    }
}
