//! Who gets which push: `tests/protocol/audience.md`, as a table of actions.
//!
//! Nine sessions look on, each with a letter:
//! `R` the agent who asks and is in the chat, `M` another agent in it, `F` a follower, `A` an agent with access,
//! `W` an agent without, `C` the customer, `c` the customer's second device, `D` another customer of the license,
//! `X` an agent of another license.
//!
//! `R` and `F` have a second connection each, which is told the same. Whoever asked finds their request's id in what that
//! caused, and nobody else does. What the table cannot play has tests of its own below it, and the last one sees to it that
//! no push is forgotten.

mod cases;
mod operators;
mod others;

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::{
    AgentLogin, Chat, Push, Session, TestAgent, TestCustomer, TestLicense, TestNode, shared,
};
use cases::{Before, CASES, Case};

/// The group to which the chat is open.
const GROUP: i64 = 1;
/// The group of `W`.
const OTHER_GROUP: i64 = 2;

struct Stage {
    license: TestLicense,
    /// R, M, F, A, W in this order.
    agents: Vec<TestAgent>,
    /// Second connections of R and F.
    twins: [(char, TestAgent); 2],
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

/// Not compared in this table: places in the queue and statuses of groups follow later, by the router's own time.
const NOT_COMPARED: &[&str] = &["queue_positions_updated", "queue_position_updated", "groups_status_updated"];

/// Logs in, and waits for what follows a login in its own time.
async fn arrives(login: &AgentLogin) -> TestAgent {
    let agent = login.logs_in_away().await;
    agent.expect_push("incoming_customers", |_| true).await;
    agent
}

impl Stage {
    async fn set(node: &TestNode) -> Self {
        let (license, other_license) = (node.license(), node.license());
        let mut agents = Vec::new();
        for number in [2, 1, 3, 5, 4] {
            agents.push(arrives(&license.agent(number)).await);
        }
        let login = license.customer().await;
        let (customer, device) = (login.logs_in().await, login.logs_in().await);
        let other_customer = license.customer().await.logs_in().await;
        let chat = customer.starts_chat_in(GROUP, "hello").await;
        let properties = json!({ "test": { "int_property": 0 } });
        customer.call("update_chat_properties", json!({ "id": chat.id, "properties": properties })).await;
        let on_thread = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "properties": properties });
        customer.call("update_thread_properties", on_thread.clone()).await;
        agents[0].joins(&chat).await;
        agents[1].joins(&chat).await;
        agents[2].call("follow_chat", json!({ "id": chat.id })).await;
        let event = agents[0].says(&chat, "hi").await;
        let mut on_event = on_thread;
        on_event["event_id"] = json!(event);
        agents[0].call("update_event_properties", on_event).await;
        let note = agents[0]
            .sends(&chat, json!({ "type": "message", "text": "a note", "visibility": "agents" }))
            .await;
        let button = json!({ "text": "Yes", "postback_id": "yes", "user_ids": [] });
        let rich =
            json!({ "type": "rich_message", "template_id": "cards", "elements": [{ "buttons": [button] }] });
        let question = agents[0].sends(&chat, rich).await;
        let tag = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "tag": "old" });
        agents[0].call("tag_thread", tag).await;
        let stranger = arrives(&other_license.agent(1)).await;
        let twins = [('R', arrives(&agents[0].who).await), ('F', arrives(&agents[2].who).await)];
        Self {
            license,
            agents,
            twins,
            customer,
            device,
            other_customer,
            stranger,
            chat,
            event,
            note,
            question,
        }
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

    async fn forgets_pushes(&self) {
        let twins = self.twins.iter().map(|(_, twin)| &twin.session);
        for session in self.sessions().into_iter().map(|(_, session)| session).chain(twins) {
            session.forget_pushes().await;
        }
    }

    /// All connections of a user are told the same, in the same words.
    async fn twins_hear_the_same(&self) -> Result<(), String> {
        for (of, twin) in &self.twins {
            let payloads = |heard: BTreeMap<String, Vec<Push>>| {
                let payload = |push: Push| (push.action, push.payload);
                heard.into_values().flatten().map(payload).collect::<Vec<_>>()
            };
            let [one, other] = [payloads(heard(self.session(*of)).await), payloads(heard(twin).await)];
            if one != other {
                return Err(format!("{of} is told\n  {one:?}\nand by their other connection\n  {other:?}"));
            }
        }
        Ok(())
    }

    /// The connection that asked is told once of each thing, by the request's id; nobody else is told an id.
    async fn request_is_named(&self, by: char, request: &str) -> Result<(), String> {
        let asking = heard(self.session(by)).await;
        let is_named = |push: &&Push| push.request_id.as_deref() == Some(request);
        let named = asking.values().flatten().filter(is_named).count();
        if !asking.is_empty() && named == 0 {
            return Err(format!("{by} asked and cannot tell what came of it: {asking:?}"));
        }
        let others = self.sessions().into_iter().filter(|(letter, _)| *letter != by);
        for session in
            others.map(|(_, session)| session).chain(self.twins.iter().map(|(_, twin)| &twin.session))
        {
            let ids = heard(session).await.into_values().flatten().filter_map(|push| push.request_id);
            if let Some(id) = ids.into_iter().next() {
                return Err(format!("another connection is told the request's id {id}"));
            }
        }
        let all = asking.into_values().flatten();
        let all: Vec<String> = all.map(|push| format!("{} {}", push.action, push.payload)).collect();
        match all.iter().enumerate().find(|(place, push)| all[..*place].contains(push)) {
            Some((_, twice)) => Err(format!("told twice: {twice}")),
            None => Ok(()),
        }
    }

    fn session(&self, letter: char) -> &Session {
        let found = self.sessions().into_iter().find(|(of, _)| *of == letter);
        found.map(|(_, session)| session).expect("a letter of the stage")
    }
}

