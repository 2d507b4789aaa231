//! Brings the schema up to date, and refuses one that this build does not know and that was not said to let it go on.
//!
//! Two nodes may migrate at once: a lease, taken by a conditional write and running out by itself, lets one of them work.
//! The tables of the migrator itself are made before there is a lease, so they get ids that follow from their names: two
//! nodes that make them at the same moment make the same tables.

use std::collections::BTreeMap;
use std::time::Duration;

use scylla::client::session::Session;
use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryRowsResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;
use scylla::value::{CqlValue, Row};
use tokio::time::Instant;
use uuid::Uuid;

use super::connection::{self, SCHEMA_TIMEOUT};
use super::dialect;
use super::{CqlOptions, MIGRATIONS, Migration, OpenError};

/// Seconds until an abandoned lease runs out; each migration renews it.
const LEASE_SECONDS: i32 = 90;
/// How long a node waits for another one's lease.
const LEASE_WAIT: Duration = Duration::from_secs(180);
/// Pause between two looks at it.
const LEASE_PAUSE: Duration = Duration::from_millis(500);

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Names of those that were applied now, in order.
    pub applied: Vec<&'static str>,
    /// How many had been applied before.
    pub present: usize,
}

/// Makes the keyspace if it is not there and applies what is missing. `me` names this run in the lease. Safe to run twice, and
/// from several nodes at once.
pub async fn migrate(options: &CqlOptions, me: Uuid) -> Result<Migrated, OpenError> {
    options.check()?;
    let session = connection::connect(options).await?;
    // What is changed while the nodes disagree may be changed twice.
    agree(&session).await?;
    let migrator = Migrator { session: &session, options, me };
    migrator.make_own_tables().await?;
    migrator.take_lease().await?;
    let done = migrator.apply_missing().await;
    // Given back in any case; if that fails it runs out.
    let returned = migrator.return_lease().await;
    let migrated = done?;
    returned?;
    Ok(migrated)
}

/// Checks that the migrations of this build were applied, and beside them only such of newer builds as let this one go on.
pub(super) async fn check_schema(session: &Session, options: &CqlOptions) -> Result<(), OpenError> {
    agree(session).await?;
    let tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";
    let found =
        rows(session, options, "looking for its tables", tables, (&options.keyspace, "schema_migrations"));
    let behind = |missing| OpenError::SchemaBehind { keyspace: options.keyspace.clone(), missing };
    if found.await?.rows_num() == 0 {
        return Err(behind(MIGRATIONS[0].name));
    }
    match pending(session, options, &applied(session, options).await?).await?.first() {
        Some(migration) => Err(behind(migration.name)),
        None => Ok(()),
    }
}

/// Waits until all nodes that can be reached have the same schema, or says that they do not come to it.
async fn agree(session: &Session) -> Result<(), OpenError> {
    let agreed = session.await_schema_agreement().await;
    agreed.map(drop).map_err(|error| OpenError::Disagreement(Box::new(error)))
}

/// What was applied: name and checksum by number.
async fn applied(
    session: &Session,
    options: &CqlOptions,
) -> Result<BTreeMap<i32, (String, String)>, OpenError> {
    let select = format!("SELECT number, name, checksum FROM {}.schema_migrations", options.keyspace);
    let found = rows(session, options, "reading what was migrated", &select, ()).await?;
    let rows = found.rows::<(i32, String, String)>().into_iter().flatten().flatten();
    Ok(rows.map(|(number, name, checksum)| (number, (name, checksum))).collect())
}

