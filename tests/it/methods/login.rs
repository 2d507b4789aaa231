//! Bad logins, as the matrix has bad calls of all other methods.

use serde_json::{Value, json};
use switchboard::protocol::method::{self, Method};
use switchboard::protocol::version::Surface;

use super::{bad, past};
use crate::support::{Session, shared};

/// A login that says everything that can be said.
fn good(method: &Method, token: &str) -> Value {
    match method.surface {
        Surface::Agent => json!({
            "token": token, "timezone": "Europe/Warsaw", "reconnect": true, "away": true,
            "application": { "name": "a", "version": "1" }, "customer_monitoring_level": "my",
            "pushes": { "3.6": ["incoming_chat"] },
        }),
        Surface::Customer => json!({
            "token": token,
            "customer": {
                "name": "n", "email": "e@example.com", "avatar": "https://x.example/a.png",
                "session_fields": [{ "k": "v" }],
                "address": {
                    "address": "1 Way", "city": "Rome", "country": "Italy", "state": "RM", "postal_code": "1",
                },
            },
            "customer_page": { "url": "https://shop.example/", "title": "t" },
            "customer_side_storage": { "k": "v" }, "is_mobile": true, "group_id": 1,
            "referrer": "https://search.example/",
            "application": { "name": "a", "version": "1", "channel_type": "code" },
            "pushes": { "3.6": ["incoming_event"] },
        }),
    }
}

async fn names_what_is_bad(session: &Session, method: &Method, token: &str) {
    let good = good(method, token);
    let mut played = 0;
    for bad in bad::of(method, &good).into_iter().chain(past::of(method, &good)) {
        let error = session.refused("login", bad.payload.clone()).await;
        let name = bad.param.rsplit('.').next().unwrap_or(bad.param);
        let names_it = match (error.kind.as_str(), bad.what) {
            ("limit_reached", past::WHAT) => error.message.contains("session fields"),
            ("validation", _) => error.message.contains(name),
            _ => false,
        };
        assert!(names_it, "{} {}: {error:?}", bad.param, bad.what);
        played += 1;
    }
    assert!(played >= method.params.len(), "{played} were played");
    session.call("login", good).await;
}

#[tokio::test]
async fn a_login_names_each_parameter_that_is_bad_and_can_be_tried_again() {
    let license = shared().await.license();
    let (agent, customer) = (license.agent(1), license.customer().await);
    let login = |surface| method::find(surface, "login").expect("a login");
    names_what_is_bad(&agent.connects().await, login(Surface::Agent), &agent.token).await;
    names_what_is_bad(&customer.connects().await, login(Surface::Customer), &customer.token).await;
}
