//! Structures and answers: as the tables say, and nothing for customers that is not theirs.

use serde_json::{Value, json};
use switchboard::domain::access::Access;
use switchboard::domain::chat::{Chat, Said};
use switchboard::domain::event::Visibility;
use switchboard::domain::greeting::GreetingsOfVisit;
use switchboard::domain::id::{AgentId, CustomerId, GroupId, LicenseId, ThreadId, UserId};
use switchboard::domain::license::{License, Role, Settings};
use switchboard::domain::thread::Thread;
use switchboard::domain::visit::{CustomerVisits, Visit};
use switchboard::protocol::version::Surface;
use switchboard::protocol::view::ThreadParts;

use crate::fixture::{self, AGENT, BOT, CUSTOMER, HIDDEN, assert_keeps_secrets, parsed};
use crate::tables::Tables;

const BOTH: [Surface; 2] = [Surface::Agent, Surface::Customer];

fn thread(chat: &Chat) -> &Thread {
    chat.thread.as_ref().expect("a thread")
}

#[test]
fn a_chat_is_as_documented() {
    let (license, chat, events) = (fixture::license(), fixture::chat(), fixture::events());
    for surface in BOTH {
        let next = ThreadId::from("NEXT");
        let queue = Some(fixture::place());
        let parts =
            ThreadParts { thread: thread(&chat), events: &events, next_thread_id: Some(&next), queue };
        let text = fixture::view(surface, &license).chat(&chat, Some(parts), None);
        assert_keeps_secrets(surface, &text);
        let value = parsed(&text);
        let tables = Tables::load(surface.as_str());
        tables.assert_structure("Chat", &value);
        tables.assert_response("get_chat", &value);
        assert_eq!(value["thread"]["next_thread_id"], "NEXT");
        assert_eq!(value["thread"]["previous_thread_id"], "K600PKZOM8000000");
        let queue = json!({"position": 42, "wait_time": 1337, "queued_at": "2017-10-12T15:19:21.010200Z"});
        assert_eq!(value["thread"]["queue"], queue);
    }
}

#[test]
fn an_archived_chat_is_as_documented() {
    let (license, chat, events) = (fixture::license(), fixture::chat(), fixture::events());
    let next = ThreadId::from("NEXT");
    let parts =
        ThreadParts { thread: thread(&chat), events: &events, next_thread_id: Some(&next), queue: None };
    let accessible = (thread(&chat).previous_thread_id.as_ref(), Some(&next));
    let view = fixture::view(Surface::Agent, &license);
    let value = parsed(&view.archived_chat(&chat, parts, accessible, None));
    Tables::load("agent").assert_structure("Chat", &value);
    assert_eq!(value["thread"]["next_accessible_thread_id"], "NEXT");
    assert_eq!(value["thread"]["previous_accessible_thread_id"], "K600PKZOM8000000");
    let answer = json!({"chats": [value], "found_chats": 1, "next_page_id": "x", "previous_page_id": "y"});
    Tables::load("agent").assert_response("list_archives", &answer);
}

#[test]
fn a_chat_without_a_thread_has_none() {
    let license = fixture::license();
    let chat = Chat::new(fixture::chat_id(), LicenseId(1_001));
    for surface in BOTH {
        let view = fixture::view(surface, &license);
        let tables = Tables::load(surface.as_str());
        let value = parsed(&view.chat(&chat, None, None));
        tables.assert_structure("Chat", &value);
        assert!(value.get("thread").is_none());
        assert_eq!(value["users"], json!([]));
        assert_eq!(value["properties"], json!({}));
        tables.assert_structure("ChatSummary", &parsed(&view.chat_summary(&chat, None, None, |_| true)));
    }
}

#[test]
fn a_summary_is_as_documented() {
    let (license, chat) = (fixture::license(), fixture::chat());
    for surface in BOTH {
        let text =
            fixture::view(surface, &license).chat_summary(&chat, None, Some(fixture::place()), |_| true);
        assert_keeps_secrets(surface, &text);
        let value = parsed(&text);
        Tables::load(surface.as_str()).assert_structure("ChatSummary", &value);
        let last = &value["last_event_per_type"];
        let kinds: Vec<&String> = last.as_object().expect("an object").keys().collect();
        assert_eq!(kinds.len(), 8, "{kinds:?}");
        let said = if surface == Surface::Agent { "secret remark" } else { "Hello" };
        assert_eq!(last["message"]["event"]["text"], said);
    }
}

#[test]
fn what_was_said_in_a_thread_of_other_groups_is_not_shown_in_a_summary() {
    let (license, mut chat) = (fixture::license(), fixture::chat());
    let access = Access { group_ids: vec![GroupId(7)] };
    chat.last_agents_events.values_mut().for_each(|last| last.access = Some(access.clone()));
    let view = fixture::view(Surface::Agent, &license);
    let value = parsed(&view.chat_summary(&chat, None, None, |_| false));
    Tables::load("agent").assert_structure("ChatSummary", &value);
    let last = &value["last_event_per_type"]["message"];
    assert_eq!(last["event"], json!({ "restricted_access": "no access to the thread" }));
    assert!(last["thread_id"].is_string());
    let value = parsed(&view.chat_summary(&chat, None, None, |groups| *groups == access));
    assert_eq!(value["last_event_per_type"]["message"]["event"]["text"], "secret remark");
}

