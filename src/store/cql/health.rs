//! Whether the database answers, and figures about what it took.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::CqlStore;
use super::error::read_error;
use crate::store::{Failure, Health, Pulse, StoreError};

/// How long the answer to [`Health::check`] may take.
const CHECK: Duration = Duration::from_secs(2);

#[async_trait]
impl Health for CqlStore {
    /// Asks at quorum for a row that is not there: what a validation does.
    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check_connected()?;
        let mut statement = self.inner.statements.ownership.is_fenced.clone();
        statement.set_request_timeout(Some(CHECK));
        self.inner.session.execute_unpaged(&statement, (Uuid::nil(),)).await.map_err(read_error)?;
        Ok(())
    }

    fn failed(&self) -> watch::Receiver<Option<Failure>> {
        self.inner.failed.subscribe()
    }

    fn pulse(&self) -> Pulse {
        let waiting = self.inner.max_in_flight - self.inner.in_flight.available_permits();
        Pulse { waiting: waiting as u64, ..self.inner.pulse.lock().clone() }
    }
}
