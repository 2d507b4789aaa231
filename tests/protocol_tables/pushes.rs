//! Every push, on both surfaces.

use std::sync::Arc;

use serde_json::{Value, json};
use switchboard::domain::customer::CustomerProfile;
use switchboard::domain::event::{Json, Visibility};
use switchboard::domain::id::{AgentId, CustomerId, GroupId};
use switchboard::domain::properties::{Properties, PropertyNames, PropertyValue, set};
use switchboard::domain::push::{Pressed, PushBody, Thought, ThreadEvents, TransferReason, TransferTarget};
use switchboard::domain::routing::{CustomerGroupStatus, GroupStatus};
use switchboard::domain::user::ChatUser;
use switchboard::domain::visit::{Arrival, CustomerVisits, NewPage, Visitor};
use switchboard::protocol::version::Surface;
use switchboard::protocol::view::PUSHES;

use crate::fixture::{
    self, AGENT, AT, BOT, CUSTOMER, HIDDEN, agent, assert_keeps_secrets, chat_id, customer, event_id, parsed,
    thread_id,
};
use crate::tables::Tables;

/// Renders on both surfaces, checks what is there against the tables, and gives agents' and customers'
/// payload.
fn rendered(action: &str, body: &PushBody) -> (Option<Value>, Option<Value>) {
    let license = fixture::license();
    let on = |surface: Surface| {
        let (name, payload) = fixture::view(surface, &license).push(body)?;
        assert_eq!(name, action);
        assert!(PUSHES.contains(&(surface, name)), "{name} is not listed for {surface:?}");
        assert_keeps_secrets(surface, &payload);
        let payload = parsed(&payload);
        Tables::load(surface.as_str()).assert_push(action, &payload);
        Some(payload)
    };
    (on(Surface::Agent), on(Surface::Customer))
}

fn both(action: &str, body: &PushBody) -> (Value, Value) {
    match rendered(action, body) {
        (Some(agents), Some(customers)) => (agents, customers),
        other => panic!("{action}: {other:?}"),
    }
}

pub(crate) fn agents_only(action: &str, body: &PushBody) -> Value {
    match rendered(action, body) {
        (Some(agents), None) => agents,
        other => panic!("{action}: {other:?}"),
    }
}

fn pseudonym(id: &str) -> String {
    fixture::view(Surface::Customer, &fixture::license()).user_id(&agent(id)).into_owned()
}

fn target() -> TransferTarget {
    TransferTarget { group_ids: vec![GroupId(1)], agent_ids: vec![AgentId::from(AGENT)] }
}

fn incoming_chat() -> PushBody {
    PushBody::IncomingChat {
        requester: Some(agent(AGENT)),
        chat: Box::new(fixture::chat()),
        events: ThreadEvents::Given(fixture::events()),
        queue: Some(fixture::place()),
        transferred_from: Some(target()),
    }
}

#[test]
fn incoming_chat_carries_the_whole_chat() {
    let (agents, customers) = both("incoming_chat", &incoming_chat());
    assert_eq!(agents["requester_id"], AGENT);
    assert_eq!(agents["transferred_from"], json!({"group_ids": [1], "agent_ids": [AGENT]}));
    assert_eq!(agents["chat"]["thread"]["events"].as_array().map(Vec::len), Some(9));
    assert_eq!(agents["chat"]["is_followed"], false);
    assert_eq!(customers["requester_id"], pseudonym(AGENT));
    assert!(customers.get("transferred_from").is_none());
    let from = json!({"group_ids": [1], "agent_ids": [pseudonym(AGENT)]});
    assert_eq!(customers["chat"]["transferred_from"], from);
    assert_eq!(customers["chat"]["thread"]["events"].as_array().map(Vec::len), Some(8));
    assert_eq!(customers["chat"]["thread"]["queue"]["position"], 42);
}

