//! Conditional writes: how their results are read, and what is done when no result comes.
//!
//! Servers differ in what they send: Cassandra adds the columns that stood in the way only when the condition failed, and
//! leaves them out where there was no row at all; ScyllaDB always sends the old row, with nulls where there was none. So a
//! result is read by column name, `[applied]` first, and a column that is missing counts as null.

use std::sync::Arc;
use std::time::Duration;

use scylla::response::query_result::QueryResult;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};
use scylla::{errors::ExecutionError, serialize::row::SerializeRow};

use super::Inner;
use super::error::{Fault, shape_error};
use crate::store::StoreError;

/// How long a conditional write without an answer is looked after.
pub(super) const SETTLE: Duration = Duration::from_secs(10);
/// Pause between two attempts to settle one.
pub(super) const SETTLE_PAUSE: Duration = Duration::from_millis(50);

/// What a conditional write did, or what stood in its way.
pub(super) struct Conditional {
    pub(super) applied: bool,
    columns: Vec<(String, CqlValue)>,
}

impl Conditional {
    /// A column of the row that stands; none if it is null or there is no row.
    pub(super) fn column(&self, name: &str) -> Option<&CqlValue> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, value)| value)
    }

    /// The outcome of a comparison with "no such row" that was made by a read.
    pub(super) fn compared(column: &str, stands: Option<bytes::Bytes>) -> Self {
        let applied = stands.is_none();
        let columns = stands.map(|body| (column.to_owned(), CqlValue::Blob(body.to_vec())));
        Self { applied, columns: columns.into_iter().collect() }
    }

    fn decode(result: QueryResult) -> Result<Self, StoreError> {
        let rows = result.into_rows_result().map_err(shape_error)?;
        let names: Vec<String> = rows.column_specs().iter().map(|spec| spec.name().to_owned()).collect();
        let row: Row = rows.first_row().map_err(shape_error)?;
        let columns: Vec<(String, CqlValue)> =
            names.into_iter().zip(row.columns).filter_map(|(name, value)| Some((name, value?))).collect();
        let applied = match columns.first() {
            Some((name, CqlValue::Boolean(applied))) if name == "[applied]" => *applied,
            _ => return Err(StoreError::corrupt("the result of a conditional write")),
        };
        Ok(Self { applied, columns })
    }
}

/// How a conditional write ended.
pub(super) enum Sent {
    /// With an answer.
    Answered(Conditional),
    /// Without: it may have been done, or may still be.
    Unknown(Arc<ExecutionError>),
}

impl Inner {
    /// Sends a conditional write, once. The first attempt goes to a node that keeps the row; later ones go to any, since the
    /// first may be frozen, which shows only when its connections are given up.
    pub(super) async fn send_conditional(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
        attempt: u32,
    ) -> Result<Sent, StoreError> {
        let sent = if attempt == 0 {
            self.session.execute_unpaged(statement, values).await
        } else {
            let mut statement = statement.clone();
            statement.set_load_balancing_policy(Some(self.statements.anywhere.clone()));
            self.session.execute_unpaged(&statement, values).await
        };
        match sent {
            Ok(result) => Ok(Sent::Answered(Conditional::decode(result)?)),
            Err(error) => match Fault::of(&error) {
                Fault::NotDone => Err(StoreError::Unavailable(Arc::new(error))),
                Fault::Refused => Err(StoreError::Refused(Arc::new(error))),
                Fault::Unknown => Ok(Sent::Unknown(Arc::new(error))),
            },
        }
    }
}