#[test]
fn a_chat_is_followed_by_its_followers_alone() {
    let (license, chat) = (fixture::license(), fixture::chat());
    let view = fixture::view(Surface::Agent, &license);
    for (reader, expected) in [("follower@example.com", true), (AGENT, false)] {
        let reader = AgentId::from(reader);
        assert_eq!(parsed(&view.chat(&chat, None, Some(&reader)))["is_followed"], expected);
        assert_eq!(parsed(&view.chat_summary(&chat, Some(&reader), None, |_| true))["is_followed"], expected);
    }
}

#[test]
fn a_thread_is_as_documented() {
    let (license, chat, events) = (fixture::license(), fixture::chat(), fixture::events());
    for surface in BOTH {
        let parts = ThreadParts { thread: thread(&chat), events: &events, next_thread_id: None, queue: None };
        let text = fixture::view(surface, &license).thread(parts);
        assert_keeps_secrets(surface, &text);
        let value = parsed(&text);
        Tables::load(surface.as_str()).assert_structure("Thread", &value);
        let shown = value["events"].as_array().expect("events").len();
        assert_eq!(shown, if surface == Surface::Agent { 9 } else { 8 });
        assert!(value.get("queue").is_none() && value.get("next_thread_id").is_none());
    }
}

#[test]
fn customers_do_not_learn_who_looks_on_unseen() {
    let (license, chat, events) = (fixture::license(), fixture::chat(), fixture::events());
    let view = fixture::view(Surface::Customer, &license);
    let pseudonym = |id: &str| view.user_id(&fixture::agent(id)).into_owned();
    let parts = ThreadParts { thread: thread(&chat), events: &events, next_thread_id: None, queue: None };
    // The bot spoke to all, the agent had the chat; the third did neither.
    let expected = json!([CUSTOMER, pseudonym(AGENT), pseudonym(BOT)]);
    assert_eq!(parsed(&view.thread(parts))["user_ids"], expected);
    let value = parsed(&view.chat(&chat, None, None));
    let ids: Vec<&Value> = value["users"].as_array().expect("users").iter().map(|user| &user["id"]).collect();
    assert!(!ids.contains(&&json!(pseudonym(HIDDEN))), "{ids:?}");
    assert_eq!(ids.len(), 3);
}

#[test]
fn only_readable_properties_are_shown() {
    let (license, chat) = (fixture::license(), fixture::chat());
    let shown = |surface| {
        let parts = ThreadParts { thread: thread(&chat), events: &[], next_thread_id: None, queue: None };
        let value = parsed(&fixture::view(surface, &license).chat(&chat, Some(parts), None));
        (value["properties"]["routing"].clone(), value["thread"]["properties"]["routing"].clone())
    };
    let (of_chat, of_thread) = shown(Surface::Agent);
    assert_eq!(of_chat, json!({"continuous": true, "unassigned": true, "was_pinned": true}));
    assert_eq!(of_thread, json!({"continuous": true, "unassigned": true}));
    let (of_chat, of_thread) = shown(Surface::Customer);
    assert_eq!(of_chat, json!({"continuous": true}));
    assert_eq!(of_thread, json!({"continuous": true}));
}

#[test]
fn agents_are_pseudonyms_to_customers() {
    let license = fixture::license();
    let (agents, customers) =
        (fixture::view(Surface::Agent, &license), fixture::view(Surface::Customer, &license));
    let agent = fixture::agent(AGENT);
    assert_eq!(agents.user_id(&agent), AGENT);
    // HMAC-SHA256 with sixteen bytes 7, computed with another implementation.
    assert_eq!(customers.user_id(&agent), PSEUDONYM);
    assert_eq!(customers.user_id(&fixture::customer()), CUSTOMER);
    // The same text as a customer's id stays what it is: the kind is part of the identity.
    assert_eq!(customers.user_id(&UserId::Customer(CustomerId::from(AGENT))), AGENT);
    let other = switchboard::domain::license::License { pseudonym_key: [8; 16], ..fixture::license() };
    assert_ne!(fixture::view(Surface::Customer, &other).user_id(&agent), PSEUDONYM);
}

const PSEUDONYM: &str = "740a3fdbcc0f6064b2287710816a6720";

#[test]
fn an_agent_who_is_gone_keeps_their_address_from_customers() {
    let mut license = fixture::license();
    license.agents.clear();
    let text = fixture::view(Surface::Customer, &license).chat(&fixture::chat(), None, None);
    assert_keeps_secrets(Surface::Customer, &text);
    assert_eq!(parsed(&text)["users"][1]["name"], "Agent");
    let value = parsed(&fixture::view(Surface::Agent, &license).chat(&fixture::chat(), None, None));
    Tables::load("agent").assert_structure("Chat", &value);
}

