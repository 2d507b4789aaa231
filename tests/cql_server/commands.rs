//! `switchboard migrate` and `serve --store cql`, as an operator runs them.

use std::process::{Child, Command, Output, Stdio};

use crate::database::database;
use crate::support::variable;

/// Migrations of this build.
const ALL: usize = switchboard::store::cql::MIGRATIONS.len();

fn command(settings: &[(String, String)], line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SWITCHBOARD_") {
            command.env_remove(name);
        }
    }
    command.args(line).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.envs(settings.iter().map(|(key, value)| (variable(key), value)));
    command
}

fn start(settings: &[(String, String)]) -> Child {
    command(settings, &["migrate"]).spawn().expect("the program runs")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

fn migrate(settings: &[(String, String)]) -> Output {
    start(settings).wait_with_output().expect("an end")
}

fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    said(output)
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_brings_the_schema_up_to_date_once_and_refuses_what_it_does_not_know() {
    let database = database().await;
    let settings = database.settings("commands");
    let first = ok(&migrate(&settings));
    assert!(first.contains("applied 0001_events\n"), "{first}");
    assert!(first.contains(&format!("keyspace commands: {ALL} applied now, 0 were there before")), "{first}");
    let second = ok(&migrate(&settings));
    assert!(second.contains(&format!("0 applied now, {ALL} were there before")), "{second}");

    let session = database.session().await;
    let run = async |text: &str| drop(session.query_unpaged(text, ()).await.expect("a statement"));
    run("INSERT INTO commands.schema_migrations (number, name, checksum) VALUES (9999, '9999_later', 'x')")
        .await;
    let newer = refused(&migrate(&settings));
    assert!(newer.contains("newer than this build (it has 9999_later)"), "{newer}");
    run("DELETE FROM commands.schema_migrations WHERE number = 9999").await;
    run("UPDATE commands.schema_migrations SET checksum = 'other' WHERE number = 3").await;
    let changed = refused(&migrate(&settings));
    assert!(changed.contains("migration 0003_shards is not the one that was applied"), "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_migrate_at_once_apply_each_migration_once() {
    let database = database().await;
    let settings = database.settings("twice");
    let runs = [start(&settings), start(&settings)];
    let applied = runs.map(|run| ok(&run.wait_with_output().expect("an end")).matches("applied 00").count());
    assert_eq!(applied.iter().sum::<usize>(), ALL, "{applied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_needs_the_schema_or_the_leave_to_make_it() {
    let database = database().await;
    let mut settings = database.settings("by_server");
    let folder = tempfile::tempdir().expect("a scratch folder");
    settings.push(("server.listen".to_owned(), "127.0.0.1:0".to_owned()));
    settings.push(("server.data_dir".to_owned(), folder.path().join("data").display().to_string()));
    let missing = refused(&command(&settings, &["serve", "--no-demo"]).output().expect("the program runs"));
    assert!(missing.contains("0001_events is missing); run `switchboard migrate`"), "{missing}");

    settings.push(("cql.migrate".to_owned(), "true".to_owned()));
    let mut server = command(&settings, &["serve", "--no-demo"]).spawn().expect("the program runs");
    let mut lines = std::io::BufReader::new(server.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("listening on ") {
        line.clear();
        let read = std::io::BufRead::read_line(&mut lines, &mut line).expect("a line");
        assert!(read > 0, "the server ended: {}", said(&server.wait_with_output().expect("an end")));
    }
    server.kill().expect("a running server");
    server.wait().expect("an end");
    let after = ok(&migrate(&database.settings("by_server")));
    assert!(after.contains(&format!("0 applied now, {ALL} were there before")), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_let_in_is_told_why() {
    let database = database().await;
    let good = database.settings("commands");
    let with = |key: &str, value: Option<&str>| {
        let mut settings = good.clone();
        settings.retain(|(name, _)| name != key);
        settings.extend(value.map(|value| (key.to_owned(), value.to_owned())));
        settings
    };
    let wrong = refused(&migrate(&with("cql.password", Some("wrong"))));
    assert!(wrong.contains("refuses the role or its password; check cql.user and cql.password"), "{wrong}");
    assert!(!wrong.contains("wrong\""), "no password is told: {wrong}");
    let mut nobody = with("cql.password", None);
    nobody.retain(|(key, _)| key != "cql.user");
    let nobody = refused(&migrate(&nobody));
    assert!(nobody.contains("refuses the role or its password"), "{nobody}");
    // A server does not wait for what waiting does not mend.
    let serve =
        command(&with("cql.password", Some("wrong")), &["serve", "--listen", "127.0.0.1:0", "--no-demo"]);
    let serve = refused(&{ serve }.output().expect("the program runs"));
    assert!(serve.contains("refuses the role or its password"), "{serve}");

    let plain = refused(&migrate(&with("cql.tls_ca", None)));
    assert!(plain.contains("cannot be reached at 127.0.0.1:"), "{plain}");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let authority = folder.path().join("other.pem");
    std::fs::write(&authority, other.cert.pem()).expect("written");
    let untrusted = refused(&migrate(&with("cql.tls_ca", authority.to_str())));
    assert!(untrusted.contains("invalid peer certificate"), "{untrusted}");
}
