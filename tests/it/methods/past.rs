//! Payloads that pass a documented limit by one. The limits are read off the rules of the tables; what is not played here
//! stands below with its reason.

use serde_json::{Value, json};
use switchboard::protocol::method::{self, Method, Param, ParamKind};

use super::bad::{Bad, minimal};
use crate::support::tables;

/// Rules that speak of a limit and are not played by the matrix: surface, method (`*`: any), parameter, reason.
const EXCEPTIONS: &[(&str, &str, &str, &str)] = &[
    ("agent", "start_chat", "chat.users", "needs more agents than the matrix has: chats::members"),
    ("agent", "resume_chat", "chat.users", "as of start_chat"),
    ("customer", "start_chat", "chat.users", "one user at most, and a customer: chats::members"),
    ("agent", "subscribe_customers", "limit", "the rule says that the maximum is not stated"),
    ("*", "upload_file", "file", "10 MB in multipart/form-data: chats::files"),
];

/// How such payloads are called.
pub(super) const WHAT: &str = "past its limit";

/// Words of a rule that speaks of a limit.
const WORDS: &[&str] = &["at most", "max ", "maximum", "min ", "..", "E.164"];

/// What a rule demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Most(u64),
    Least(u64),
    E164,
}

/// Reads `default 10, min 1, max 100`, `at most 200`, `1..100`, `E.164`.
fn limits(rule: &str) -> Vec<Limit> {
    let words: Vec<&str> = rule.split_whitespace().map(|word| word.trim_end_matches([',', ';'])).collect();
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let number = |after: usize| words.get(index + after).and_then(|word| word.parse().ok());
        match *word {
            "at" if words.get(index + 1) == Some(&"most") => found.extend(number(2).map(Limit::Most)),
            "max" | "maximum" => found.extend(number(1).map(Limit::Most)),
            "min" => found.extend(number(1).map(Limit::Least)),
            "E.164" => found.push(Limit::E164),
            range => {
                let ends = range.split_once("..").map(|(from, to)| (from.parse(), to.parse()));
                if let Some((Ok(from), Ok(to))) = ends {
                    found.extend([Limit::Least(from), Limit::Most(to)]);
                }
            }
        }
    }
    found
}

fn is_excepted(method: &Method, param: &str) -> bool {
    EXCEPTIONS.iter().any(|(surface, action, name, _)| {
        let is_there = *surface == "*" || *surface == method.surface.as_str();
        is_there && *action == method.action && *name == param
    })
}

/// The parameters of a method with their rules.
fn rules(method: &Method) -> Vec<(&'static Param, String)> {
    let table = tables(method.surface.as_str());
    let rows = table.part("methods")[method.action]["params"].as_array().cloned().unwrap_or_default();
    let rule = |row: &Value| {
        let param = method.param(row["name"].as_str()?)?;
        Some((param, row["rule"].as_str().unwrap_or_default().to_owned()))
    };
    rows.iter().filter_map(rule).collect()
}

/// Each documented limit of the method passed by one.
pub(super) fn of(method: &Method, good: &Value) -> Vec<Bad> {
    let mut all = Vec::new();
    for (param, rule) in rules(method) {
        if is_excepted(method, param.name) {
            continue;
        }
        let mut values: Vec<Value> =
            limits(&rule).into_iter().map(|limit| past(method, param.kind, limit)).collect();
        // Stated once, for the structure.
        if param.kind == ParamKind::SessionFields && values.is_empty() {
            values.push(past(method, param.kind, Limit::Most(100)));
        }
        values.extend(events(method, param));
        let bads = values.into_iter().map(|value| (minimal(method, good, param.name, value), param));
        all.extend(bads.map(|(payload, param)| Bad { payload, param: param.name, what: WHAT }));
    }
    all
}