#[test]
fn incoming_chat_hides_a_requester_who_looks_on_unseen() {
    let PushBody::IncomingChat { chat, events, queue, .. } = incoming_chat() else { panic!("incoming_chat") };
    let requester = Some(agent(HIDDEN));
    let body = PushBody::IncomingChat { requester, chat, events, queue, transferred_from: None };
    let (agents, customers) = both("incoming_chat", &body);
    assert_eq!(agents["requester_id"], HIDDEN);
    assert!(customers.get("requester_id").is_none());
}

#[test]
fn incoming_chat_of_a_new_follower_is_followed() {
    let body = PushBody::IncomingChat {
        requester: Some(agent("follower@example.com")),
        chat: Box::new(fixture::chat()),
        events: ThreadEvents::FromLog,
        queue: None,
        transferred_from: None,
    };
    let agents = rendered_for_agents("incoming_chat", &body);
    assert_eq!(agents["chat"]["is_followed"], true);
    assert_eq!(agents["chat"]["thread"]["events"], json!([]));
}

/// For pushes that never go to customers although the surface has them.
fn rendered_for_agents(action: &str, body: &PushBody) -> Value {
    let license = fixture::license();
    let (name, payload) = fixture::view(Surface::Agent, &license).push(body).expect("a push");
    assert_eq!(name, action);
    let payload = parsed(&payload);
    Tables::load("agent").assert_push(action, &payload);
    payload
}

#[test]
fn chat_deactivated_names_who_closed_it() {
    let body = |user| PushBody::ChatDeactivated { chat: chat_id(), thread: thread_id(), user };
    let (agents, customers) = both("chat_deactivated", &body(Some(agent(AGENT))));
    assert_eq!(
        (agents["user_id"].clone(), customers["user_id"].clone()),
        (json!(AGENT), json!(pseudonym(AGENT)))
    );
    let (by_router, _) = both("chat_deactivated", &body(None));
    assert!(by_router.get("user_id").is_none());
}

#[test]
fn chat_access_updated_is_for_agents() {
    let access = fixture::chat().access;
    let payload =
        agents_only("chat_access_updated", &PushBody::ChatAccessUpdated { chat: chat_id(), access });
    assert_eq!(payload, json!({"id": chat_id().as_str(), "access": {"group_ids": [0]}}));
}

#[test]
fn chat_transferred_names_the_target() {
    let body = PushBody::ChatTransferred {
        chat: chat_id(),
        thread: Some(thread_id()),
        requester: Some(agent(AGENT)),
        reason: TransferReason::Manual,
        to: target(),
        queue: Some(fixture::place()),
    };
    let (agents, customers) = both("chat_transferred", &body);
    assert_eq!(agents["transferred_to"]["agent_ids"], json!([AGENT]));
    assert_eq!(customers["transferred_to"]["agent_ids"], json!([pseudonym(AGENT)]));
    assert_eq!(agents["queue"]["queued_at"], "2017-10-12T15:19:21.010200Z");
    assert_eq!(agents["reason"], "manual");
}

#[test]
fn user_added_to_chat_shows_customers_only_who_shows_themselves() {
    let body = |visibility, requester| PushBody::UserAddedToChat {
        chat: chat_id(),
        thread: Some(thread_id()),
        user: Box::new(ChatUser::agent(AgentId::from(AGENT), visibility)),
        reason: "manual",
        requester,
    };
    let (agents, customers) = both("user_added_to_chat", &body(Visibility::All, Some(agent(AGENT))));
    assert_eq!(agents["user"]["email"], AGENT);
    assert_eq!(agents["user"]["visibility"], "all");
    assert_eq!(customers["user"]["id"], pseudonym(AGENT));
    assert_eq!(customers["user"]["job_title"], "Support Agent");
    let (agents, _) = both("user_added_to_chat", &body(Visibility::All, Some(customer())));
    assert!(agents.get("requester_id").is_none());
    agents_only("user_added_to_chat", &body(Visibility::Agents, None));
}

#[test]
fn user_added_to_chat_shows_a_customer() {
    let body = PushBody::UserAddedToChat {
        chat: chat_id(),
        thread: None,
        user: Box::new(ChatUser::customer(CustomerId::from(CUSTOMER), fixture::profile())),
        reason: "manual",
        requester: None,
    };
    let (agents, customers) = both("user_added_to_chat", &body);
    assert_eq!(agents["user"]["statistics"], json!({"chats_count": 2, "threads_count": 9}));
    assert!(customers["user"].get("statistics").is_none());
}

