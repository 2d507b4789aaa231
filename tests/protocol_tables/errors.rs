//! The table of errors is the union of both surfaces' tables.

use std::collections::BTreeSet;

use serde_json::json;
use switchboard::domain::rejection::Rejection;
use switchboard::protocol::error::{ErrorType, WireError};
use switchboard::protocol::version::Surface;

use crate::tables::Tables;

#[test]
fn error_types_are_those_of_both_tables() {
    let mut documented = BTreeSet::new();
    for (surface, message_key) in [("agent", "message"), ("customer", "default_message")] {
        let tables = Tables::load(surface);
        for (name, row) in tables.part("errors").as_object().expect("errors") {
            documented.insert(name.clone());
            let kind = ErrorType::ALL.iter().find(|kind| kind.as_str() == name);
            let kind = kind.unwrap_or_else(|| panic!("{name} is absent"));
            assert_eq!(kind.default_message(), row[message_key], "{surface} {name}");
            if let Some(status) = row["http"].as_u64() {
                assert_eq!(u64::from(kind.http_status()), status, "{surface} {name}");
            }
        }
    }
    let ours: BTreeSet<String> = ErrorType::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    assert_eq!(ours, documented);
}

#[test]
fn every_rejection_becomes_a_type_that_the_surface_has() {
    let rejections = [
        Rejection::validation("event.text", "at most 3 bytes"),
        Rejection::NotFound("chat"),
        Rejection::MissingAccess("no access"),
        Rejection::Authorization("not for you"),
        Rejection::ChatInactive,
        Rejection::LimitReached("too many"),
        Rejection::AgentOffline,
        Rejection::GroupsOffline,
        Rejection::GroupNotFound(7),
        Rejection::CustomerBanned,
    ];
    for surface in [Surface::Agent, Surface::Customer] {
        let tables = Tables::load(surface.as_str());
        for rejection in &rejections {
            let error = WireError::from_rejection(rejection.clone(), surface);
            let known = tables.part("errors").get(error.kind.as_str()).is_some();
            assert!(known, "{} has no {}", surface.as_str(), error.kind.as_str());
            assert_eq!(error.message, rejection.to_string());
        }
    }
}

#[test]
fn an_error_has_the_documented_body() {
    let error = WireError::from_rejection(Rejection::validation("event.text", "at \"most\""), Surface::Agent);
    let body: serde_json::Value = serde_json::from_str(&error.body()).expect("JSON");
    assert_eq!(body, json!({"error": {"type": "validation", "message": "`event.text`: at \"most\""}}));
    assert_eq!(error.http_status(), 400);
    let misdirected =
        WireError { data: Some(json!({"region": "dal"})), ..WireError::of(ErrorType::MisdirectedRequest) };
    let body: serde_json::Value = serde_json::from_str(&misdirected.body()).expect("JSON");
    let expected =
        json!({"type": "misdirected_request", "message": "Wrong region", "data": {"region": "dal"}});
    assert_eq!(body["error"], expected);
}
