//! The pushes about what operators change, against the tables and the samples in them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchboard::domain::id::{AgentId, GroupId};
use switchboard::domain::license::{Agent, Group, License, Priority, Role, WorkSchedule};
use switchboard::domain::license_news::{LicenseNews, license_news};
use switchboard::domain::push::PushBody;
use switchboard::protocol::version::Surface;

use crate::fixture::{self, AGENT, BOT, HIDDEN};
use crate::pushes::agents_only;

fn id(id: &str) -> AgentId {
    AgentId::from(id)
}

fn change(license: &mut License, agent: &str, change: impl FnOnce(&mut Agent)) {
    change(license.agents.get_mut(&id(agent)).expect("an agent"));
}

fn hours() -> WorkSchedule {
    let monday = json!({ "day": "monday", "enabled": true, "start": "08:30", "end": "12:30" });
    let schedule = json!({ "timezone": "Europe/Warsaw", "schedule": [monday] });
    serde_json::from_value(schedule).expect("a schedule")
}

/// What agents are told, in this order: action and payload. Each is held against the tables.
fn told(before: &License, after: &License) -> Vec<(String, Value)> {
    let news = license_news(before, after).into_iter().map(|news| {
        let body = PushBody::LicenseNews(Box::new(news));
        let (action, _) = fixture::view(Surface::Agent, after).push(&body).expect("a push");
        (action.to_owned(), agents_only(action, &body))
    });
    news.collect()
}

/// The same, of one change.
fn told_of(change: impl FnOnce(&mut License)) -> Vec<(String, Value)> {
    let before = fixture::license();
    let mut after = before.clone();
    change(&mut after);
    told(&before, &after)
}

fn one(action: &str, payload: Value) -> Vec<(String, Value)> {
    vec![(action.to_owned(), payload)]
}

#[test]
fn whoever_is_new_is_told_whole() {
    let full = fixture::license();
    let mut before = full.clone();
    before.agents.clear();
    let mut after = full.clone();
    after.agents.retain(|agent, _| agent.as_str() != HIDDEN);
    change(&mut after, AGENT, |agent| {
        agent.groups = BTreeMap::from([(GroupId(1), Priority::First)]);
        agent.work_scheduler = Some(hours());
    });
    let bot = json!({
        "id": BOT, "name": "Bot", "default_group_priority": "normal", "groups": [], "owner_client_id": "",
    });
    let mut agent = json!({
        "id": AGENT, "name": "Agent Smith", "role": "viceowner", "awaiting_approval": false,
        "groups": [{ "id": 1, "priority": "first" }], "notifications": [], "email_subscriptions": [],
        "work_scheduler": hours(),
    });
    let of_both = [one("bot_created", bot.clone()), one("agent_created", agent.clone())].concat();
    assert_eq!(told(&before, &after), of_both);
    change(&mut after, AGENT, |agent| {
        (agent.groups, agent.work_scheduler) = (BTreeMap::new(), None);
    });
    agent["groups"] = json!([]);
    agent["work_scheduler"] = json!({ "timezone": "", "schedule": [] });
    assert_eq!(told(&before, &after)[1].1, agent);
    let gone = [one("bot_deleted", json!({ "id": BOT })), one("agent_deleted", json!({ "id": AGENT }))];
    assert_eq!(told(&after, &before), gone.concat());
}

#[test]
fn of_who_was_there_what_changed_is_told() {
    let by = |of: &str, made: fn(&mut Agent)| told_of(|license| change(license, of, made));
    let updated = |payload: Value| one("agent_updated", payload);
    assert_eq!(
        by(AGENT, |agent| agent.name = "Neo".to_owned()),
        updated(json!({ "id": AGENT, "name": "Neo" }))
    );
    let owner = json!({ "id": AGENT, "role": "owner" });
    assert_eq!(by(AGENT, |agent| agent.role = Role::Owner), updated(owner));
    let groups = json!([{ "id": 0, "priority": "last" }, { "id": 1, "priority": "supervisor" }]);
    let join = |agent: &mut Agent| {
        agent.groups = BTreeMap::from([(GroupId(0), Priority::Last), (GroupId(1), Priority::Supervisor)]);
    };
    assert_eq!(by(AGENT, join), updated(json!({ "id": AGENT, "groups": groups })));
    assert_eq!(by(BOT, join), one("bot_updated", json!({ "id": BOT, "groups": groups })));
    let renamed = by(BOT, |bot| bot.name = "New Bot Name".to_owned());
    assert_eq!(renamed, one("bot_updated", json!({ "id": BOT, "name": "New Bot Name" })));
    let at_work = by(AGENT, |agent| agent.work_scheduler = Some(hours()));
    assert_eq!(at_work, updated(json!({ "id": AGENT, "work_scheduler": hours() })));
    let awaits = by(AGENT, |agent| agent.awaiting_approval = true);
    assert_eq!(awaits, updated(json!({ "id": AGENT, "awaiting_approval": true })));
    let mut before = fixture::license();
    change(&mut before, AGENT, |agent| (agent.awaiting_approval, agent.suspended) = (true, true));
    change(&mut before, HIDDEN, |agent| agent.work_scheduler = Some(hours()));
    let mut after = fixture::license();
    change(&mut after, BOT, |bot| bot.suspended = true);
    change(&mut after, HIDDEN, |agent| agent.suspended = true);
    let none = json!({ "timezone": "", "schedule": [] });
    let expected = [
        one("agent_updated", json!({ "id": HIDDEN, "work_scheduler": none })),
        one("agent_suspended", json!({ "id": HIDDEN })),
        one("agent_approved", json!({ "id": AGENT })),
        one("agent_unsuspended", json!({ "id": AGENT })),
    ];
    assert_eq!(told(&before, &after), expected.concat());
}