#[test]
fn user_removed_from_chat_names_them() {
    let body = PushBody::UserRemovedFromChat {
        chat: chat_id(),
        thread: Some(thread_id()),
        user: agent(AGENT),
        reason: "manual",
        requester: Some(agent(AGENT)),
    };
    let (agents, customers) = both("user_removed_from_chat", &body);
    assert_eq!(agents["user_id"], AGENT);
    assert_eq!(customers["user_id"], pseudonym(AGENT));
}

#[test]
fn incoming_event_has_every_kind_of_event() {
    for event in fixture::events() {
        let (kind, visibility) = (event.body.kind().as_str(), event.visibility);
        let body = PushBody::IncomingEvent { chat: chat_id(), thread: thread_id(), event };
        if visibility == Visibility::Agents {
            agents_only("incoming_event", &body);
            continue;
        }
        let (agents, customers) = both("incoming_event", &body);
        assert_eq!(agents["event"]["type"], kind);
        assert_eq!(agents["event"]["visibility"], "all");
        assert!(customers["event"].get("visibility").is_none());
        if kind == "system_message" {
            assert!(agents["event"].get("properties").is_none());
            continue;
        }
        assert_eq!(agents["event"]["properties"]["lc2"], json!({"file_safety_confirmation": true}));
        let mut for_customers = json!({"chats": {"formatting": "commonmark"}});
        if agents["event"]["author_id"] == *CUSTOMER {
            for_customers["source"] = json!({ "client_id": fixture::CLIENT });
            assert_eq!(agents["event"]["properties"]["source"], for_customers["source"]);
        }
        assert_eq!(customers["event"]["properties"], for_customers);
    }
}

#[test]
fn a_buttons_users_are_pseudonyms_too() {
    let event = Arc::clone(&fixture::events()[1]);
    let body = PushBody::IncomingEvent { chat: chat_id(), thread: thread_id(), event };
    let (agents, customers) = both("incoming_event", &body);
    let ids = |payload: &Value| payload["event"]["elements"][0]["buttons"][0]["user_ids"].clone();
    assert_eq!(ids(&agents), json!([CUSTOMER, AGENT, BOT]));
    assert_eq!(ids(&customers), json!([CUSTOMER, pseudonym(AGENT), pseudonym(BOT)]));
}

#[test]
fn an_event_without_properties_says_nothing_of_them() {
    let mut event = (*fixture::events()[0]).clone();
    event.properties = Properties::new();
    event.client = None;
    set(&mut event.properties, "translation", "unknown", PropertyValue::Int(1));
    event.custom_id = None;
    let body = PushBody::IncomingEvent { chat: chat_id(), thread: thread_id(), event: Arc::new(event) };
    let (agents, _) = both("incoming_event", &body);
    assert!(agents["event"].get("properties").is_none() && agents["event"].get("custom_id").is_none());
}

#[test]
fn property_pushes_show_what_may_be_read() {
    let properties = fixture::mixed_properties();
    let names: PropertyNames = properties
        .iter()
        .map(|(namespace, values)| (namespace.clone(), values.keys().cloned().collect()))
        .collect();
    let (chat, thread) = (chat_id(), thread_id());
    let body = PushBody::ChatPropertiesUpdated { chat: chat.clone(), properties: properties.clone() };
    let (agents, customers) = both("chat_properties_updated", &body);
    assert_eq!(agents["properties"]["routing"]["was_pinned"], true);
    let test = json!({"int_property": 7, "string_property": "text"});
    assert_eq!(customers["properties"], json!({"routing": {"continuous": true}, "test": test}));
    let body = PushBody::ChatPropertiesDeleted { chat: chat.clone(), names: names.clone() };
    let (_, customers) = both("chat_properties_deleted", &body);
    let test = json!(["int_property", "string_property"]);
    assert_eq!(customers["properties"], json!({"routing": ["continuous"], "test": test}));
    let body = PushBody::ThreadPropertiesUpdated {
        chat: chat.clone(),
        thread: thread.clone(),
        properties: properties.clone(),
    };
    let (agents, _) = both("thread_properties_updated", &body);
    assert_eq!(agents["thread_id"], thread.as_str());
    let body = PushBody::ThreadPropertiesDeleted { chat: chat.clone(), thread, names: names.clone() };
    both("thread_properties_deleted", &body);
    let event = event_id(3);
    let body = PushBody::EventPropertiesUpdated { chat: chat.clone(), event: event.clone(), properties };
    let (agents, _) = both("event_properties_updated", &body);
    assert_eq!(agents["event_id"], event.to_string());
    both("event_properties_deleted", &PushBody::EventPropertiesDeleted { chat, event, names });
}

