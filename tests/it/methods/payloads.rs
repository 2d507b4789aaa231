//! A good payload of each method, with every required parameter and most others.

use serde_json::{Value, json};
use switchboard::domain::greeting::Greeting;
use switchboard::domain::license::Settings;
use switchboard::protocol::method::Method;
use switchboard::protocol::version::Surface;

use super::world::{Scene, World};
use crate::support::{MailServer, Plan, TestNode};

/// Has everything been prepared that the call needs, it goes well with this.
pub(super) async fn good(method: &Method, world: &World, scene: &Scene) -> Value {
    let chat = &scene.chat;
    let (agent_side, id) = (method.surface == Surface::Agent, &chat.id);
    let properties = json!({ "test": { "int_property": 7, "string_property": "seven" } });
    let names = json!({ "test": ["int_property"] });
    match method.action {
        "start_chat" => {
            let who = &scene.second_customer;
            let mut users = json!([{ "id": who.id(), "type": "customer" }]);
            if agent_side {
                users
                    .as_array_mut()
                    .expect("a list")
                    .push(json!({ "id": world.other_agent.id(), "type": "agent" }));
            } else {
                users = json!([{ "id": scene.customer.id(), "type": "customer" }]);
                // At the limit of one chat, a start opens the next thread of the one there is.
                scene.customer.deactivates(chat).await;
            }
            json!({ "chat": opening(users, properties), "active": true, "continuous": false })
        }
        "resume_chat" => {
            scene.customer.deactivates(chat).await;
            let users = json!([{ "id": scene.customer.id(), "type": "customer" }]);
            let mut opening = opening(users, properties);
            opening["id"] = json!(id);
            json!({ "chat": opening, "active": true, "continuous": false })
        }
        "deactivate_chat" if agent_side => json!({ "id": id, "ignore_requester_presence": false }),
        "deactivate_chat" => json!({ "id": id }),
        "send_event" => {
            let event =
                json!({ "type": "message", "text": "good", "custom_id": "c1", "properties": properties });
            json!({ "chat_id": id, "event": event })
        }
        "list_chats" if agent_side => {
            let filters = json!({
                "active": true, "include_chats_without_threads": false, "group_ids": [0],
                "properties": { "test": { "int_property": { "exists": false } } },
            });
            json!({ "filters": filters, "limit": 5, "sort_order": "asc" })
        }
        "list_chats" => json!({ "limit": 5, "sort_order": "asc" }),
        "list_threads" if agent_side => json!({
            "chat_id": id, "limit": 5, "sort_order": "asc",
            "filters": { "from": "2020-01-01T00:00:00.000000Z", "to": "2100-01-01T00:00:00.000000Z" },
        }),
        "list_threads" => json!({ "chat_id": id, "limit": 5, "sort_order": "asc" }),
        "list_archives" => json!({
            "filters": {
                "from": "2020-01-01T00:00:00.000000Z", "to": "2100-01-01T00:00:00.000000Z", "chat_ids": [id],
                "group_ids": [0], "agents": { "exists": true }, "tags": { "exists": false },
                "event_types": { "values": ["message"], "require_every_value": true },
                "forms": { "exists": false }, "agent_response": { "exists": true, "first": true },
                "agent_types": { "any_values": ["human"] }, "customer_id": scene.customer.id(),
            },
            "limit": 5, "sort_order": "asc",
        }),
        "get_chat" => json!({ "chat_id": id, "thread_id": chat.thread_id }),
        // A member of the chat cannot unfollow it, so somebody else does both.
        "follow_chat" | "unfollow_chat" => json!({ "id": id }),
        "transfer_chat" => json!({
            "id": id, "target": { "type": "agent", "ids": [world.other_agent.id()] },
            "ignore_agents_availability": true, "ignore_requester_presence": false,
        }),
        "add_user_to_chat" => json!({
            "chat_id": id, "user_id": world.other_agent.id(), "user_type": "agent", "visibility": "agents",
            "ignore_requester_presence": false,
        }),
        "remove_user_from_chat" => json!({
            "chat_id": id, "user_id": world.agent.id(), "user_type": "agent", "ignore_requester_presence": false,
        }),
        "set_routing_status" => json!({ "status": "not_accepting_chats", "agent_id": world.agent.id() }),
        "list_routing_statuses" => json!({ "filters": { "group_ids": [0] } }),
        "mark_events_as_seen" => json!({ "chat_id": id, "seen_up_to": "2100-01-01T00:00:00.000000Z" }),
        "send_typing_indicator" => json!({ "chat_id": id, "visibility": "all", "is_typing": true }),
        "send_sneak_peek" => json!({ "chat_id": id, "sneak_peek_text": "hel" }),
        "get_customer" if agent_side => json!({ "id": scene.customer.id() }),
        "get_customer" => json!({}),
        "ban_customer" => json!({ "id": scene.customer.id(), "ban": { "days": 3 } }),
        "tag_thread" | "untag_thread" => json!({ "chat_id": id, "thread_id": chat.thread_id, "tag": "good" }),
        "send_event_preview" => {
            json!({ "chat_id": id, "event": { "type": "message", "text": "I thi", "custom_id": "c1" } })
        }
        "send_thinking_indicator" => json!({
            "chat_id": id, "title": "Looking", "description": "into it", "visibility": "all", "custom_id": "c1",
        }),
        "send_rich_message_postback" => json!({
            "chat_id": id, "thread_id": chat.thread_id, "event_id": scene.rich_message_id,
            "postback": {
                "id": "yes", "toggled": true, "button_type": "message", "button_value": "Yes",
                "ecommerce": { "product_id": "p1", "option_id": "o1", "quantity": 2 },
            },
        }),
        "delete_event" => {
            let event = scene.customer.says(chat, "oops").await;
            json!({ "chat_id": id, "thread_id": chat.thread_id, "event_id": event })
        }
        "set_customer_session_fields" => json!({ "session_fields": [{ "cart": "3" }, { "cart": "4" }] }),
        "list_group_statuses" => json!({ "all": false, "group_ids": [0, 1, 99] }),
        // The last one: from now on chats are given to somebody.
        "get_predicted_agent" => {
            world.other_agent.call("set_routing_status", json!({ "status": "accepting_chats" })).await;
            json!({})
        }
        "multicast" => json!({
            "recipients": { "agents": { "all": false, "ids": [world.other_agent.id()], "groups": [1] } },
            "content": { "any": ["thing"] }, "type": "news",
        }),
        "list_agents_for_transfer" => json!({ "chat_id": id }),
        "set_away_status" => json!({ "away": true }),
        "update_session" => json!({ "token": world.agent.who.token }),
        "subscribe_customers" => json!({ "group_ids": [0, 1], "limit": 10 }),
        "unsubscribe_customers" => {
            let answer = world.agent.call("subscribe_customers", json!({})).await;
            json!({ "subscription_id": answer["subscription_id"] })
        }
        "request_welcome_message" => {
            world.other_agent.call("set_routing_status", json!({ "status": "accepting_chats" })).await;
            json!({ "id": "welcome1", "group_id": 0 })
        }
        "get_dynamic_configuration" => json!({
            "organization_id": world.license.organization(), "license_id": world.license.number(), "group_id": 1,
            "url": "https://shop.example/a?b=c", "channel_type": "code", "test": true,
        }),
        "get_configuration" => {
            json!({ "organization_id": world.license.organization(), "group_id": 0, "version": "any" })
        }
        "get_localization" => json!({
            "organization_id": world.license.organization(), "group_id": 2, "language": "en", "version": "any",
        }),
        "list_license_properties" => json!({
            "organization_id": world.license.organization(), "namespace": "test", "name": "string_property",
        }),
        "list_group_properties" => json!({
            "organization_id": world.license.organization(), "id": 1, "namespace": "test", "name": "string_property",
        }),
        "get_form" => json!({ "group_id": 0, "type": "prechat" }),
        "accept_greeting" => {
            json!({ "greeting_id": GREETING, "unique_id": greeted(scene).await["unique_id"] })
        }
        "cancel_greeting" => json!({ "unique_id": greeted(scene).await["unique_id"] }),
        "send_greeting_button_clicked" => {
            json!({ "greeting_unique_id": greeted(scene).await["unique_id"], "button_id": "yes" })
        }
        "check_goals" => json!({
            "session_fields": [{ "cart": "3" }], "group_id": 1, "page_url": "https://shop.example/thanks",
        }),
        "get_url_info" => json!({ "url": format!("{}/widget", world.license.link.base()) }),
        "request_email_verification" => {
            scene.customer.call("update_customer", json!({ "email": "ann@mail.example" })).await;
            json!({ "callback_uri": format!("{}/verified", world.license.link.base()) })
        }
        "update_customer_page" => json!({ "url": "https://shop.example/b", "title": "B" }),
        "update_customer" if agent_side => json!({
            "id": scene.customer.id(), "name": "Ann", "email": "ann@example.com",
            "avatar": "https://x.example/a.png", "phone_number": "+14155552671",
            "session_fields": [{ "cart": "3" }],
            "omnichannel": omnichannel(),
            "address": {
                "address": "1 Way", "city": "Rome", "country": "Italy", "state": "RM", "postal_code": "1",
            },
        }),
        "update_customer" => json!({
            "name": "Ann", "email": "ann@example.com", "avatar": "https://x.example/a.png",
            "session_fields": [{ "cart": "3" }], "omnichannel": omnichannel(),
        }),
        "update_chat_properties" => json!({ "id": id, "properties": properties }),
        "delete_chat_properties" => json!({ "id": id, "properties": names }),
        "update_thread_properties" => {
            json!({ "chat_id": id, "thread_id": chat.thread_id, "properties": properties })
        }
        "delete_thread_properties" => {
            json!({ "chat_id": id, "thread_id": chat.thread_id, "properties": names })
        }
        "update_event_properties" => json!({
            "chat_id": id, "thread_id": chat.thread_id, "event_id": scene.event_id, "properties": properties,
        }),
        "delete_event_properties" => json!({
            "chat_id": id, "thread_id": chat.thread_id, "event_id": scene.event_id, "properties": names,
        }),
        other => panic!("no payload for {other}: a new method needs one here"),
    }
}

