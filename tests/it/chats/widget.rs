//! What customers' pages ask before a chat: configuration, phrases, properties and forms, as the operator set them.

use reqwest::Client;
use serde_json::{Value, json};
use switchboard::domain::license::Settings;

use crate::support::{Answer, Plan, TestLicense, TestNode, shared};

/// Asks as a page that has no token yet.
async fn asks(license: &TestLicense, action: &str, mut parameters: Value) -> Answer {
    parameters["organization_id"] = json!(license.organization());
    license.page().ask(action, parameters).await
}

async fn told(license: &TestLicense, action: &str, parameters: Value) -> Value {
    asks(license, action, parameters).await.expect(action)
}

async fn versions(license: &TestLicense, group: i64) -> (Value, Value) {
    let dynamic = told(license, "get_dynamic_configuration", json!({ "group_id": group })).await;
    let live = &dynamic["livechat"];
    (live["config_version"].clone(), live["localization_version"].clone())
}

#[tokio::test]
async fn a_group_has_its_own_form_or_that_of_its_license_or_none() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    let asked = |group: i64, kind: &str| json!({ "group_id": group, "type": kind });
    assert_eq!(customer.call("get_form", asked(0, "prechat")).await, json!({ "enabled": false }));
    let form = |label: &str| {
        let groups = json!([{ "label": "Sales", "group_id": 1 }, { "label": "Gone", "group_id": 2 }]);
        json!({ "fields": [
            { "type": "header", "label": label },
            { "type": "email", "label": "E-mail", "required": true },
            { "type": "group_chooser", "label": "Where to", "options": groups },
        ] })
    };
    let license_form = format!("widget.prechat_form={}", form("Welcome"));
    node.operates(&["license", "set", "--set", &license_form, "--set", "widget.ticket_form=off"]).await;
    let group_form = format!("widget.prechat_form={}", form("Welcome to group 1"));
    node.operates(&["group", "set", "--group", "1", "--set", &group_form]).await;
    node.operates(&["group", "set", "--group", "2", "--set", "widget.prechat_form=off"]).await;
    for (group, label) in [(0, "Welcome"), (1, "Welcome to group 1")] {
        let by_rtm = customer.call("get_form", asked(group, "prechat")).await;
        assert_eq!(by_rtm["enabled"], true);
        assert_eq!(by_rtm["form"]["fields"][0]["label"], label);
        assert_eq!(by_rtm["form"]["id"], "prechat");
        assert_eq!(customer.web.call("get_form", asked(group, "prechat")).await, by_rtm);
        let page = told(&license, "get_configuration", json!({ "group_id": group, "version": "x" })).await;
        assert_eq!(page["prechat_form"], by_rtm["form"]);
        assert!(page.get("ticket_form").is_none());
    }
    for (group, kind) in [(2, "prechat"), (0, "postchat"), (1, "ticket")] {
        assert_eq!(customer.call("get_form", asked(group, kind)).await, json!({ "enabled": false }));
    }
    assert_eq!(customer.refused("get_form", asked(7, "prechat")).await.kind, "group_not_found");
    assert_eq!(customer.refused("get_form", asked(0, "survey")).await.kind, "validation");
    // A group that is gone cannot be chosen any more.
    node.operates(&["group", "remove", "--group", "2"]).await;
    let shown = customer.call("get_form", asked(0, "prechat")).await;
    let options = shown["form"]["fields"][2]["options"].as_array().expect("options");
    assert_eq!(options.len(), 1, "{shown}");
    assert_eq!((&options[0]["label"], &options[0]["id"]), (&json!("Sales"), &json!("option1")));
}

