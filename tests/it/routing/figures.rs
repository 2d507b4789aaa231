//! The figures that an operator and a license's administrator read, after things that the test did itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{is_served_by, operator, waits};
use crate::support::{AgentLogin, Plan, TestLicense, TestNode, eventually};

/// The bounds of the histogram of waits.
const BOUNDS_S: [u64; 11] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800];

/// What `/metrics` says of the routing of a license, by the name and the other labels.
async fn metrics(license: &TestLicense) -> BTreeMap<String, f64> {
    let url = format!("{}/metrics", license.link.base());
    let text = reqwest::get(url).await.expect("the server answers").text().await.expect("a body");
    let label = format!("license=\"{}\"", license.prepared.credentials.license_id);
    let ours = text.lines().filter(|line| line.starts_with("switchboard_routing_") && line.contains(&label));
    ours.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let name = name.trim_start_matches("switchboard_routing_").replace(&label, "");
        let name = name.replace("{,", "{").replace(",,", ",").replace(",}", "}").replace("{}", "");
        (name, value.parse().expect("a number"))
    })
    .collect()
}

/// Waits until these figures are shown, and those that are to be absent are not.
async fn shows(license: &TestLicense, expected: &[(&str, Option<f64>)]) -> BTreeMap<String, f64> {
    eventually("the figures", async || {
        let shown = metrics(license).await;
        let wrong = expected.iter().filter(|(name, value)| shown.get(*name).copied() != *value);
        let wrong: Vec<_> = wrong.map(|(name, _)| (*name, shown.get(*name))).collect();
        if wrong.is_empty() { Ok(shown) } else { Err(format!("{wrong:?} in {shown:#?}")) }
    })
    .await
}

/// What an agent reads of their license.
async fn report(agent: &AgentLogin) -> (StatusCode, Value) {
    reads("routing", agent).await
}

async fn reads(report: &str, agent: &AgentLogin) -> (StatusCode, Value) {
    let url = format!("{}/reports/{report}", agent.link.base());
    let request = reqwest::Client::new().get(url).header("Authorization", &agent.token);
    let answer = request.send().await.expect("the server answers");
    (answer.status(), answer.json().await.expect("JSON"))
}

/// The group's part of a report.
fn group(report: &Value, id: i64) -> Value {
    let groups = report["groups"].as_array().expect("groups");
    groups.iter().find(|group| group["id"] == id).cloned().unwrap_or_default()
}

/// Who has so many chats of how many.
fn agents(report: &Value) -> Vec<(String, i64, i64)> {
    let agents = report["agents"].as_array().expect("agents").iter();
    let mut agents: Vec<_> = agents
        .map(|agent| {
            assert!(agent["name"].as_str().is_some_and(|name| name.starts_with("Agent ")), "{agent}");
            let number = |key: &str| agent[key].as_i64().expect("a number");
            (agent["id"].as_str().expect("an id").to_owned(), number("chats"), number("limit"))
        })
        .collect();
    agents.sort();
    agents
}

