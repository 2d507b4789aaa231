//! The load generator: every scenario at small size, with the audit as the verdict and never a time; and the proof
//! that the audit sees what a network can do wrong.

mod proxy;

use std::path::Path;
use std::process::Output;

use proxy::{Fault, Proxy};
use serde_json::Value;
use tokio::process::Command;

use crate::support::{Plan, TestNode};

/// Runs `switchboard bench` and reads its report.
async fn bench(arguments: &[&str], folder: &Path) -> (Output, Option<Value>) {
    let report = folder.join("report.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.arg("bench").args(arguments).arg("--quiet").arg("--json").arg(&report);
    let output = command.kill_on_drop(true).output().await.expect("the binary runs");
    let report = std::fs::read(report).ok().map(|text| serde_json::from_slice(&text).expect("a report"));
    (output, report)
}

/// Runs a scenario against a server of its own; the audit must be clean and nothing may have failed.
async fn plays(scenario: &str, options: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let scratch = folder.path().to_str().expect("a readable path");
    let common = [scenario, "--self", "--scratch", scratch, "--seconds", "1", "--warm-up", "0.2"];
    let arguments: Vec<&str> = common.iter().chain(options).copied().collect();
    let (output, report) = bench(&arguments, folder.path()).await;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{scenario} failed: {said}");
    let report = report.expect("a report");
    for round in report["rounds"].as_array().expect("rounds") {
        assert_eq!(round["errors"], serde_json::json!({}), "{scenario}: {said}");
    }
    let rest: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").flatten().collect();
    assert_eq!(rest.len(), 1, "only the report is left: {rest:?}");
    report
}

fn audited(report: &Value, round: usize) -> u64 {
    let audit = &report["rounds"][round]["audit"];
    for fault in ["lost", "not_pushed", "doubled", "out_of_order", "made_up"] {
        assert_eq!(audit[fault], 0, "{audit}");
    }
    audit["acknowledged"].as_u64().expect("a count")
}

#[tokio::test]
async fn chats_are_audited_and_compared_with_the_baseline() {
    let report = plays("chat", &["--chats", "4", "--baseline", "--pause", "0"]).await;
    assert_eq!(report["rounds"][0]["system"], "relay");
    assert!(audited(&report, 1) > 0);
    assert!(report["rounds"][1]["figures"]["cpu_per_1000"].as_f64().is_some());
}

#[tokio::test]
async fn an_open_loop_is_audited() {
    assert!(audited(&plays("open", &["--chats", "4", "--rate", "0.6s:20,10s:40"]).await, 0) > 0);
}

#[tokio::test]
async fn a_fan_out_reaches_every_reader() {
    let report = plays("fanout", &["--readers", "5"]).await;
    let sent = audited(&report, 0);
    assert!(sent > 0);
    assert_eq!(report["rounds"][0]["audit"]["pushed"], sent * 6, "five readers, and the sender's own copy");
}

#[tokio::test]
async fn arrivals_never_exceed_an_agents_capacity() {
    let report = plays("route", &["--agents", "2", "--capacity", "2", "--rate", "20", "--hold", "0.2"]).await;
    let figures = &report["rounds"][0]["figures"];
    for fault in ["over_capacity", "unexplained", "waiting"] {
        assert_eq!(figures[fault], 0.0, "{fault}: {figures}");
    }
    assert!(figures["assigned"].as_f64() > Some(4.0), "more than all agents can have at once: {figures}");
}

#[tokio::test]
async fn a_day_of_arrivals_answers_transfers_and_closes_is_audited() {
    let people = ["--agents", "3", "--capacity", "2", "--rate", "15"];
    let pace = ["--think", "0.05", "--answers", "1", "--transfers", "0.5"];
    let report = plays("mixed", &[people, pace].concat()).await;
    assert!(audited(&report, 0) > 0);
    assert!(report["rounds"][0]["figures"]["chats"].as_f64() > Some(0.0));
}

#[tokio::test]
async fn web_calls_are_audited() {
    assert!(audited(&plays("web", &["--connections", "3"]).await, 0) > 0);
}

#[tokio::test]
async fn sessions_come_in_a_storm_and_stay() {
    let report = plays("connect", &["--sessions", "20", "--in-flight", "20"]).await;
    assert_eq!(report["rounds"][0]["latencies"]["login"]["count"], 20);
    let report = plays("idle", &["--from", "5", "--to", "20", "--hold", "1"]).await;
    let figures = &report["rounds"][0]["figures"];
    assert_eq!((figures["sessions"].as_f64(), figures["cut"].as_f64()), (Some(20.0), Some(0.0)));
}

#[tokio::test]
async fn a_report_is_shown_as_a_page_and_compared() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let page = folder.path().join("report.html");
    let name = page.to_str().expect("a readable path");
    plays("chat", &["--chats", "2", "--rounds", "2", "--pause", "0", "--html", name]).await;
    let page = std::fs::read_to_string(&page).expect("a page");
    assert!(page.contains("<svg") && !page.contains("http:") && !page.contains("https:"));
}

/// Two chats through a proxy that does something to one push; the report, which must exist, and the exit.
async fn behind(fault: Option<Fault>) -> (Output, Value) {
    let node =
        TestNode::with(&[("limits.session_rate", "off")], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let proxy = Proxy::start(&node.base(), fault).await;
    let folder = tempfile::tempdir().expect("a scratch folder");
    let credentials = folder.path().join("credentials.json");
    license.prepared.credentials.write(&credentials).expect("a file");
    let credentials = credentials.to_str().expect("a readable path");
    let arguments = [
        "chat",
        "--target",
        &proxy.url(),
        "--credentials",
        credentials,
        "--chats",
        "2",
        // Also on a slow machine there are more messages than pass before one is meddled with.
        "--seconds",
        "4",
        "--warm-up",
        "0.1",
    ];
    let (output, report) = bench(&arguments, folder.path()).await;
    assert_eq!(proxy.has_meddled(), fault.is_some());
    (output, report.expect("a report"))
}

#[tokio::test]
async fn behind_an_honest_proxy_the_audit_is_clean() {
    let (output, report) = behind(None).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(audited(&report, 0) > 0);
}

#[tokio::test]
async fn one_dropped_frame_makes_the_audit_fail() {
    let (output, report) = behind(Some(Fault::Drop)).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["rounds"][0]["audit"]["not_pushed"], 1, "{}", report["rounds"][0]["audit"]);
}

#[tokio::test]
async fn one_doubled_frame_makes_the_audit_fail() {
    let (output, report) = behind(Some(Fault::Double)).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["rounds"][0]["audit"]["doubled"], 1, "{}", report["rounds"][0]["audit"]);
}

#[tokio::test]
async fn two_swapped_frames_make_the_audit_fail() {
    let (output, report) = behind(Some(Fault::Swap)).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["rounds"][0]["audit"]["out_of_order"], 1, "{}", report["rounds"][0]["audit"]);
}
