//! `switchboard migrate`

use std::error::Error;
use std::fmt::Write as _;

use super::print;
use crate::config::Config;
use crate::domain::id::IdSource as _;
use crate::id_source::OsIds;
use crate::opening::cql_options;
use crate::store::cql::{Migrated, migrate};

/// Brings the schema up to date and prints what was done.
pub(super) fn run(config: &Config) -> Result<(), Box<dyn Error>> {
    let options = cql_options(&config.cql)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let migrated = runtime.block_on(migrate(&options, OsIds.uuid()))?;
    Ok(print::result(&shown(&migrated, &config.cql.keyspace))?)
}

fn shown(migrated: &Migrated, keyspace: &str) -> String {
    let mut text = String::new();
    for name in &migrated.applied {
        let _ = writeln!(text, "applied {name}");
    }
    let (applied, present) = (migrated.applied.len(), migrated.present);
    let _ = writeln!(text, "keyspace {keyspace}: {applied} applied now, {present} were there before");
    text
}