#[tokio::test]
async fn a_page_reads_its_configuration_and_phrases_again_when_they_have_changed() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let at = |group: i64| json!({ "group_id": group, "version": "x" });
    let phrases =
        |group: i64, language: &str| json!({ "group_id": group, "version": "x", "language": language });
    let nothing = json!({ "buttons": [], "integrations": {}, "properties": { "group": {}, "license": {} } });
    assert_eq!(told(&license, "get_configuration", at(1)).await, nothing);
    assert_eq!(told(&license, "get_localization", phrases(1, "en")).await, json!({}));
    let (before, group_before) = (versions(&license, 0).await, versions(&license, 1).await);
    assert_eq!(before, versions(&license, 0).await);

    let button = json!([{ "id": "1", "type": "text", "online_value": "Chat", "offline_value": "Write" }]);
    let buttons = format!("widget.buttons={button}");
    node.operates(&["group", "set", "--group", "1", "--set", &buttons]).await;
    let page = told(&license, "get_configuration", at(1)).await;
    assert_eq!(page["buttons"], button);
    assert_eq!(told(&license, "get_configuration", at(0)).await, nothing);
    assert_eq!(versions(&license, 0).await, before);
    let after = versions(&license, 1).await;
    assert_ne!(after.0, group_before.0);
    assert_eq!(after.1, group_before.1);

    let common = r#"widget.phrases={"en":{"Away":"We are away.","Hello":"Hello"},"pl":{"Hello":"Witaj"}}"#;
    node.operates(&["license", "set", "--set", common, "--set", "widget.language=pl"]).await;
    let own = r#"widget.phrases={"en":{"Hello":"Hi"}}"#;
    node.operates(&["group", "set", "--group", "1", "--set", own, "--set", "widget.language=en"]).await;
    for (group, language, expected) in [
        (0, "en", json!({ "Away": "We are away.", "Hello": "Hello" })),
        (1, "en", json!({ "Away": "We are away.", "Hello": "Hi" })),
        (1, "pl", json!({ "Hello": "Witaj" })),
        (2, "de", json!({})),
    ] {
        assert_eq!(told(&license, "get_localization", phrases(group, language)).await, expected);
    }
    assert_ne!(versions(&license, 1).await.1, after.1);
    for (group, language) in [(1, "en"), (2, "pl")] {
        let dynamic = told(&license, "get_dynamic_configuration", json!({ "group_id": group })).await;
        assert_eq!(dynamic["livechat"]["language"], language);
    }
    for action in ["get_configuration", "get_localization", "get_dynamic_configuration"] {
        let refused = asks(&license, action, phrases(77, "en")).await.expect_err("no such group");
        assert_eq!(refused.kind, "group_not_found", "{action}");
    }
}

#[tokio::test]
async fn a_page_learns_how_things_stand_by_organization_or_by_license() {
    let settings = Settings { concurrent_chats: Some(1), ..Settings::default() };
    let node = TestNode::with(&[], Plan { licenses: 2, settings, ..Plan::default() }).await;
    let license = node.license();
    let organization = license.organization();
    let dynamic = told(&license, "get_dynamic_configuration", json!({})).await;
    assert_eq!(
        (&dynamic["organization_id"], &dynamic["livechat_active"]),
        (&json!(organization), &json!(true))
    );
    let live = &dynamic["livechat"];
    assert_eq!((&live["group_id"], &live["client_limit_exceeded"]), (&json!(0), &json!(false)));
    assert_eq!((&live["domain_allowed"], &live["language"]), (&json!(true), &json!("en")));
    assert!(live.get("online_group_ids").is_none());

    let _agent = license.agent(4).logs_in().await;
    let page = license.page();
    let by_number = page.call("get_dynamic_configuration", json!({ "license_id": license.number() })).await;
    assert_eq!(by_number["organization_id"], json!(organization));
    assert_eq!(by_number["livechat"]["online_group_ids"], json!([0, 2]));
    let customer = license.customer().await.logs_in().await;
    customer.starts_chat("hello").await;
    let full = told(&license, "get_dynamic_configuration", json!({})).await;
    assert_eq!(full["livechat"]["client_limit_exceeded"], true);

    for (url, is_allowed) in [
        ("https://shop.example/a?b=c#d", true),
        ("http://localhost:9999/", true),
        ("https://shop.example.evil.example/", false),
        ("http://shop.example/", false),
        ("about:blank", false),
        ("no address", false),
    ] {
        let dynamic = told(&license, "get_dynamic_configuration", json!({ "url": url })).await;
        assert_eq!(dynamic["livechat"]["domain_allowed"], is_allowed, "{url}");
    }
    for (parameters, kind) in [
        (json!({}), "validation"),
        (json!({ "license_id": "x" }), "validation"),
        (json!({ "license_id": 7 }), "license_not_found"),
        (json!({ "organization_id": "x" }), "validation"),
        (json!({ "organization_id": uuid::Uuid::nil().to_string() }), "license_not_found"),
    ] {
        let refused = page.refused("get_dynamic_configuration", parameters.clone()).await;
        assert_eq!(refused.kind, kind, "{parameters}");
    }
    // By its number a license is known to this method alone.
    let refused = page.refused("list_license_properties", json!({ "license_id": license.number() })).await;
    assert_eq!(refused.kind, "validation");
}

