//! What operators change is told to the agents of the license, while they are connected, and to nobody else.

use serde_json::{Value, json};

use super::Stage;
use crate::support::{Plan, Session, TestLicense, TestNode};

/// Customers of the license, and the agent of another.
const OTHERS: &str = "CcDX";

/// Runs a command of the operator, about one license.
async fn operates(node: &TestNode, license: &TestLicense, line: &[&str]) {
    let number = license.number().to_string();
    node.operates(&[line, &["--license", &number]].concat()).await;
}

impl Stage {
    /// Every connected agent of the license is told this.
    async fn all_agents_hear(&self, action: &str, payload: &Value) {
        for session in self.told("RMFAW") {
            session.expect_push(action, |push| push == payload).await;
        }
    }
}

async fn heard_nothing_of_the_license(session: &Session) {
    session.settle().await;
    let is_news = |action: &str| {
        let of_agents = action.starts_with("agent_") && action != "agent_disconnected";
        let of_license = action.starts_with("license_") || action.starts_with("auto_");
        of_agents || of_license || (action.starts_with("group_") || action.starts_with("bot_"))
    };
    let heard: Vec<_> = session.pushes().into_iter().filter(|push| is_news(&push.action)).collect();
    assert!(heard.is_empty(), "{heard:#?}");
}

#[tokio::test]
async fn what_operators_change_is_told_to_the_agents_of_the_license_and_to_nobody_else() {
    let node = TestNode::with(&[], Plan { licenses: 2, agents: 6, ..Plan::default() }).await;
    let on = Stage::set(&node).await;
    let watched = &on.license;
    // They are not connected.
    let who = watched.agent(6).id;
    let set = async |line: &[&str], value: &str| {
        operates(&node, watched, &[line, &["--set", value]].concat()).await
    };
    let agent = ["agent", "set", "--agent", &who];
    let group = ["group", "set", "--group", "9"];

    set(&agent, "name=Neo").await;
    on.all_agents_hear("agent_updated", &json!({ "id": who, "name": "Neo" })).await;
    set(&group, "name=Night shift").await;
    let made = json!({ "id": 9, "name": "Night shift", "language_code": "en", "agent_priorities": {} });
    on.all_agents_hear("group_created", &made).await;
    set(&group, "widget.language=pl").await;
    on.all_agents_hear("group_updated", &json!({ "id": 9, "language_code": "pl" })).await;
    set(&agent, "group.9=first").await;
    let joined = on.session('R').expect_push("agent_updated", |push| push["id"] == *who).await;
    let memberships = joined["groups"].as_array().expect("groups");
    assert!(memberships.contains(&json!({ "id": 9, "priority": "first" })), "{joined}");
    assert!(joined.get("name").is_none(), "{joined}");

    let properties = json!({ "test": { "int_property": 7 } });
    set(&["license", "set"], &format!("properties={properties}")).await;
    on.all_agents_hear("license_properties_updated", &json!({ "properties": properties })).await;
    set(&group, &format!("properties={properties}")).await;
    let of_group = json!({ "group_id": 9, "properties": properties });
    on.all_agents_hear("group_properties_updated", &of_group).await;
    let rules =
        json!([{ "access": { "groups": [9] }, "conditions": { "url": { "values": [{ "value": "/a" }] } } }]);
    set(&["license", "set"], &format!("auto_access={rules}")).await;
    let told = on.session('W').expect_push("auto_accesses_updated", |_| true).await;
    assert_eq!((&told[0]["status"], &told[0]["access"]["groups"]), (&json!("added"), &json!([9])));

    set(&agent, "awaiting_approval=true").await;
    on.all_agents_hear("agent_updated", &json!({ "id": who, "awaiting_approval": true })).await;
    let named = json!({ "id": who });
    set(&agent, "awaiting_approval=false").await;
    on.all_agents_hear("agent_approved", &named).await;
    set(&agent, "suspended=true").await;
    on.all_agents_hear("agent_suspended", &named).await;
    set(&agent, "suspended=false").await;
    on.all_agents_hear("agent_unsuspended", &named).await;
    operates(&node, watched, &["group", "remove", "--group", "9"]).await;
    on.all_agents_hear("group_deleted", &json!({ "id": 9 })).await;
    operates(&node, watched, &["agent", "remove", "--agent", &who]).await;
    on.all_agents_hear("agent_deleted", &named).await;

    for (letter, session) in on.sessions() {
        if OTHERS.contains(letter) {
            heard_nothing_of_the_license(session).await;
        }
    }
}

#[tokio::test]
async fn what_agents_do_not_see_and_what_their_token_does_not_unlock_is_not_told() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let (agent, scopeless) =
        (license.agent(1).logs_in().await, license.agent_without_scopes().logs_in().await);
    let who = license.agent(3).id;
    let set = async |value: &str| {
        operates(&node, &license, &["agent", "set", "--agent", &who, "--set", value]).await
    };
    agent.forget_pushes().await;
    // It changes the license, and nothing that a push of the protocol tells of.
    set("max_chats_count=7").await;
    set("name=Trinity").await;
    let told = agent.expect_push("agent_updated", |push| push["id"] == *who).await;
    assert_eq!(told, json!({ "id": who, "name": "Trinity" }), "the first that is told");
    set("name=Trinity").await;
    set("name=Neo").await;
    let told = agent.expect_push("agent_updated", |push| push["id"] == *who).await;
    assert_eq!(told, json!({ "id": who, "name": "Neo" }), "a change that changes nothing is none");
    heard_nothing_of_the_license(&scopeless).await;
}
