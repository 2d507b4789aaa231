//! The vendor's own example requests, played against the server where their folder is at hand.

use std::path::PathBuf;

use serde_json::Value;
use switchboard::protocol::method::{self, Method};

use super::payloads;
use super::world::{Transport, World, ask, caller};

/// Examples that are refused, and why.
const REFUSED: &[(&str, &str)] = &[
    // They page with an id that this server did not make.
    ("agent", "list_chats"),
    ("agent", "list_threads"),
    ("customer", "list_chats"),
    ("customer", "list_threads"),
];

#[tokio::test]
#[ignore = "needs SWITCHBOARD_TEST_EXAMPLES, the folder of the example payloads"]
async fn example_requests_go_well_on_both_transports() {
    let folder =
        std::env::var("SWITCHBOARD_TEST_EXAMPLES").expect("SWITCHBOARD_TEST_EXAMPLES names a folder");
    let node = payloads::node().await;
    let world = World::of(&node).await;
    let mut played = 0;
    let mut wrong = Vec::new();
    for method in method::all().filter(|method| method.web) {
        let surface = method.surface.as_str();
        let path = PathBuf::from(&folder).join(format!("{surface}-3.6/{}.request.json", method.action));
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let example: Value = serde_json::from_str(&text).expect("JSON");
        let by_rtm = method.rtm.then_some(Transport::Rtm);
        for transport in by_rtm.into_iter().chain([Transport::Web]) {
            let scene = world.scene().await;
            let good = payloads::good(method, &world, &scene).await;
            let payload = with_our_ids(&example, &good, method);
            let (session, web) = caller(method, &world, &scene);
            let answer = ask(transport, session, web, method.action, payload.clone()).await;
            let expected = !REFUSED.contains(&(surface, method.action)) || payload.get("page_id").is_none();
            if answer.is_ok() != expected {
                wrong.push(format!("{surface} {} {transport:?}: {payload}\n  {answer:?}", method.action));
            }
            played += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(played > 40, "only {played} calls by the examples of {folder}");
}

/// The example's shape with ids that exist here: wherever the good payload has an id, it is taken over.
fn with_our_ids(example: &Value, good: &Value, method: &Method) -> Value {
    let mut payload = example.clone();
    take_over(&mut payload, good);
    // The tests reach no other machine.
    for (action, address) in [("get_url_info", "url"), ("request_email_verification", "callback_uri")] {
        if method.action == action {
            payload[address] = good[address].clone();
        }
    }
    // Names that every license has stand for the vendor's own namespaces.
    for pointer in ["/properties", "/chat/properties", "/chat/thread/properties", "/filters/properties"] {
        if let (Some(place), Some(ours)) = (payload.pointer_mut(pointer), good.pointer(pointer)) {
            *place = ours.clone();
        }
    }
    if method.action == "set_routing_status" && payload.get("agent_id").is_some() {
        payload["agent_id"] = good["agent_id"].clone();
    }
    payload
}

fn take_over(place: &mut Value, good: &Value) {
    match (place, good) {
        (Value::Object(place), Value::Object(good)) => {
            for (key, value) in place.iter_mut() {
                let Some(ours) = good.get(key) else {
                    continue;
                };
                let is_id = key == "id" || key.ends_with("_id") || key == "ids" || key.ends_with("_ids");
                let goes_along = ["users", "type", "user_type", "visibility"].contains(&key.as_str());
                if (is_id && key != "custom_id" && key != "page_id") || goes_along {
                    *value = ours.clone();
                } else if key != "event" && key != "events" {
                    take_over(value, ours);
                }
            }
        }
        (Value::Array(place), Value::Array(good)) => {
            for (value, ours) in place.iter_mut().zip(good) {
                take_over(value, ours);
            }
        }
        _ => {}
    }
}