#[tokio::test]
async fn customers_see_the_properties_of_a_license_and_of_its_groups() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let common = r#"properties={"test":{"string_property":"common","int_property":7}}"#;
    node.operates(&["license", "set", "--set", common]).await;
    let own =
        r#"properties={"test":{"bool_property":true},"smart_actions":{"greeting.hide_when_offline":true}}"#;
    node.operates(&["group", "set", "--group", "1", "--set", own]).await;
    let of_license = json!({ "test": { "string_property": "common", "int_property": 7 } });
    let of_group = json!({
        "test": { "bool_property": true }, "smart_actions": { "greeting.hide_when_offline": true },
    });
    for (action, parameters, expected) in [
        ("list_license_properties", json!({}), of_license.clone()),
        (
            "list_license_properties",
            json!({ "name": "int_property" }),
            json!({ "test": { "int_property": 7 } }),
        ),
        ("list_license_properties", json!({ "namespace": "other" }), json!({})),
        ("list_group_properties", json!({ "id": 1 }), of_group.clone()),
        (
            "list_group_properties",
            json!({ "id": 1, "namespace": "test" }),
            json!({ "test": { "bool_property": true } }),
        ),
        ("list_group_properties", json!({ "id": 2 }), json!({})),
        ("list_group_properties", json!({ "id": 0 }), json!({})),
    ] {
        assert_eq!(told(&license, action, parameters.clone()).await, expected, "{action} {parameters}");
    }
    let refused =
        asks(&license, "list_group_properties", json!({ "id": 7 })).await.expect_err("no such group");
    assert_eq!(refused.kind, "group_not_found");
    let page = told(&license, "get_configuration", json!({ "group_id": 1, "version": "x" })).await;
    assert_eq!(page["properties"], json!({ "group": of_group, "license": of_license }));
}

#[tokio::test]
async fn pages_read_these_by_get_and_browsers_show_them_to_registered_origins_alone() {
    let license = shared().await.license();
    let base = license.link.base();
    let url = |query: String| format!("{base}/v3.6/customer/action/get_dynamic_configuration?{query}");
    let named = url(format!("organization_id={}", license.organization()));
    let numbered = url(format!("license_id={}", license.number()));
    for (url, origin, is_shown) in [
        (&named, "https://shop.example", true),
        (&numbered, "https://shop.example", true),
        (&named, "https://evil.example", false),
    ] {
        let answer = Client::new().get(url).header("Origin", origin).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().contains_key("access-control-allow-origin"), is_shown, "{url} {origin}");
    }
}

#[tokio::test]
async fn what_is_documented_as_got_is_got_with_a_query_or_a_body_and_posted() {
    let license = shared().await.license();
    let (base, organization) = (license.link.base(), license.organization());
    let url = format!("{base}/v3.6/customer/action/list_group_properties?organization_id={organization}");
    let (client, body) = (Client::new(), json!({ "id": 1 }).to_string());
    let calls = [
        client.get(format!("{url}&id=1")),
        client.get(&url).body(body.clone()),
        client.post(&url).body(body.clone()),
        client.post(format!("{url}&id=1")),
        client.post(format!("{url}&id=1")).body(json!({ "id": 99 }).to_string()),
    ];
    for call in calls {
        let answer = call.send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.text().await.expect("a body").as_str()), (200, "{}"));
    }
    let refused =
        [("[]", "the body must be a JSON object"), ("{", "malformed JSON"), ("{}", "`id` is required")];
    for (body, message) in refused {
        let answer = client.post(&url).body(body).send().await.expect("an answer");
        let answer: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
        let told = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(told.contains(message), "{body}: {told}");
    }
}

#[tokio::test]
async fn an_answer_may_be_kept_if_it_is_of_the_version_that_was_asked_for() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let dynamic = told(&license, "get_dynamic_configuration", json!({ "group_id": 1 })).await;
    let of = |version: &str| dynamic["livechat"][version].as_str().expect("a version").to_owned();
    let (configuration, phrases) = (of("config_version"), of("localization_version"));
    let asked = async |action: &str, version: &str, origin: Option<&str>| {
        let organization = license.organization();
        let url = format!("{}/v3.6/customer/action/{action}", node.base());
        let query = [
            ("organization_id", &*organization),
            ("group_id", "1"),
            ("language", "en"),
            ("version", version),
        ];
        let url = reqwest::Url::parse_with_params(&url, query).expect("a URL");
        let mut request = reqwest::Client::new().get(url);
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        let header = |name: &str| -> Vec<String> {
            let values = response.headers().get_all(name).iter();
            values.map(|value| value.to_str().expect("text").to_owned()).collect()
        };
        (header("cache-control"), header("vary"))
    };
    let lasting = vec!["public, max-age=31536000, immutable".to_owned()];
    for (action, version) in [("get_configuration", &configuration), ("get_localization", &phrases)] {
        for origin in [None, Some("https://shop.example"), Some("https://other.example")] {
            let (cache, vary) = asked(action, version, origin).await;
            assert_eq!((cache, vary), (lasting.clone(), vec!["Origin".to_owned()]), "{action} {origin:?}");
        }
        assert_eq!(asked(action, "another", None).await.0, Vec::<String>::new(), "{action}");
    }
    node.operates(&[
        "group",
        "set",
        "--group",
        "1",
        "--set",
        r#"properties={"test":{"bool_property":true}}"#,
    ])
    .await;
    assert_eq!(
        asked("get_configuration", &configuration, None).await.0,
        Vec::<String>::new(),
        "it is another now"
    );
    assert_eq!(asked("get_localization", &phrases, None).await.0, lasting, "that is still the same");
}