#[test]
fn groups_come_change_and_go() {
    let made = told_of(|license| {
        let group =
            Group { name: "Support".to_owned(), routing: Default::default(), widget: Default::default() };
        license.groups.insert(GroupId(42), group);
        change(license, AGENT, |agent| {
            agent.groups.insert(GroupId(42), Priority::First);
        });
    });
    let priorities = json!({ AGENT: "first" });
    let group = json!({ "id": 42, "name": "Support", "language_code": "en", "agent_priorities": priorities });
    assert_eq!(made[..1], one("group_created", group));
    assert_eq!(made[1].0, "agent_updated");
    let renamed = told_of(|license| {
        license.groups.entry(GroupId(1)).and_modify(|group| group.name = "Sales (EU)".to_owned());
    });
    assert_eq!(renamed, one("group_updated", json!({ "id": 1, "name": "Sales (EU)" })));
    let spoken = told_of(|license| {
        license.groups.entry(GroupId(1)).and_modify(|group| group.widget.language = Some("pl".to_owned()));
    });
    assert_eq!(spoken, one("group_updated", json!({ "id": 1, "language_code": "pl" })));
    let gone = told_of(|license| license.groups.clear());
    assert_eq!(gone, one("group_deleted", json!({ "id": 1 })));
}

#[test]
fn properties_that_agents_may_read_are_told() {
    let set = told_of(|license| {
        license.settings.widget.properties = fixture::mixed_properties();
        license
            .groups
            .entry(GroupId(1))
            .and_modify(|group| group.widget.properties = fixture::mixed_properties());
    });
    let readable = json!({ "test": { "int_property": 7, "string_property": "text" } });
    let expected = [
        one("license_properties_updated", json!({ "properties": readable })),
        one("group_properties_updated", json!({ "group_id": 1, "properties": readable })),
    ];
    assert_eq!(set, expected.concat());
    let mut hidden = fixture::mixed_properties();
    hidden.remove("test");
    let news = LicenseNews::LicensePropertiesUpdated(hidden);
    let license = fixture::license();
    let view = fixture::view(Surface::Agent, &license);
    assert_eq!(view.push(&PushBody::LicenseNews(Box::new(news))), None, "nothing of it may be seen");
}

#[test]
fn rules_of_auto_access_are_told_as_a_chain() {
    let rule = |description: &str, url: &str| {
        json!({
            "description": description,
            "access": { "groups": [0] },
            "conditions": { "url": { "values": [{ "value": url, "exact_match": false }] } },
        })
    };
    let with = |rules: Value| {
        let mut license = fixture::license();
        license.settings.auto_access = serde_json::from_value(rules).expect("rules");
        license
    };
    let first = with(json!([rule("first", "/a")]));
    let both = with(json!([rule("first", "/a"), rule("", "/b")]));
    let added = told(&first, &both);
    let (old, new) = (added[0].1[0]["id"].clone(), added[0].1[1]["id"].clone());
    let mut whole = rule("", "/b");
    (whole["id"], whole["next_id"], whole["status"]) = (new.clone(), json!(""), json!("added"));
    let linked = json!({ "id": old, "next_id": new, "status": "updated" });
    assert_eq!(added, one("auto_accesses_updated", json!([linked, whole])));
    let last = json!({ "id": old, "next_id": "", "status": "updated" });
    let deleted = json!({ "id": new, "status": "deleted" });
    assert_eq!(told(&both, &first), one("auto_accesses_updated", json!([last, deleted])));
    let changed = told(&first, &with(json!([rule("first", "/other")])));
    let conditions = rule("", "/other")["conditions"].clone();
    let expected = json!([{ "id": old, "conditions": conditions, "status": "updated" }]);
    assert_eq!(changed, one("auto_accesses_updated", expected));
}
