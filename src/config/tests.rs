//! Tests of the whole reading: order of the sources, faults, warnings.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::domain::id::{LicenseId, OrganizationId};
use crate::domain::license::{License, OfflineStart, Settings};
use crate::domain::time::Timestamp;

fn inputs(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> (tempfile::TempDir, Inputs) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("switchboard.toml"), file).expect("written");
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let inputs = Inputs {
        folder: folder.path().to_path_buf(),
        file: None,
        environment: environment.iter().map(pair).collect(),
        flags: flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
    };
    (folder, inputs)
}

fn loaded(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Loaded {
    let (_folder, inputs) = inputs(file, environment, flags);
    load(&inputs)
}

fn fault_texts(loaded: &Loaded) -> Vec<String> {
    loaded.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_are_those_of_the_table() {
    let loaded = loaded("", &[], &[]);
    assert_eq!(fault_texts(&loaded), [""; 0]);
    let text = |key: &str| {
        let found = loaded.effective.iter().find(|one| one.key == key);
        found.map(|one| one.value.as_str())
    };
    for (key, value) in [
        ("server.listen", "127.0.0.1:8080"),
        ("server.data_dir", "./data"),
        ("server.store", "embedded"),
        ("server.shards", "1024"),
        ("server.drain_timeout", "30s"),
        ("server.drain_rate", "500"),
        ("server.keep_alive", "75s"),
        ("chat.thread_inactivity_timeout", "30m"),
        ("chat.idle_after", "0"),
        ("chat.unreplied_transfer_after", "5m"),
        ("chat.inactive_send", "new_thread"),
        ("chat.welcome_message", "Hello. How may I help you?"),
        ("chat.passivate_after", "1m"),
        ("routing.agent_disconnect_grace", "15s"),
        ("routing.offline_start", "queue"),
        ("chats.queue.enabled", "true"),
        ("chats.queue.limit", "100"),
        ("chats.queue.reopen_threshold", "90"),
        ("chats.prefer_recent_agent", "true"),
        ("routing.max_customer_chats_count", "1"),
        ("agent.max_chats_count", "6"),
        ("agent.max_chats_ceiling", "500"),
        ("license.concurrent_chats", "-1"),
        ("rtm.login_timeout", "30s"),
        ("rtm.idle_timeout", "30s"),
        ("rtm.ping_every", "15s"),
        ("rtm.pending_requests", "10"),
        ("rtm.request_timeout", "15s"),
        ("rtm.outbound_queue", "1MiB"),
        ("rtm.outbound_frames", "256"),
        ("rtm.customer_left_after", "5s"),
        ("rtm.visit_ends_after", "30m"),
        ("rtm.customer_inactivity_timeout", "30m"),
        ("rtm.watch_totals_every", "10s"),
        ("limits.session_rate", "50/s burst 100"),
        ("limits.connect_rate", "2000/s burst 4000"),
        ("limits.ip_login_rate", "500/s burst 1000"),
        ("limits.license_rate", "off"),
        ("limits.agent_sessions", "100"),
        ("limits.customer_sessions", "50"),
        ("limits.unauthorized_sessions", "10000"),
        ("limits.ip_unauthorized_sessions", "2000"),
        ("limits.ip_uploads", "4"),
        ("limits.thread_events", "20000"),
        ("limits.thread_bytes", "8MiB"),
        ("limits.threads_read", "64MiB"),
        ("outgoing.allow_private", "false"),
        ("event.max_size", "16KiB"),
        ("file.max_size", "10MiB"),
        ("file.store", "folder"),
    ] {
        assert_eq!(text(key), Some(value), "{key}");
    }
    assert!(loaded.effective.iter().all(|one| one.source == Source::Default));
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\ndata_dir = \"from-file\"\n[rtm]\nping_every = \"1s\"\n";
    let environment = [("SWITCHBOARD_LISTEN", "127.0.0.1:2"), ("SWITCHBOARD_RTM_PING_EVERY", "2s")];
    let loaded = loaded(file, &environment, &[("server.listen", "127.0.0.1:3")]);
    assert_eq!(fault_texts(&loaded), [""; 0]);
    assert_eq!(loaded.config.server.listen, SocketAddr::from(([127, 0, 0, 1], 3)));
    assert_eq!(loaded.config.rtm.ping_every, Duration::from_secs(2));
    assert_eq!(loaded.config.server.data_dir, PathBuf::from("from-file"));
    let sources: Vec<String> = ["server.listen", "rtm.ping_every", "server.data_dir", "server.store"]
        .map(|key| {
            loaded
                .effective
                .iter()
                .find(|one| one.key == key)
                .map(|one| one.source.to_string())
                .unwrap_or_default()
        })
        .into();
    assert_eq!(sources, ["--listen", "SWITCHBOARD_RTM_PING_EVERY", "switchboard.toml:3", "default"]);
}

#[test]
fn all_faults_are_told_at_once_with_key_line_and_range() {
    let file = "[server]\nlisten = \"nowhere\"\nshards = 1000\n\n[chats.queue]\nlimt = 5\n[nonsense]\n[rtm]\nping_every = \
                \"40s\"\n[tls]\ncert = \"a.pem\"\n";
    let loaded = loaded(file, &[("SWITCHBOARD_CHAT_IDLE_AFTER", "soon")], &[("server.store", "paper")]);
    let faults = fault_texts(&loaded);
    for expected in [
        "switchboard.toml:2: server.listen = \"nowhere\": must be an IP address and a port",
        "switchboard.toml:3: server.shards = \"1000\": must be a power of two from 256 to 4096",
        "switchboard.toml:6: chats.queue.limt: there is no such setting; did you mean chats.queue.limit?",
        "switchboard.toml:7: [nonsense]: there is no such section",
        "switchboard.toml:9: rtm.ping_every: rtm.ping_every must be shorter than rtm.idle_timeout",
        "switchboard.toml:11: tls.cert: goes together with tls.key",
        "SWITCHBOARD_CHAT_IDLE_AFTER: chat.idle_after = \"soon\": must be 0 (off) or a duration from 100ms",
        "--store: server.store = \"paper\": must be one of embedded, cql",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected} in {faults:#?}");
    }
    assert_eq!(faults.len(), 8, "{faults:#?}");
}

#[test]
fn a_bad_value_is_a_fault_even_where_a_stronger_word_overrides_it() {
    let loaded = loaded("[server]\nstore = \"paper\"\n", &[], &[("server.store", "cql")]);
    assert_eq!(loaded.faults.len(), 1);
    assert_eq!(loaded.config.server.store, StoreKind::Cql);
}

#[test]
fn unknown_variables_warn_and_those_of_tests_do_not() {
    let environment = [
        ("SWITCHBOARD_LISTN", "x"),
        ("SWITCHBOARD_TEST_CQL", "x"),
        ("SWITCHBOARD_CONFIG", "x"),
        ("SWITCHBOARDING", "x"),
        ("PATH", "x"),
    ];
    let loaded = loaded("", &environment, &[]);
    assert_eq!(
        loaded.warnings,
        ["SWITCHBOARD_LISTN: no setting has this variable; did you mean SWITCHBOARD_LISTEN?"]
    );
    assert!(loaded.faults.is_empty());
}

#[test]
fn a_named_file_has_to_exist() {
    let (_folder, mut inputs) = inputs("", &[], &[]);
    inputs.file = Some(PathBuf::from("absent.toml"));
    let faults = fault_texts(&load(&inputs));
    assert!(faults.len() == 1 && faults[0].starts_with("absent.toml: cannot be read"), "{faults:?}");
}

#[test]
fn the_base_url_can_be_reached() {
    let mut config = Config::default();
    for (bound, expected) in [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("0.0.0.0:9", "http://127.0.0.1:9"),
        ("[::]:9", "http://[::1]:9"),
    ] {
        assert_eq!(config.base_url(bound.parse().expect("an address")), expected);
    }
    config.server.public_url = Some("https://chat.example.com".to_owned());
    assert_eq!(config.base_url(config.server.listen), "https://chat.example.com");
}

#[test]
fn passwords_are_shown_nowhere() {
    let file = "[cql]\nuser = \"u\"\npassword = \"hunter2\"\n";
    let loaded = loaded(file, &[], &[]);
    assert!(!format!("{loaded:?}").contains("hunter2"));
    assert_eq!(loaded.config.cql.login.map(|login| login.password).as_deref(), Some("hunter2"));
}

const S3: &str = "[file]\nstore = \"s3\"\n[s3]\nbucket = \"files\"\naccess_key_id = \"me\"\n";

#[test]
fn a_bucket_has_a_name_and_keys_that_are_shown_nowhere() {
    let file = format!("{S3}secret_access_key = \"hunter2\"\nprefix = \"a/b\"\n");
    let loaded = loaded(&file, &[("SWITCHBOARD_S3_ENDPOINT", "https://s3.example:9000")], &[]);
    assert_eq!(fault_texts(&loaded), [""; 0]);
    assert!(!format!("{loaded:?}").contains("hunter2"));
    let s3 = loaded.config.file.s3.expect("a bucket");
    assert_eq!((s3.bucket.as_str(), s3.region.as_str(), s3.path_style), ("files", "us-east-1", true));
    assert_eq!((s3.prefix.as_deref(), s3.secret_access_key.as_str()), (Some("a/b"), "hunter2"));
    assert_eq!(s3.endpoint.as_deref(), Some("https://s3.example:9000"));
}

#[test]
fn a_bucket_is_said_whole_and_reached_by_tls_unless_http_is_allowed() {
    let file = "[file]\nstore = \"s3\"\n";
    let faults = fault_texts(&loaded(file, &[], &[]));
    let needed = ["s3.bucket", "s3.access_key_id", "s3.secret_access_key"];
    let expected =
        needed.map(|key| format!("switchboard.toml:2: file.store: s3 needs {key}, which is not set"));
    assert_eq!(faults, expected);
    let file = format!("{S3}secret_access_key = \"x\"\nendpoint = \"http://127.0.0.1:9000\"\n");
    let faults = fault_texts(&loaded(&file, &[], &[]));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("s3.endpoint: is without TLS"), "{faults:?}");
    let allowed = loaded(&file, &[("SWITCHBOARD_S3_ALLOW_HTTP", "true")], &[]);
    assert_eq!(fault_texts(&allowed), [""; 0]);
    assert!(allowed.config.file.s3.expect("a bucket").allow_http);
    assert!(loaded("[s3]\nbucket = \"files\"\n", &[], &[]).config.file.s3.is_none(), "nobody asked for it");
}

fn license() -> License {
    License {
        id: LicenseId(1),
        organization_id: OrganizationId(uuid::Uuid::nil()),
        version: 1,
        created_at: Timestamp(0),
        agents: BTreeMap::new(),
        groups: BTreeMap::new(),
        clients: BTreeMap::new(),
        settings: Settings::default(),
        pseudonym_key: [0; 16],
        demo: false,
    }
}

#[test]
fn a_license_has_rules_of_its_own() {
    let config = Config::default();
    let mut license = license();
    assert_eq!(config.routing_for(&license).queue_limit, 100);
    license.settings = Settings {
        queue_limit: Some(10),
        offline_start: Some(OfflineStart::Refuse),
        thread_inactivity_timeout_ms: Some(5_000),
        max_chats_count: Some(900),
        concurrent_chats: Some(7),
        ..Settings::default()
    };
    let rules = config.routing_for(&license);
    assert_eq!((rules.queue_limit, rules.reopen_threshold), (10, 10));
    assert_eq!((rules.max_chats_count, rules.max_chats_ceiling), (500, 500));
    assert_eq!((rules.offline_start, rules.concurrent_chats), (OfflineStart::Refuse, Some(7)));
    assert_eq!(config.rules_for(&license).thread_inactivity_timeout, Duration::from_secs(5));
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let manual = include_str!("../../docs/settings.md");
    for Effective { key, value, .. } in loaded("", &[], &[]).effective {
        let row = manual.lines().find(|line| line.contains(&format!("`{key}`")));
        let row = row.unwrap_or_else(|| panic!("{key} is not in docs/settings.md"));
        let default = row.split('|').nth(2).map(str::trim);
        let expected = if value.is_empty() { String::new() } else { format!("`{value}`") };
        assert_eq!(default, Some(expected.as_str()), "{key}");
        let own = row.split('|').nth(4).map(str::trim) == Some("L");
        assert_eq!(own, override_names().any(|name| name == key), "{key}");
    }
}