#[test]
fn the_login_of_an_agent_is_as_documented() {
    let license = fixture::license();
    let view = fixture::view(Surface::Agent, &license);
    let agent = license.agent(&AgentId::from(AGENT)).expect("an agent");
    assert_eq!(agent.role, Role::ViceOwner);
    let my_profile = parsed(&view.my_profile(agent, Some("accepting_chats")));
    assert_eq!(my_profile["permission"], "viceowner");
    let summary = parsed(&view.chat_summary(&fixture::chat(), None, None, |_| true));
    let answer = json!({
        "license": parsed(&view.license()),
        "my_profile": my_profile,
        "chats_summary": [summary],
    });
    Tables::load("agent").assert_response("login", &answer);
    assert_eq!(answer["license"]["id"], "1001");
}

#[test]
fn the_login_of_a_customer_is_as_documented() {
    let license = fixture::license();
    let view = fixture::view(Surface::Customer, &license);
    let id = CustomerId::from(CUSTOMER);
    let chats = [(fixture::chat_id(), true)];
    let text = view.customer_login(
        &id,
        &fixture::profile(),
        &Default::default(),
        true,
        &chats,
        &[GroupId(0), GroupId(1)],
    );
    let mut value = parsed(&text);
    assert_eq!(value["__priv_dynamic_config"]["online_groups_ids"], json!([0, 1]));
    assert_eq!(value["__priv_dynamic_config"]["customer_groups"]["monitoring"]["id"], 0);
    assert_eq!(value["customer"]["session_fields"], json!([{"z": "first"}, {"a": "second"}, {"z": "third"}]));
    assert_eq!(value["chats"], json!([{"chat_id": "PJ0MRSHTDG000000", "has_unread_events": true}]));
    Tables::load("customer").assert_response("login", &value);
    let nobody = view.customer_login(&id, &Default::default(), &Default::default(), false, &[], &[]);
    value = parsed(&nobody);
    Tables::load("customer").assert_response("login", &value);
    assert_eq!(value["chats"], json!([]));

    let (greeting, showing) = fixture::greeting();
    let greeted =
        License { settings: Settings { greetings: vec![greeting], ..Settings::default() }, ..license };
    let live = GreetingsOfVisit { shown: vec![7], live: Some(showing) };
    let visit = Some(Visit { greetings: live, ..Visit::default() });
    let visits =
        CustomerVisits { visit, greetings_shown_count: 3, greetings_accepted_count: 1, ..Default::default() };
    let view = fixture::view(Surface::Customer, &greeted);
    value = parsed(&view.customer_login(&id, &Default::default(), &visits, false, &[], &[]));
    Tables::load("customer").assert_response("login", &value);
    assert_eq!((&value["greeting"]["id"], &value["greeting"]["accepted"]), (&json!(7), &json!(true)));
    let counted = &value["customer"]["statistics"];
    assert_eq!(
        (&counted["greetings_shown_count"], &counted["greetings_accepted_count"]),
        (&json!(3), &json!(1))
    );
    value = parsed(&view.customer_login(&id, &Default::default(), &visits, true, &[], &[]));
    assert!(value.get("greeting").is_none(), "whoever chats is past being greeted");
}

#[test]
fn a_customer_is_as_documented() {
    let license = fixture::license();
    let id = CustomerId::from(CUSTOMER);
    let said = Said { by_agent: Some(fixture::AT), by_customer: Some(fixture::AT) };
    for surface in BOTH {
        let value = parsed(&fixture::view(surface, &license).customer(
            &id,
            &fixture::profile(),
            &Default::default(),
            &[fixture::chat_id()],
            said,
        ));
        Tables::load(surface.as_str()).assert_response("get_customer", &value);
        let is_told = |name: &str| value.get(name).is_some_and(|at| *at == "2017-10-12T15:19:21.010200Z");
        for name in ["agent_last_event_created_at", "customer_last_event_created_at"] {
            assert_eq!(is_told(name), surface == Surface::Agent, "{name}");
        }
    }
    let bare = parsed(&fixture::view(Surface::Customer, &license).customer(
        &id,
        &Default::default(),
        &Default::default(),
        &[],
        said,
    ));
    Tables::load("customer").assert_response("get_customer", &bare);
    assert_eq!(bare, json!({"id": CUSTOMER, "type": "customer"}));
}

#[test]
fn unseen_agents_stay_agents_business() {
    let license = fixture::license();
    let event = fixture::event(1, None, Visibility::Agents, fixture::events()[0].body.clone());
    assert!(fixture::view(Surface::Agent, &license).shows(&event));
    assert!(!fixture::view(Surface::Customer, &license).shows(&event));
}