#[test]
fn property_pushes_that_would_be_empty_are_not_sent() {
    let mut properties = Properties::new();
    set(&mut properties, "routing", "unassigned", PropertyValue::Bool(true));
    let names = PropertyNames::from([("routing".to_owned(), vec!["unassigned".to_owned()])]);
    agents_only("chat_properties_updated", &PushBody::ChatPropertiesUpdated { chat: chat_id(), properties });
    agents_only("chat_properties_deleted", &PushBody::ChatPropertiesDeleted { chat: chat_id(), names });
}

#[test]
fn events_marked_as_seen_names_who_saw() {
    let body = PushBody::EventsMarkedAsSeen { user: agent(AGENT), chat: chat_id(), seen_up_to: AT };
    let (agents, customers) = both("events_marked_as_seen", &body);
    assert_eq!(agents["seen_up_to"], "2017-10-12T15:19:21.010200Z");
    assert_eq!(customers["user_id"], pseudonym(AGENT));
}

#[test]
fn incoming_typing_indicator_has_each_surfaces_word() {
    let body = |visibility| PushBody::IncomingTypingIndicator {
        chat: chat_id(),
        thread: thread_id(),
        author: agent(AGENT),
        visibility,
        at: AT,
        is_typing: true,
    };
    let (agents, customers) = both("incoming_typing_indicator", &body(Visibility::All));
    let expected =
        json!({"author_id": AGENT, "visibility": "all", "timestamp": 1_507_821_561, "is_typing": true});
    assert_eq!(agents["typing_indicator"], expected);
    assert_eq!(customers["typing_indicator"]["recipients"], "all");
    agents_only("incoming_typing_indicator", &body(Visibility::Agents));
}

#[test]
fn incoming_sneak_peek_is_for_agents() {
    let body = PushBody::IncomingSneakPeek {
        chat: chat_id(),
        thread: thread_id(),
        author: customer(),
        text: "hel\u{1}".to_owned(),
        at: AT,
    };
    let payload = agents_only("incoming_sneak_peek", &body);
    let expected = json!({"author_id": CUSTOMER, "text": "hel\u{1}", "timestamp": 1_507_821_561});
    assert_eq!(payload["sneak_peek"], expected);
}

#[test]
fn chat_unfollowed_is_for_agents() {
    agents_only("chat_unfollowed", &PushBody::ChatUnfollowed { chat: chat_id() });
}