/// Which migrations are still to be applied, if what was applied is a beginning of what this build carries, or all of it and
/// more that lets this build go on.
async fn pending(
    session: &Session,
    options: &CqlOptions,
    applied: &BTreeMap<i32, (String, String)>,
) -> Result<Vec<&'static Migration>, OpenError> {
    let keyspace = || options.keyspace.clone();
    let changed = |name| OpenError::SchemaChanged { keyspace: keyspace(), name };
    let mut missing = Vec::new();
    for migration in MIGRATIONS {
        match applied.get(&migration.number()) {
            // One that is recorded after a gap was applied by a build that had another one in the gap.
            Some(_) if !missing.is_empty() => return Err(changed(migration.name)),
            Some((name, checksum)) if *name != migration.name || *checksum != migration.checksum() => {
                return Err(changed(migration.name));
            }
            Some(_) => {}
            None => missing.push(migration),
        }
    }
    let known = |number: &i32| MIGRATIONS.iter().any(|migration| migration.number() == *number);
    let newer: Vec<_> = applied.iter().filter(|(number, _)| !known(number)).collect();
    if newer.is_empty() {
        return Ok(missing);
    }
    let oldest = oldest_builds(session, options).await?;
    let newest = MIGRATIONS.last().map_or(0, Migration::number);
    let shuts_out = |number: &i32| oldest.get(number).is_none_or(|oldest| *oldest > newest);
    // Nothing may be missing under what is newer, either.
    match newer.into_iter().find(|(number, _)| !missing.is_empty() || shuts_out(number)) {
        Some((_, (found, _))) => Err(OpenError::SchemaNewer { keyspace: keyspace(), found: found.clone() }),
        None => Ok(Vec::new()),
    }
}

/// By migration, the oldest build that may go on beside it. A migration of which nothing is said lets no older build go on.
async fn oldest_builds(session: &Session, options: &CqlOptions) -> Result<BTreeMap<i32, i32>, OpenError> {
    let tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";
    let names = (&options.keyspace, "schema_older_builds");
    if rows(session, options, "looking for its tables", tables, names).await?.rows_num() == 0 {
        return Ok(BTreeMap::new());
    }
    let select = format!("SELECT number, oldest FROM {}.schema_older_builds", options.keyspace);
    let found = rows(session, options, "reading which builds may go on", &select, ()).await?;
    Ok(found.rows::<(i32, i32)>().into_iter().flatten().flatten().collect())
}

struct Migrator<'a> {
    session: &'a Session,
    options: &'a CqlOptions,
    me: Uuid,
}

