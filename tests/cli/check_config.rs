use std::fs;

use super::{Done, Operator};

/// The line of a setting: key, value, source.
fn line(out: &str, key: &str) -> Vec<String> {
    let found = out.lines().find(|line| line.split_whitespace().next() == Some(key));
    found.map(|line| line.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
}

#[test]
fn defaults_are_shown_with_their_source() {
    let out = Operator::new().ok(&["check-config"]);
    assert_eq!(line(&out, "server.listen"), ["server.listen", "127.0.0.1:8080", "default"]);
    assert_eq!(line(&out, "rtm.outbound_queue"), ["rtm.outbound_queue", "1MiB", "default"]);
}

#[test]
fn each_source_beats_the_ones_before_it() {
    let operator = Operator::new();
    let file = "[server]\nlisten = \"127.0.0.1:1\"\ndata_dir = \"a\"\n[chats.queue]\nlimit = 7\nreopen_threshold = 5\n";
    fs::write(operator.path().join("switchboard.toml"), file).expect("written");
    let output = operator
        .command(&["check-config", "--listen", "127.0.0.1:3"])
        .env("SWITCHBOARD_LISTEN", "127.0.0.1:2")
        .env("SWITCHBOARD_DATA_DIR", "b")
        .output();
    let done = Done::of(output.expect("the program runs"));
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(line(&done.out, "server.listen"), ["server.listen", "127.0.0.1:3", "--listen"]);
    assert_eq!(line(&done.out, "server.data_dir"), ["server.data_dir", "b", "SWITCHBOARD_DATA_DIR"]);
    assert_eq!(line(&done.out, "chats.queue.limit"), ["chats.queue.limit", "7", "switchboard.toml:5"]);
}

#[test]
fn all_faults_are_told_at_once() {
    let operator = Operator::new();
    let file = "[server]\nlisten = 5\nworker = 2\n[chat]\nidle_after = \"1 hour\"\n[limits]\nsession_rate = \"fast\"\n";
    fs::write(operator.path().join("own.toml"), file).expect("written");
    let line =
        ["check-config", "--config", "own.toml", "--store", "paper", "--speed", "9", "--tls-cert", "no.pem"];
    let done = operator.run(&line);
    assert_eq!(done.code, 2);
    for expected in [
        "the configuration has 7 faults:",
        "own.toml:2: server.listen = \"5\": must be an IP address and a port",
        "own.toml:3: server.worker: there is no such setting; did you mean server.workers?",
        "own.toml:5: chat.idle_after = \"1 hour\": must be 0 (off) or a duration from 100ms to 365d",
        "own.toml:7: limits.session_rate = \"fast\": must be off, or a rate such as",
        "--store: server.store = \"paper\": must be one of embedded, cql",
        "--speed: there is no such flag",
        "--tls-cert: tls.cert: goes together with tls.key, which is not set",
    ] {
        assert!(done.err.contains(expected), "{expected} in {}", done.err);
    }
}

#[test]
fn the_server_does_not_start_with_faults() {
    let operator = Operator::new();
    let done = operator.run(&["--store", "paper", "--speed", "9"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("--speed") && done.err.contains("--store"), "{}", done.err);
    assert!(!operator.path().join("data").exists());
}

#[test]
fn a_broken_file_is_told_with_its_lines() {
    let operator = Operator::new();
    fs::write(
        operator.path().join("switchboard.toml"),
        "[server]\nlisten = = 1\n[chat\nidle_after = \"1m\"\n",
    )
    .expect("written");
    let done = operator.run(&["check-config"]);
    assert_eq!(done.code, 2);
    for expected in ["switchboard.toml:2: ", "switchboard.toml:3: "] {
        assert!(done.err.contains(expected), "{expected} in {}", done.err);
    }
    let done = operator.run(&["check-config", "--config", "absent.toml"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("absent.toml: cannot be read"), "{}", done.err);
}

#[test]
fn tls_files_are_looked_at() {
    let operator = Operator::new();
    fs::write(operator.path().join("a.pem"), "nothing").expect("written");
    let done = operator.run(&["check-config", "--tls-cert", "a.pem", "--tls-key", "b.pem"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("--tls-cert: a.pem, named by tls.cert, holds no certificate"), "{}", done.err);
}

#[test]
fn secrets_are_masked_and_unknown_variables_warn() {
    let operator = Operator::new();
    let output = operator
        .command(&["check-config"])
        .env("SWITCHBOARD_CQL_USER", "u")
        .env("SWITCHBOARD_CQL_PASSWORD", "hunter2")
        .env("SWITCHBOARD_CHATS_QUEUE_LIMITS", "5")
        .env("SWITCHBOARD_TEST_EXAMPLES", "x")
        .output();
    let done = Done::of(output.expect("the program runs"));
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(!done.out.contains("hunter2") && !done.err.contains("hunter2"));
    assert!(done.out.contains("********"));
    let hint = "SWITCHBOARD_CHATS_QUEUE_LIMITS: no setting has this variable; did you mean \
                SWITCHBOARD_CHATS_QUEUE_LIMIT?";
    assert!(done.err.contains(hint), "{}", done.err);
    assert!(!done.err.contains("SWITCHBOARD_TEST_EXAMPLES"));
}