#[test]
fn customer_updated_is_flat_and_has_changed_fields_only() {
    let updated = |profile: CustomerProfile, before: Option<CustomerProfile>| PushBody::CustomerUpdated {
        id: CustomerId::from(CUSTOMER),
        profile,
        before: before.map(Box::new),
    };
    let (agents, customers) = both("customer_updated", &updated(fixture::profile(), None));
    assert_eq!(agents["name"], "Thomas Anderson");
    assert_eq!(agents["type"], "customer");
    assert_eq!(customers["session_fields"][1], json!({"a": "second"}));
    let renamed = CustomerProfile { name: Some("Neo".to_owned()), ..fixture::profile() };
    let body = updated(renamed, Some(fixture::profile()));
    for told in <[Value; 2]>::from(both("customer_updated", &body)) {
        assert_eq!(told, json!({"id": CUSTOMER, "type": "customer", "name": "Neo"}));
    }
    let moved = CustomerProfile {
        email: Some("neo@customers.test".to_owned()),
        email_verified: false,
        ..fixture::profile()
    };
    let (told, _) = both("customer_updated", &updated(moved, Some(fixture::profile())));
    let expected =
        json!({"id": CUSTOMER, "type": "customer", "email": "neo@customers.test", "email_verified": false});
    assert_eq!(told, expected);
    let bare = CustomerProfile { session_fields: Vec::new(), ..fixture::profile() };
    for told in <[Value; 2]>::from(both("customer_updated", &updated(bare, Some(fixture::profile())))) {
        let expected = json!({"id": CUSTOMER, "type": "customer", "session_fields": []});
        assert_eq!(told, expected, "there are none any more");
    }
}

#[test]
fn customer_updated_tells_of_a_text_that_was_taken_away() {
    let license = fixture::license();
    let profile = CustomerProfile { phone_number: Some(String::new()), ..fixture::profile() };
    let before = Some(Box::new(fixture::profile()));
    let body = PushBody::CustomerUpdated { id: CustomerId::from(CUSTOMER), profile, before };
    let (_, payload) = fixture::view(Surface::Agent, &license).push(&body).expect("a push");
    assert_eq!(parsed(&payload), json!({"id": CUSTOMER, "type": "customer", "phone_number": ""}));
}

#[test]
fn groups_status_updated_tells_each_side_what_changed_for_it() {
    let for_agents = vec![(GroupId(0), GroupStatus::AcceptingChats), (GroupId(1), GroupStatus::Offline)];
    let for_customers = vec![(GroupId(0), CustomerGroupStatus::OnlineForQueue)];
    let body = PushBody::GroupsStatusUpdated { for_agents: for_agents.clone(), for_customers };
    let (agents, customers) = both("groups_status_updated", &body);
    let expected = json!([{"id": 0, "status": "accepting_chats"}, {"id": 1, "status": "offline"}]);
    assert_eq!(agents["groups"], expected);
    assert_eq!(customers["groups"], json!([{"id": 0, "status": "online_for_queue"}]));
    let for_agents_only = PushBody::GroupsStatusUpdated { for_agents, for_customers: Vec::new() };
    agents_only("groups_status_updated", &for_agents_only);
}

#[test]
fn routing_status_set_is_for_agents() {
    let body = PushBody::RoutingStatusSet { agent: AgentId::from(AGENT), status: "accepting_chats" };
    let payload = agents_only("routing_status_set", &body);
    assert_eq!(payload, json!({"agent_id": AGENT, "status": "accepting_chats"}));
}

#[test]
fn places_in_the_queue_go_to_each_side_in_its_own_push() {
    let moved = (chat_id(), thread_id(), fixture::place());
    let payload =
        agents_only("queue_positions_updated", &PushBody::QueuePositionsUpdated(vec![moved.clone()]));
    assert_eq!(payload[0]["queue"], json!({"position": 42, "wait_time": 1337}));
    let (chat, thread, place) = moved;
    let (agents, customers) =
        rendered("queue_position_updated", &PushBody::QueuePositionUpdated { chat, thread, place });
    assert!(agents.is_none());
    assert_eq!(customers.expect("a push")["queue"], json!({"position": 42, "wait_time": 1337}));
}

#[test]
fn tags_are_for_agents() {
    let (chat, thread, tag) = (chat_id(), thread_id(), "secret".to_owned());
    let body = PushBody::ThreadTagged { chat: chat.clone(), thread: thread.clone(), tag: tag.clone() };
    let payload = agents_only("thread_tagged", &body);
    assert_eq!(payload["tag"], "secret");
    agents_only("thread_untagged", &PushBody::ThreadUntagged { chat, thread, tag });
}

#[test]
fn event_deleted_names_the_event() {
    let body = PushBody::EventDeleted { chat: chat_id(), event: event_id(3) };
    let (agents, customers) = both("event_deleted", &body);
    assert_eq!(agents["event_id"], event_id(3).to_string());
    assert_eq!(agents, customers);
}