/// The greeting that the license has.
const GREETING: u32 = 7;

/// What the license greets with, on one page.
fn greetings() -> Vec<Greeting> {
    let button = json!({ "text": "Yes", "postback_id": "yes" });
    let greeting = json!({
        "id": GREETING, "type": "announcement", "properties": { "addon": "email" },
        "rules": [{ "condition": "and", "type": "url_current", "operator": "contains", "value": "/greeted" }],
        "rich_message": { "template_id": "quick_replies", "elements": [{ "title": "Hello?", "buttons": [button] }] },
    });
    serde_json::from_value(json!([greeting])).expect("greetings")
}

/// A node that sends mail, with two licenses that greet.
pub(super) async fn node() -> TestNode {
    let relay = MailServer::start(None).address();
    let settings = [
        ("limits.session_rate", "off"),
        // Some of its users say nothing while hundreds of calls are played, and a busy machine takes its time for each.
        ("rtm.idle_timeout", "10m"),
        ("rtm.request_timeout", "2m"),
        ("outgoing.allow_private", "true"),
        ("mail.relay", &relay),
        ("mail.tls", "off"),
        ("mail.from", "shop@shop.example"),
    ];
    let plan = Plan {
        licenses: 2,
        settings: Settings { greetings: greetings(), ..Settings::default() },
        ..Plan::default()
    };
    TestNode::with(&settings, plan).await
}

/// The customer leaves the chat, opens that page, and is greeted.
async fn greeted(scene: &Scene) -> Value {
    scene.customer.deactivates(&scene.chat).await;
    let page = json!({ "url": "https://shop.example/greeted", "title": "Hello" });
    scene.customer.call("update_customer_page", page).await;
    scene.customer.expect_push("incoming_greeting", |push| push["id"] == GREETING).await
}

/// How a customer is known elsewhere.
fn omnichannel() -> Value {
    json!({
        "fbmessenger": {
            "id": "1", "name": "Ann", "first_name": "Ann", "last_name": "B", "profile_pic": "p", "gender": "f",
            "locale": "en", "is_verified_user": true,
        },
        "twilio": { "phone_number": "+1" },
    })
}

fn opening(users: Value, properties: Value) -> Value {
    let event = json!({ "type": "message", "text": "first" });
    let thread = json!({ "events": [event], "properties": properties });
    json!({ "users": users, "properties": properties, "access": { "group_ids": [0] }, "thread": thread })
}
