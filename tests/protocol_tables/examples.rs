//! The vendor's own example requests, where their folder is at hand: `SWITCHBOARD_TEST_EXAMPLES`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::value::RawValue;
use switchboard::protocol::error::ErrorType;
use switchboard::protocol::method::{self, HttpMethod, Method};
use switchboard::protocol::request;

/// Examples that are refused, and why.
const REFUSED: &[(&str, &str, ErrorType)] = &[
    // It asks for pushes of 3.7 too, which is not served.
    ("agent", "login", ErrorType::UnsupportedVersion),
    ("customer", "login", ErrorType::UnsupportedVersion),
    // Their event's id is of another form than this server's.
    ("agent", "send_rich_message_postback", ErrorType::NotFound),
    ("customer", "send_rich_message_postback", ErrorType::NotFound),
    // Its license is a placeholder.
    ("customer", "get_dynamic_configuration", ErrorType::Validation),
];

/// What stands in a query is text.
fn of_query(method: &Method, text: &str) -> Box<RawValue> {
    let pairs: BTreeMap<String, String> = serde_json::from_str(text).expect("texts");
    let pairs: Vec<(String, String)> = pairs.into_iter().collect();
    request::query_payload(method, &pairs, None).expect("a payload")
}

#[test]
#[ignore = "needs SWITCHBOARD_TEST_EXAMPLES, the folder of the example payloads"]
fn example_requests_are_understood() {
    let folder =
        std::env::var("SWITCHBOARD_TEST_EXAMPLES").expect("SWITCHBOARD_TEST_EXAMPLES names a folder");
    let mut read = 0;
    for method in method::all() {
        let surface = method.surface.as_str();
        let path = PathBuf::from(&folder)
            .join(format!("{surface}-3.6"))
            .join(format!("{}.request.json", method.action));
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        read += 1;
        let payload = match method.http {
            HttpMethod::Get => of_query(method, &text),
            HttpMethod::Post => serde_json::from_str(&text).expect("JSON"),
        };
        let refused = REFUSED.iter().find(|(on, action, _)| (*on, *action) == (surface, method.action));
        match (request::decode(method, Some(&payload)), refused) {
            (Ok(_), None) => {}
            (Err(error), Some((_, _, kind))) if error.kind == *kind => {}
            (answer, _) => panic!("{}: {answer:?}", path.display()),
        }
    }
    assert!(read > 20, "only {read} examples in {folder}");
}