#[test]
fn a_deleted_event_is_whole_for_administrators_a_trace_for_agents_and_nothing_for_customers() {
    let license = fixture::license();
    for event in fixture::events() {
        let mut event = (*event).clone();
        event.deleted = true;
        let kind = event.body.kind().as_str();
        let body = PushBody::IncomingEvent { chat: chat_id(), thread: thread_id(), event: Arc::new(event) };
        if ["system_message", "annotation"].contains(&kind) {
            continue;
        }
        let trace = agents_only("incoming_event", &body);
        assert_eq!(trace["event"]["deleted"], true);
        assert!(trace["event"].get("text").is_none() && trace["event"].get("content").is_none(), "{trace}");
        let above = switchboard::protocol::view::View {
            sees_deleted: true,
            ..fixture::view(Surface::Agent, &license)
        };
        let (_, whole) = above.push(&body).expect("a push");
        let whole = parsed(&whole);
        Tables::load("agent").assert_push("incoming_event", &whole);
        assert_eq!(whole["event"]["deleted"], true);
        assert!(
            whole["event"].as_object().map(|event| event.len()) > trace["event"].as_object().map(|t| t.len())
        );
    }
}

#[test]
fn incoming_rich_message_postback_names_who_pressed_what() {
    let postback = Pressed {
        id: "yes".to_owned(),
        toggled: true,
        button_type: Some("message".to_owned()),
        button_value: None,
        ecommerce: None,
    };
    let body = PushBody::IncomingRichMessagePostback {
        chat: chat_id(),
        event: event_id(2),
        user: agent(AGENT),
        postback,
    };
    let (agents, customers) = both("incoming_rich_message_postback", &body);
    let pressed = json!({"id": "yes", "toggled": true, "button_type": "message"});
    assert_eq!((&agents["user_id"], &agents["postback"]), (&json!(AGENT), &pressed));
    assert_eq!(customers["user_id"], pseudonym(AGENT));
}

#[test]
fn incoming_thinking_indicator_is_for_whom_it_is_meant() {
    let body = |visibility| PushBody::IncomingThinkingIndicator {
        chat: chat_id(),
        thread: thread_id(),
        author: agent(AGENT),
        visibility,
        at: AT,
        thought: Thought { title: Some("Looking".to_owned()), ..Thought::default() },
    };
    let (agents, customers) = both("incoming_thinking_indicator", &body(Visibility::All));
    assert_eq!(
        (&agents["sent_at"], &agents["title"]),
        (&json!("2017-10-12T15:19:21.010200Z"), &json!("Looking"))
    );
    assert_eq!(customers["author_id"], pseudonym(AGENT));
    agents_only("incoming_thinking_indicator", &body(Visibility::Agents));
}

#[test]
fn incoming_event_preview_is_for_customers() {
    let body = PushBody::IncomingEventPreview {
        chat: chat_id(),
        thread: thread_id(),
        author: agent(AGENT),
        at: AT,
        text: "I thi".to_owned(),
        custom_id: Some("c1".into()),
    };
    let (agents, customers) = rendered("incoming_event_preview", &body);
    assert!(agents.is_none());
    let event = customers.expect("a push")["event"].clone();
    assert_eq!((&event["text"], &event["author_id"]), (&json!("I thi"), &json!(pseudonym(AGENT))));
}

#[test]
fn incoming_multicast_names_its_author_and_customer_banned_the_days() {
    let content = Json(serde_json::value::RawValue::from_string("[1]".to_owned()).expect("JSON"));
    let body =
        PushBody::IncomingMulticast { author: Some(agent(AGENT)), content, kind: Some("news".to_owned()) };
    let (agents, _) = both("incoming_multicast", &body);
    assert_eq!(agents, json!({"author_id": AGENT, "content": [1], "type": "news"}));
    let banned = PushBody::CustomerBanned { id: CustomerId::from(CUSTOMER), days: 3 };
    assert_eq!(agents_only("customer_banned", &banned)["ban"], json!({"days": 3}));
}