impl Migrator<'_> {
    async fn make_own_tables(&self) -> Result<(), OpenError> {
        let keyspace = &self.options.keyspace;
        let known = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
        let found = rows(self.session, self.options, "looking for its keyspace", known, (keyspace,)).await?;
        if found.rows_num() == 0 {
            let create = dialect::create_keyspace(self.session, self.options).await;
            self.change_schema(&create).await?;
        }
        let own = [
            ("schema_lease", "name text PRIMARY KEY, holder uuid"),
            ("schema_migrations", "number int PRIMARY KEY, name text, checksum text"),
            ("schema_older_builds", "number int PRIMARY KEY, oldest int"),
        ];
        for (table, columns) in own {
            let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{keyspace}.{table}").as_bytes());
            let create = format!("CREATE TABLE IF NOT EXISTS {keyspace}.{table} ({columns}) WITH id = {id}");
            self.change_schema(&create).await?;
        }
        Ok(())
    }

    async fn change_schema(&self, text: &str) -> Result<(), OpenError> {
        let mut statement = Statement::new(text);
        // Sent once: a second one beside the first can make two tables of one name.
        statement.set_execution_profile_handle(Some(connection::once(self.options).into_handle()));
        statement.set_request_timeout(Some(SCHEMA_TIMEOUT));
        let changed = self.session.query_unpaged(statement, ()).await;
        changed.map_err(|error| OpenError::of("changing the schema", error))?;
        agree(self.session).await
    }

    async fn take_lease(&self) -> Result<(), OpenError> {
        let insert = format!(
            "INSERT INTO {}.schema_lease (name, holder) VALUES ('migrate', ?) IF NOT EXISTS USING TTL {LEASE_SECONDS}",
            self.options.keyspace
        );
        let began = Instant::now();
        loop {
            let holder = match self.conditional(&insert, (self.me,)).await {
                Ok(None) => return Ok(()),
                Ok(Some(holder)) if holder == self.me => return Ok(()),
                Ok(Some(holder)) => holder.to_string(),
                // Whether it was taken shows at the next attempt.
                Err(_) if began.elapsed() < LEASE_WAIT => "an unanswered attempt".to_owned(),
                Err(error) => return Err(OpenError::of("taking the lease of the migration", error)),
            };
            if began.elapsed() >= LEASE_WAIT {
                return Err(OpenError::LeaseHeld { keyspace: self.options.keyspace.clone(), holder });
            }
            tokio::time::sleep(LEASE_PAUSE).await;
        }
    }

    /// Makes sure before each statement that the lease is still ours, and lasts.
    async fn renew_lease(&self) -> Result<(), OpenError> {
        let update = format!(
            "UPDATE {}.schema_lease USING TTL {LEASE_SECONDS} SET holder = ? WHERE name = 'migrate' IF holder = ?",
            self.options.keyspace
        );
        match self.conditional(&update, (self.me, self.me)).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(OpenError::LeaseLost),
            Err(error) => Err(OpenError::of("renewing the lease of the migration", error)),
        }
    }

    async fn return_lease(&self) -> Result<(), OpenError> {
        let delete = format!(
            "DELETE FROM {}.schema_lease WHERE name = 'migrate' IF holder = ?",
            self.options.keyspace
        );
        let returned = self.conditional(&delete, (self.me,)).await;
        returned.map_err(|error| OpenError::of("returning the lease of the migration", error))?;
        Ok(())
    }

    /// Sends a conditional write about the lease; gives the holder that stood in the way (nil where there was none).
    async fn conditional(
        &self,
        text: &str,
        values: impl SerializeRow,
    ) -> Result<Option<Uuid>, ExecutionError> {
        let mut statement = Statement::new(text);
        statement.set_execution_profile_handle(Some(connection::once(self.options).into_handle()));
        let result = self.session.query_unpaged(statement, values).await?;
        let Ok(rows) = result.into_rows_result() else { return Ok(Some(Uuid::nil())) };
        let names: Vec<&str> = rows.column_specs().iter().map(|spec| spec.name()).collect();
        let row = rows.maybe_first_row::<Row>().ok().flatten().unwrap_or(Row { columns: Vec::new() });
        let column = |name| {
            let place = names.iter().position(|column| *column == name)?;
            row.columns.get(place)?.as_ref()
        };
        Ok(match (column("[applied]"), column("holder")) {
            (Some(CqlValue::Boolean(true)), _) => None,
            (_, Some(CqlValue::Uuid(holder))) => Some(*holder),
            _ => Some(Uuid::nil()),
        })
    }

    async fn apply_missing(&self) -> Result<Migrated, OpenError> {
        let applied = applied(self.session, self.options).await?;
        let mut migrated = Migrated { applied: Vec::new(), present: applied.len() };
        let pending = pending(self.session, self.options, &applied).await?;
        if pending.is_empty() {
            return Ok(migrated);
        }
        // The files name no keyspace.
        let used = self.session.use_keyspace(&self.options.keyspace, true).await;
        used.map_err(|error| OpenError::of("using its keyspace", error.into()))?;
        for migration in pending {
            self.renew_lease().await?;
            self.change_schema(&migration.statement()).await?;
            self.record(migration).await?;
            tracing::info!(migration = migration.name, "migration applied");
            migrated.applied.push(migration.name);
        }
        Ok(migrated)
    }

    /// The record of a migration comes last: once it stands, so does all that is said of it.
    async fn record(&self, migration: &Migration) -> Result<(), OpenError> {
        let oldest = "schema_older_builds (number, oldest) VALUES (?, ?)";
        self.insert(oldest, (migration.number(), migration.oldest_build())).await?;
        let applied = "schema_migrations (number, name, checksum) VALUES (?, ?, ?)";
        self.insert(applied, (migration.number(), migration.name, migration.checksum())).await
    }

    async fn insert(&self, into: &str, values: impl SerializeRow) -> Result<(), OpenError> {
        let mut statement = Statement::new(format!("INSERT INTO {}.{into}", self.options.keyspace));
        statement.set_consistency(self.options.consistency());
        statement.set_is_idempotent(true);
        let inserted = self.session.query_unpaged(statement, values).await;
        inserted.map(drop).map_err(|error| OpenError::of("recording a migration", error))
    }
}

async fn rows(
    session: &Session,
    options: &CqlOptions,
    doing: &'static str,
    text: &str,
    values: impl SerializeRow,
) -> Result<QueryRowsResult, OpenError> {
    let mut statement = Statement::new(text);
    statement.set_consistency(options.consistency());
    statement.set_is_idempotent(true);
    let result =
        session.query_unpaged(statement, values).await.map_err(|error| OpenError::of(doing, error))?;
    result.into_rows_result().map_err(|error| OpenError::NotNow { doing, source: std::sync::Arc::new(error) })
}