fn past(method: &Method, kind: ParamKind, limit: Limit) -> Value {
    let count = |most: u64| usize::try_from(most).expect("a size") + 1;
    match (kind, limit) {
        (ParamKind::Int, Limit::Most(most)) => json!(most + 1),
        (ParamKind::Int, Limit::Least(least)) => json!(i64::try_from(least).expect("a number") - 1),
        (ParamKind::Ints, Limit::Most(most)) => json!(vec![0; count(most)]),
        (ParamKind::Strings, Limit::Most(most)) => json!(vec!["X"; count(most)]),
        (ParamKind::SessionFields, Limit::Most(most)) => {
            let fields = (0..count(most)).map(|index| json!({ format!("key{index}"): "x" }));
            fields.collect()
        }
        (ParamKind::String, Limit::E164) => json!("014155552671"),
        (kind, limit) => panic!("{}: how is {limit:?} of {kind:?} passed?", method.action),
    }
}

/// Events past the limits of their structures.
fn events(method: &Method, param: &Param) -> Vec<Value> {
    let table = tables(method.surface.as_str());
    let row = |structure: &str, field: &str| {
        // What may be sent stands in the one list or in the other.
        let lists = ["request_fields", "fields"].map(|list| &table.part("structures")[structure][list]);
        let mut rows = lists.into_iter().filter_map(Value::as_array).flatten();
        let row = rows.find(|row| row["name"] == field);
        let rule = row.and_then(|row| row["rule"].as_str());
        match limits(rule.unwrap_or_default())[..] {
            [Limit::Most(most)] => usize::try_from(most).expect("a size"),
            _ => panic!("{structure}.{field} has no limit any more"),
        }
    };
    let rich =
        |elements: Value| json!({ "type": "rich_message", "template_id": "cards", "elements": elements });
    let message = json!({ "type": "message", "text": "x".repeat(row("Event:message", "text") * 1_024 + 1) });
    let button = json!({ "text": "Yes", "postback_id": "yes", "user_ids": [] });
    let crowded = rich(json!(vec![json!({ "title": "x" }); row("Event:rich_message", "elements") + 1]));
    let buttons = vec![button; row("Event:rich_message", "elements.buttons") + 1];
    let buttoned = rich(json!([{ "title": "x", "buttons": buttons }]));
    let all = match param.kind {
        // Messages alone are previewed.
        ParamKind::Event if method.action == "send_event_preview" => vec![message],
        ParamKind::Event | ParamKind::Events => vec![message, crowded, buttoned],
        _ => Vec::new(),
    };
    let in_list = |event| if param.kind == ParamKind::Events { json!([event]) } else { event };
    all.into_iter().map(in_list).collect()
}

#[test]
fn every_rule_that_speaks_of_a_limit_is_played_or_excepted() {
    let mut holes = Vec::new();
    let mut played = 0;
    for method in method::all() {
        for (param, rule) in rules(method) {
            let speaks = WORDS.iter().any(|word| rule.contains(word));
            let is_read = !limits(&rule).is_empty();
            played += usize::from(is_read);
            if speaks && !is_read && !is_excepted(method, param.name) {
                holes.push(format!("{:?} {} {}: {rule}", method.surface, method.action, param.name));
            }
        }
    }
    assert!(holes.is_empty(), "{}", holes.join("\n"));
    assert!(played > 10, "only {played} limits were read");
}

#[test]
fn limits_are_read_off_rules() {
    assert_eq!(limits("default 10, min 1, max 100"), [Limit::Least(1), Limit::Most(100)]);
    assert_eq!(limits("at most 16 KB of raw UTF-8 bytes"), [Limit::Most(16)]);
    assert_eq!(limits("1..100; total events"), [Limit::Least(1), Limit::Most(100)]);
    assert_eq!(limits("threads per page; default 3, maximum 100; excludes x"), [Limit::Most(100)]);
    assert_eq!(limits("E.164"), [Limit::E164]);
    assert_eq!(limits("cap; default and maximum not stated"), []);
}