#[test]
fn visitors_are_told_to_agents_alone() {
    let mut visits = CustomerVisits::default();
    let page = NewPage { url: "https://shop.example/a".to_owned(), title: Some("A".to_owned()) };
    let arrival = Arrival {
        group: Some(GroupId(1)),
        page: Some(page),
        referrer: Some("https://search.example/".to_owned()),
        ip: Some("192.0.2.7".to_owned()),
        geolocation: Some(fixture::geolocation()),
        user_agent: Some("Mozilla".to_owned()),
        client: None,
        is_another: false,
        pause: std::time::Duration::ZERO,
    };
    visits.arrive(&arrival, &fixture::license(), AT);
    let customer = CustomerId::from(CUSTOMER);
    let profile = fixture::profile();
    let visitor = Box::new(Visitor { id: customer.clone(), profile, visits, is_chatting: true });
    let page = visitor.visits.page().cloned().expect("a page");
    let agents = agents_only("incoming_customer", &PushBody::IncomingCustomer(visitor.clone()));
    assert_eq!((&agents["group_ids"], &agents["state"]), (&json!([1]), &json!("chatting")));
    assert_eq!(agents["visit"]["ip"], "192.0.2.7");
    let told = agents_only("customer_statistics_updated", &PushBody::CustomerStatisticsUpdated(visitor));
    assert_eq!(told["statistics"]["page_views_count"], 1);
    let id = customer.clone();
    let told = agents_only("customer_page_updated", &PushBody::CustomerPageUpdated { id, visit: 3, page });
    assert_eq!((&told["visit_id"], &told["title"]), (&json!(3), &json!("A")));
    let (id, to) = (customer.clone(), GroupId(2));
    let told = agents_only("customer_transferred", &PushBody::CustomerTransferred { id, to });
    assert_eq!(told["transferred_to"]["group_ids"], json!([2]));
    agents_only("customer_left", &PushBody::CustomerLeft { id: customer, at: AT });
}

#[test]
fn the_pushes_that_are_listed_are_the_protocols() {
    for (surface, push) in PUSHES {
        let tables = Tables::load(surface.as_str());
        assert!(tables.part("pushes").get(push).is_some(), "{surface:?} has no push {push}");
    }
}

#[test]
fn a_welcome_is_told_to_customers_alone_and_names_no_address() {
    let body = PushBody::IncomingWelcomeMessage {
        id: "w1".to_owned(),
        at: AT,
        author: AgentId::from(AGENT),
        text: "Hello".to_owned(),
    };
    let (agents, customers) = rendered("incoming_welcome_message", &body);
    let customers = customers.expect("a push");
    assert!(agents.is_none());
    assert_eq!((&customers["id"], &customers["event"]["text"]), (&json!("w1"), &json!("Hello")));
    assert_eq!(customers["event"]["author_id"], pseudonym(AGENT));
}

#[test]
fn greetings_are_told_to_customers_alone_and_name_no_address() {
    let (greeting, showing) = fixture::greeting();
    let unique_id = showing.unique_id.clone();
    let body = PushBody::IncomingGreeting { greeting: Box::new(greeting), showing };
    let (agents, customers) = rendered("incoming_greeting", &body);
    let customers = customers.expect("a push");
    assert!(agents.is_none());
    assert_eq!((&customers["id"], &customers["unique_id"]), (&json!(7), &json!(unique_id)));
    assert_eq!(
        (&customers["agent"]["id"], &customers["agent"]["is_bot"]),
        (&json!(pseudonym(AGENT)), &json!(false))
    );
    assert_eq!(customers["event"]["author_id"], pseudonym(AGENT));
    assert!(customers.get("accepted").is_none());
    for (action, body) in [
        ("greeting_accepted", PushBody::GreetingAccepted { unique_id: unique_id.clone() }),
        ("greeting_canceled", PushBody::GreetingCanceled { unique_id: unique_id.clone() }),
    ] {
        assert_eq!(rendered(action, &body), (None, Some(json!({ "unique_id": unique_id }))));
    }
}
