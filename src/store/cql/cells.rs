//! Cells: each a row of its own, changed by conditional writes.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use scylla::errors::ExecutionError;
use scylla::value::CqlValue;
use tokio::time::Instant;

use super::error::{pager_error, read_error, shape_error};
use super::log::next_row_error;
use super::lwt::{Conditional, SETTLE, SETTLE_PAUSE, Sent};
use super::{CqlStore, tables};
use crate::domain::id::LicenseId;
use crate::store::{Cas, CasTables, Cell, CellKey, CellTable, StoreError};

#[async_trait]
impl CasTables for CqlStore {
    async fn read_cell(&self, key: &CellKey) -> Result<Option<Bytes>, StoreError> {
        let statement = &self.inner.statements.cells(key.table).read;
        self.read_with(statement, key).await.map_err(ReadFault::into_error)
    }

    async fn cas(
        &self,
        key: &CellKey,
        expected: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<Cas, StoreError> {
        let began = Instant::now();
        // Set once an attempt went without an answer: from then on, finding the new value proves nothing, since another
        // writer may have written the same.
        let mut unanswered: Option<Arc<ExecutionError>> = None;
        let mut attempt = 0;
        loop {
            let stands = match self.send_cas(key, expected.as_deref(), new.as_deref(), attempt).await? {
                Sent::Answered(answer) if answer.applied => {
                    self.inner.note_write(began.elapsed(), 1, 0);
                    return Ok(Cas::Applied);
                }
                Sent::Answered(answer) => body_of(&answer, key.table)?,
                Sent::Unknown(error) => {
                    attempt += 1;
                    unanswered = Some(error.clone());
                    self.settle(key, began, error).await?
                }
            };
            match unanswered {
                Some(error) if stands == new => return Err(StoreError::OutcomeUnknown(error)),
                // The unanswered attempt has failed for good, so another one may be made.
                Some(error) if stands == expected && began.elapsed() >= SETTLE => {
                    return Err(StoreError::Unavailable(error));
                }
                Some(_) if stands == expected => {}
                // Somebody has written since: perhaps over what was there before, perhaps over what the unanswered attempt wrote.
                Some(error) => return Err(StoreError::OutcomeUnknown(error)),
                None => return Ok(Cas::Conflict(stands)),
            }
        }
    }

    async fn list_cells(
        &self,
        table: CellTable,
        license: LicenseId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Cell>, StoreError> {
        debug_assert!(table.is_listable(), "{table:?} is not listable");
        let Some(statement) = &self.inner.statements.cells(table).list else { return Ok(Vec::new()) };
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let values = (license.0, after.unwrap_or(""), limit);
        let pager = self.inner.session.execute_iter(statement.clone(), values).await.map_err(pager_error)?;
        let rows = pager.rows_stream::<(String, Bytes)>().map_err(shape_error)?;
        rows.map_ok(|(id, body)| Cell { id, body }).try_collect().await.map_err(next_row_error)
    }
}

/// Why a cell could not be read.
enum ReadFault {
    Sent(Box<ExecutionError>),
    Shape(StoreError),
}

impl ReadFault {
    fn into_error(self) -> StoreError {
        match self {
            Self::Sent(error) => read_error(*error),
            Self::Shape(error) => error,
        }
    }
}

impl CqlStore {
    async fn read_with(
        &self,
        statement: &scylla::statement::prepared::PreparedStatement,
        key: &CellKey,
    ) -> Result<Option<Bytes>, ReadFault> {
        let values = (key.license.0, key.id.as_str());
        let result = self
            .inner
            .session
            .execute_unpaged(statement, values)
            .await
            .map_err(|error| ReadFault::Sent(Box::new(error)))?;
        let rows = result.into_rows_result().map_err(|error| ReadFault::Shape(shape_error(error)))?;
        let row = rows.maybe_first_row::<(Option<Bytes>,)>();
        Ok(row.map_err(|error| ReadFault::Shape(shape_error(error)))?.and_then(|(body,)| body))
    }

    async fn send_cas(
        &self,
        key: &CellKey,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        attempt: u32,
    ) -> Result<Sent, StoreError> {
        let statements = self.inner.statements.cells(key.table);
        let (license, id) = (key.license.0, key.id.as_str());
        match (expected, new) {
            (None, Some(new)) => {
                self.inner.send_conditional(&statements.insert, (license, id, new), attempt).await
            }
            (Some(expected), Some(new)) => {
                self.inner.send_conditional(&statements.update, (new, license, id, expected), attempt).await
            }
            (Some(expected), None) => {
                self.inner.send_conditional(&statements.delete, (license, id, expected), attempt).await
            }
            // Nothing is to become nothing: a comparison, for which a SERIAL read is the conditional write.
            (None, None) => {
                let stands =
                    self.read_with(&statements.read_serial, key).await.map_err(ReadFault::into_error)?;
                Ok(Sent::Answered(Conditional::compared(tables::cell(key.table).body, stands)))
            }
        }
    }

    /// Reads at SERIAL until an answer comes: such a read brings an attempt that is still under way to its end, or makes sure
    /// that it never has one.
    async fn settle(
        &self,
        key: &CellKey,
        began: Instant,
        error: Arc<ExecutionError>,
    ) -> Result<Option<Bytes>, StoreError> {
        let statement = &self.inner.statements.cells(key.table).read_serial;
        loop {
            match self.read_with(statement, key).await {
                Ok(stands) => return Ok(stands),
                Err(ReadFault::Shape(error)) => return Err(error),
                Err(ReadFault::Sent(_)) if began.elapsed() >= SETTLE => {
                    return Err(StoreError::OutcomeUnknown(error));
                }
                Err(ReadFault::Sent(_)) => tokio::time::sleep(SETTLE_PAUSE).await,
            }
        }
    }
}

fn body_of(answer: &Conditional, table: CellTable) -> Result<Option<Bytes>, StoreError> {
    match answer.column(tables::cell(table).body) {
        Some(CqlValue::Blob(body)) => Ok(Some(Bytes::from(body.clone()))),
        None => Ok(None),
        Some(_) => Err(StoreError::corrupt("the result of a conditional write")),
    }
}
