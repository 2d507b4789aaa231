//! Index rows that say that something is gone and could not be written at once: tried again until they are there.
//!
//! Whoever finds a row that should be gone looks at the log and passes it over, so nothing fails for their sake.
//! The queue is bounded; what does not fit is dropped with a message.

use std::sync::{Arc, Weak};
use std::time::Duration;

use switchboard_cluster::Epoch;
use tokio::sync::mpsc;

use super::{CqlStore, Inner};
use crate::store::IndexWrite;

const QUEUE: usize = 10_000;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Index rows that follow from one append.
#[derive(Debug)]
pub(super) struct Projection {
    pub(super) epoch: Epoch,
    pub(super) writes: Vec<IndexWrite>,
}

/// Starts the task that tries again. It ends with the store.
pub(super) fn start(store: Weak<Inner>) -> mpsc::Sender<Projection> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(run(store, receiver));
    sender
}

async fn run(store: Weak<Inner>, mut waiting: mpsc::Receiver<Projection>) {
    while let Some(projection) = waiting.recv().await {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(store) = store.upgrade() else { return };
            match store.write_rows(projection.epoch, &projection.writes).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "index rows wait to be written");
                }
            }
            drop(store);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl CqlStore {
    /// Writes index rows now if possible, else later.
    pub(super) async fn project(&self, projection: Projection) {
        let Err(error) = self.inner.write_rows(projection.epoch, &projection.writes).await else { return };
        let error: Arc<dyn std::error::Error + Send + Sync> = Arc::new(error);
        tracing::warn!(error = &*error as &dyn std::error::Error, "index rows could not be written at once");
        if self.projections.try_send(projection).is_err() {
            tracing::error!(
                "too many index rows wait to be written; some that should be gone stay, and are passed over"
            );
        }
    }
}
