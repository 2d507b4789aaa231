use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::Operator;

fn mode(operator: &Operator, file: &str) -> u32 {
    fs::metadata(operator.path().join(file)).expect("a file").permissions().mode() & 0o777
}

const NOWHERE: &str =
    r#"auto_access=[{"access":{"groups":[9]},"conditions":{"url":{"values":[{"value":"/"}]}}}]"#;

#[test]
fn licenses_and_tokens_are_made_without_a_server() {
    let operator = Operator::new();
    let line = [
        "license",
        "create",
        "--agents",
        "25",
        "--origins",
        "https://shop.example",
        "--credentials-file",
        "c.json",
    ];
    let summary = operator.ok(&line);
    assert!(summary.contains("license       1001"), "{summary}");
    assert_eq!((mode(&operator, "c.json"), mode(&operator, "data")), (0o600, 0o700));

    let text = fs::read_to_string(operator.path().join("c.json")).expect("read");
    let credentials: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(credentials["base_url"], "http://127.0.0.1:8080");
    assert_eq!(credentials["agents"].as_array().map(Vec::len), Some(25));
    for field in ["id", "name", "account_id", "token", "pat"] {
        assert!(credentials["agents"][24][field].is_string(), "{field}");
    }

    let made = operator.json(&[
        "token",
        "create",
        "--agent",
        "agent2@example.com",
        "--kind",
        "bearer",
        "--scopes",
        "chats--access:ro",
        "--expires",
        "30d",
        "--label",
        "reports",
        "--json",
    ]);
    assert_eq!(made["scheme"], "Bearer");
    let id = made["token"]["id"].as_str().expect("an id").to_owned();
    let listed = operator.json(&["token", "list", "--agent", "agent2@example.com", "--json"]);
    let listed = listed.as_array().expect("tokens");
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().any(|token| token["id"] == id.as_str() && token["label"] == "reports"));

    operator.ok(&["token", "revoke", &id[..12]]);
    let listed = operator.ok(&["token", "list", "--agent", "agent2@example.com"]);
    assert!(listed.lines().any(|line| line.contains(&id[..12]) && line.contains("revoked")), "{listed}");
    assert!(!listed.contains(made["credentials"].as_str().expect("a secret")));
}

#[test]
fn licenses_are_changed_and_shown() {
    let operator = Operator::new();
    operator.ok(&["license", "create"]);
    let change =
        ["license", "set", "--set", "chats.queue.limit=5", "--new-client", "--origins", "https://a.example"];
    let shown = operator.ok(&change);
    assert!(shown.contains("setting       chats.queue.limit = 5"), "{shown}");
    assert!(shown.contains("from https://a.example"), "{shown}");
    let licenses = operator.json(&["license", "show", "--json"]);
    assert_eq!(licenses[0]["settings"]["chats.queue.limit"], "5");
    assert_eq!(licenses[0]["version"], 2);
    assert!(licenses[0].get("pseudonym_key").is_none());
    operator.ok(&["license", "set", "--set", "chats.queue.limit="]);
    assert_eq!(operator.json(&["license", "show", "--json"])[0]["settings"], serde_json::json!({}));

    operator.ok(&["license", "create", "--loopback"]);
    for (line, expected) in [
        (vec!["token", "list"], "there are 2 licenses: name one with --license"),
        (vec!["license", "show", "--license", "7"], "there is no license 7"),
        (
            vec!["license", "set", "--license", "1001", "--set", "chats.queue.limit=many"],
            "must be a whole number from 0 to 1000000",
        ),
        (
            vec!["license", "set", "--license", "1001", "--set", "server.listen=x"],
            "a license has no such setting",
        ),
        (vec!["license", "set", "--license", "1001", "--set", NOWHERE], "the license has no group 9"),
        (vec!["license", "create", "--origins", "shop.example"], "shop.example is no origin"),
        (
            vec!["token", "create", "--license", "1001", "--agent", "x@example.com"],
            "has no agent x@example.com",
        ),
        (
            vec!["token", "create", "--license", "1001", "--agent", "agent1@example.com", "--scopes", "all"],
            "there is no scope \"all\"",
        ),
        (vec!["token", "revoke", "--license", "1001", "00000000"], "there is no such token"),
        (vec!["token", "list", "--data-dir", "elsewhere"], "there is no data in elsewhere"),
    ] {
        let done = operator.run(&line);
        assert_eq!(done.code, 1, "{line:?}");
        assert!(done.err.contains(expected), "{expected} in {}", done.err);
    }
    assert!(!operator.path().join("elsewhere").exists());
}

#[test]
fn a_running_server_is_asked_over_its_socket() {
    let operator = Operator::new();
    let server = operator.server();
    assert_eq!(mode(&operator, "data/admin.sock"), 0o600);
    assert_eq!(mode(&operator, "data/demo-credentials.json"), 0o600);

    let licenses = operator.json(&["license", "show", "--json"]);
    assert_eq!((&licenses[0]["license_id"], &licenses[0]["demo"]), (&1001.into(), &true.into()));
    let made = operator.json(&["token", "create", "--agent", "smith@example.com", "--json"]);
    assert_eq!(made["scheme"], "Basic");
    let id = made["token"]["id"].as_str().expect("an id").to_owned();
    operator.ok(&["token", "revoke", &id]);
    let done = operator.run(&["token", "revoke", &id]);
    assert_eq!((done.code, done.err.as_str()), (1, "switchboard: there is no such token\n"));

    let made = operator.json(&["license", "create", "--agents", "300"]);
    assert_eq!(made["agents"].as_array().map(Vec::len), Some(300));
    drop(server);
    let licenses = operator.json(&["license", "show", "--json"]);
    assert_eq!(licenses.as_array().map(Vec::len), Some(2), "the killed server had stored it");
}

#[test]
fn two_servers_do_not_share_a_data_dir() {
    let operator = Operator::new();
    let _server = operator.server();
    let done = operator.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("is in use by another process"), "{}", done.err);
    operator.ok(&["license", "show"]);
}

#[test]
fn a_server_without_demo_makes_none() {
    let operator = Operator::new();
    fs::write(operator.path().join("switchboard.toml"), "[server]\nno_demo = true\n").expect("written");
    let _server = operator.server();
    assert_eq!(operator.ok(&["license", "show"]), "no license yet\n");
    assert!(!operator.path().join("data/demo-credentials.json").exists());
}