async fn play(case: &Case) -> Result<(), String> {
    let on = Stage::set(shared().await).await;
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
    on.forgets_pushes().await;
    let request = on.session(case.by).begin(case.action, (case.payload)(&on));
    let answer =
        on.session(case.by).answer(&request).await.unwrap_or_else(|error| panic!("{}: {error:?}", case.name));
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
    for letter in case.ends.chars() {
        on.session(letter).closed().await;
    }
    let mut came: BTreeMap<String, String> = BTreeMap::new();
    for (letter, session) in on.sessions() {
        let is_settled = |action: &str| !case.ends.contains(letter) || action == "customer_disconnected";
        for action in heard(session).await.into_keys().filter(|action| is_settled(action)) {
            came.entry(action).or_default().push(letter);
        }
    }
    let expected: BTreeMap<String, String> =
        case.expected.iter().map(|(push, letters)| ((*push).to_owned(), (*letters).to_owned())).collect();
    if came != expected {
        return Err(format!("{}:\n  expected {expected:?}\n  came     {came:?}", case.name));
    }
    on.twins_hear_the_same().await.map_err(|fault| format!("{}: {fault}", case.name))?;
    on.request_is_named(case.by, &request).await.map_err(|fault| format!("{}: {fault}", case.name))
}

/// What has come over a session since it was last forgotten, by name.
async fn heard(session: &Session) -> BTreeMap<String, Vec<Push>> {
    session.settle_if_open().await;
    let mut heard: BTreeMap<String, Vec<Push>> = BTreeMap::new();
    let is_compared = |push: &Push| !push.taken && !NOT_COMPARED.contains(&push.action.as_str());
    for push in session.pushes().into_iter().filter(is_compared) {
        heard.entry(push.action.clone()).or_default().push(push);
    }
    heard
}

#[tokio::test]
async fn every_push_reaches_its_audience_and_nobody_else() {
    let mut wrong = Vec::new();
    println!("{:<42}{:<28}pushes", "action", "method");
    for case in CASES {
        println!("{:<42}{:<28}{:?}", case.name, case.action, case.expected);
        if let Err(found) = Box::pin(play(case)).await {
            wrong.push(found);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