#[tokio::test]
async fn metrics_and_report_count_what_happened_in_each_license_and_group() {
    let settings =
        [("agent.max_chats_count", "1"), ("chats.queue.limit", "2"), ("chats.queue.reopen_threshold", "1")];
    let node = TestNode::with(&settings, Plan { licenses: 2, ..Plan::default() }).await;
    let (license, other) = (node.license(), node.license());
    let number = license.prepared.credentials.license_id.to_string();
    let no_queue = ["group", "set", "--license", &number, "--group", "2"];
    operator(&node, &[&no_queue[..], &["--set", "chats.queue.enabled.override=0"]].concat());
    let one = license.agent(1).logs_in().await;
    let two = license.agent(2).logs_in_away().await;
    let four = license.agent(4).logs_in().await;

    let (first, of_two) =
        (license.customer().await.logs_in().await, license.customer().await.logs_in().await);
    let served = first.starts_chat_in(1, "hello").await;
    is_served_by(&one, &served, one.id()).await;
    let elsewhere = of_two.starts_chat_in(2, "hello").await;
    is_served_by(&four, &elsewhere, four.id()).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let customer = license.customer().await.logs_in().await;
        let before = Instant::now();
        let chat = customer.starts_chat_in(1, "hello").await;
        waits(&one, &chat).await;
        waiting.push((customer, chat, before, Instant::now()));
    }
    let late = license.customer().await.logs_in().await;
    for group in [1, 1, 2] {
        let start = json!({ "chat": { "access": { "group_ids": [group] } } });
        assert_eq!(late.refused("start_chat", start).await.kind, "groups_offline");
    }

    shows(
        &license,
        &[
            ("chats_served", Some(2.0)),
            ("slots", Some(2.0)),
            ("slots_taken", Some(2.0)),
            ("agents{chats=\"0\"}", Some(1.0)),
            ("agents{chats=\"1\"}", Some(2.0)),
            ("waiting{group=\"1\"}", Some(2.0)),
            ("waiting{group=\"2\"}", Some(0.0)),
            ("refused_starts_total{reason=\"queue_full\"}", Some(2.0)),
            ("refused_starts_total{reason=\"queue_off\"}", Some(1.0)),
            ("group_refused_starts_total{group=\"1\"}", Some(2.0)),
            ("group_refused_starts_total{group=\"2\"}", Some(1.0)),
            ("wait_seconds_count{group=\"1\"}", Some(0.0)),
        ],
    )
    .await;
    let (status, told) = report(&license.agent(1)).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let figure = |name: &str| told[name].as_u64().expect("a number");
    assert_eq!(
        ["served", "waiting", "slots", "slots_taken", "refused_starts"].map(figure),
        [2, 2, 2, 2, 3],
        "{told}"
    );
    let staff = [(one.id().to_owned(), 1, 1), (two.id().to_owned(), 0, 1), (four.id().to_owned(), 1, 1)];
    assert_eq!(agents(&told), staff);
    let of_one = group(&told, 1);
    assert_eq!(
        (&of_one["name"], &of_one["waiting"], &of_one["refused_starts"]),
        (&json!("Group 1"), &json!(2), &json!(2))
    );
    assert_eq!(
        (&of_one["answered"], &of_one["wait_p50_s"], &of_one["wait_p95_s"]),
        (&json!(0), &json!(null), &json!(null))
    );
    assert_eq!(group(&told, 2)["refused_starts"], 1);
    assert_eq!(group(&told, 0)["name"], "All agents");

    // Each waits a time of which the test knows the least and the most.
    let mut spans = Vec::new();
    let mut over = (first, served);
    for (customer, chat, before, after) in waiting {
        let least = after.elapsed();
        // Out of the first bucket.
        tokio::time::sleep(Duration::from_millis(1_100).saturating_sub(least)).await;
        let least = after.elapsed();
        over.0.deactivates(&over.1).await;
        is_served_by(&one, &chat, one.id()).await;
        spans.push((least, before.elapsed()));
        over = (customer, chat);
    }
    let shown = shows(
        &license,
        &[
            ("chats_served", Some(2.0)),
            ("slots_taken", Some(2.0)),
            ("waiting{group=\"1\"}", Some(0.0)),
            ("wait_seconds_count{group=\"1\"}", Some(2.0)),
            ("wait_seconds_bucket{le=\"1.0\",group=\"1\"}", Some(0.0)),
            ("wait_seconds_bucket{le=\"+Inf\",group=\"1\"}", Some(2.0)),
            ("wait_seconds_count{group=\"2\"}", Some(0.0)),
        ],
    )
    .await;
    let within = |bound: u64| shown[&format!("wait_seconds_bucket{{le=\"{bound}.0\",group=\"1\"}}")] as u64;
    for bound in BOUNDS_S {
        let limit = Duration::from_secs(bound);
        let surely = spans.iter().filter(|(_, most)| *most <= limit).count() as u64;
        let possibly = spans.iter().filter(|(least, _)| *least <= limit).count() as u64;
        assert!((surely..=possibly).contains(&within(bound)), "{bound} s: {spans:?} {shown:#?}");
    }
    let (_, told) = report(&license.agent(1)).await;
    let of_one = group(&told, 1);
    assert_eq!((&of_one["answered"], &of_one["waiting"]), (&json!(2), &json!(0)));
    assert_eq!((&of_one["soon_s"], &of_one["answered_soon"]), (&json!(20), &json!(within(20))));
    // Of two waits the half is the shorter one, 95 % the longer one.
    let bound_of = |count: u64| BOUNDS_S.into_iter().find(|bound| within(*bound) >= count);
    assert_eq!((&of_one["wait_p50_s"], &of_one["wait_p95_s"]), (&json!(bound_of(1)), &json!(bound_of(2))));

    // A slot that becomes free is one that is not taken.
    over.0.deactivates(&over.1).await;
    shows(
        &license,
        &[
            ("chats_served", Some(1.0)),
            ("slots", Some(2.0)),
            ("slots_taken", Some(1.0)),
            ("agents{chats=\"0\"}", Some(2.0)),
            ("agents{chats=\"1\"}", Some(1.0)),
        ],
    )
    .await;

    // Nothing of it shows in the other license.
    let boss = other.agent(1).logs_in().await;
    let chat = other.customer().await.logs_in().await.starts_chat("hello").await;
    is_served_by(&boss, &chat, boss.id()).await;
    shows(
        &other,
        &[
            ("chats_served", Some(1.0)),
            ("agents{chats=\"1\"}", Some(1.0)),
            ("refused_starts_total{reason=\"queue_full\"}", None),
        ],
    )
    .await;
    let (_, told) = report(&other.agent(1)).await;
    assert_eq!(
        (&told["served"], &told["waiting"], &told["refused_starts"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert_eq!(agents(&told), [(boss.id().to_owned(), 1, 1)]);
}

#[tokio::test]
async fn the_report_is_for_administrators() {
    let license = crate::support::shared().await.license();
    let (status, told) = report(&license.agent(2)).await;
    assert_eq!((status, &told["error"]["type"]), (StatusCode::FORBIDDEN, &json!("authorization")));
    let nobody = AgentLogin { token: "Bearer nobody".to_owned(), ..license.agent(1) };
    let (status, told) = report(&nobody).await;
    assert_eq!((status, &told["error"]["type"]), (StatusCode::UNAUTHORIZED, &json!("authentication")));
    assert_eq!(report(&license.agent(1)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_cluster_is_shown_to_the_administrators_of_the_license_that_the_operator_named() {
    let mut node = TestNode::with(&[], Plan { licenses: 2, ..Plan::default() }).await;
    let (operators, tenants) = (node.license(), node.license());
    let refused = |(status, told): (StatusCode, Value)| {
        assert_eq!((status, &told["error"]["type"]), (StatusCode::FORBIDDEN, &json!("authorization")));
    };
    refused(reads("cluster", &operators.agent(1)).await);
    node.kill().await;
    node.set("node.shown_to", &operators.prepared.credentials.license_id.to_string());
    node.launch().await;
    let (status, cluster) = reads("cluster", &operators.agent(1)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&cluster["unowned"], &cluster["moves"]), (&json!(0), &json!([])));
    assert_eq!(cluster["members"][0]["shards"], cluster["shards"]);
    assert_eq!(report(&operators.agent(1)).await.1["sees_cluster"], true);
    refused(reads("cluster", &operators.agent(2)).await);
    refused(reads("cluster", &tenants.agent(1)).await);
    assert_eq!(report(&tenants.agent(1)).await.1["sees_cluster"], false);
}
