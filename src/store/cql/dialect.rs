//! What differs between CQL servers. Nothing outside this file asks which one it talks to (the result sets of conditional
//! writes differ too; [`lwt`](super::lwt) reads either without asking).
//!
//! Tested with Apache Cassandra 5.0. What is said about ScyllaDB follows its documentation and is untested here: run the suite
//! against one with `SWITCHBOARD_TEST_CQL`.

use scylla::client::session::Session;

use super::{CqlOptions, OpenError};

/// The server behind the session.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Server {
    Cassandra,
    /// With its first version number, where it could be read.
    Scylla(Option<u32>),
}

/// ScyllaDB puts new keyspaces on tablets from this version on; earlier ones do not know the option.
const TABLETS_SINCE: u32 = 6;

async fn server(session: &Session) -> Server {
    // Only ScyllaDB has this table.
    let version = session.query_unpaged("SELECT version FROM system.versions WHERE key = 'local'", ()).await;
    let Some(rows) = version.ok().and_then(|result| result.into_rows_result().ok()) else {
        return Server::Cassandra;
    };
    let version = rows.maybe_first_row::<(String,)>().ok().flatten();
    Server::Scylla(version.and_then(|(version,)| version.split('.').next()?.parse().ok()))
}

/// The statement that makes the keyspace.
pub(super) async fn create_keyspace(session: &Session, options: &CqlOptions) -> String {
    let factor = options.replication.factor;
    let place = options.replication.datacenter.as_deref().unwrap_or("replication_factor");
    // Conditional writes need a keyspace without tablets on every version that has tablets but not both together.
    let tablets = match server(session).await {
        Server::Scylla(Some(version)) if version >= TABLETS_SINCE => " AND tablets = {'enabled': false}",
        _ => "",
    };
    format!(
        "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = \
         {{'class': 'NetworkTopologyStrategy', '{place}': {factor}}}{tablets}",
        options.keyspace
    )
}

/// Says so when an acknowledged write may be lost with the power: both servers sync their commit log some time after they
/// acknowledge, unless they are told otherwise.
pub(super) async fn warn_of_weak_settings(session: &Session) {
    let (table, column) = match server(session).await {
        Server::Cassandra => ("system_views.settings", "value"),
        Server::Scylla(_) => ("system.config", "value"),
    };
    let query = format!("SELECT {column} FROM {table} WHERE name = 'commitlog_sync'");
    let answer =
        session.query_unpaged(query, ()).await.ok().and_then(|result| result.into_rows_result().ok());
    let setting = answer.and_then(|rows| rows.maybe_first_row::<(Option<String>,)>().ok().flatten()?.0);
    // ScyllaDB shows texts in quotes.
    match setting.as_deref().map(|setting| setting.trim_matches('"')) {
        Some("batch" | "group") => {}
        setting => tracing::warn!(
            commitlog_sync = setting.unwrap_or("unknown"),
            "the database may acknowledge writes before they are on disk: after a power failure of all its nodes the last \
             seconds can be missing; set commitlog_sync to batch or group"
        ),
    }
}

/// Refuses a server that would refuse our timestamps: an epoch is the time of the last take-over, which may be long ago.
pub(super) async fn check_timestamps(session: &Session) -> Result<(), OpenError> {
    if server(session).await != Server::Cassandra {
        return Ok(());
    }
    for name in ["minimum_timestamp_fail_threshold", "maximum_timestamp_fail_threshold"] {
        let query = format!("SELECT value FROM system_views.settings WHERE name = '{name}'");
        let result = session.query_unpaged(query, ()).await;
        let result = result.map_err(|error| OpenError::of("reading its settings", error))?;
        let rows = result.into_rows_result().ok();
        let value = rows.and_then(|rows| rows.maybe_first_row::<(Option<String>,)>().ok().flatten()?.0);
        if value.is_some_and(|value| value != "null") {
            return Err(OpenError::TimestampsRefused { setting: name });
        }
    }
    Ok(())
}
