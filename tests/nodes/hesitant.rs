//! A link whose calls do not come through for a while; what is told does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use switchboard_cluster::link::{CallError, Link, Peer, SendError};
use switchboard_cluster::{Incarnation, Service};
use tokio::sync::watch;

pub(crate) struct Hesitant {
    link: Arc<dyn Link>,
    is_silent: AtomicBool,
    lost: Mutex<Vec<Bytes>>,
}

impl Hesitant {
    pub(crate) fn new(link: Arc<dyn Link>) -> Arc<Self> {
        Arc::new(Self { link, is_silent: AtomicBool::new(false), lost: Mutex::default() })
    }

    /// Whether what this node asks of others is lost from now on.
    pub(crate) fn silence(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::SeqCst);
    }

    /// How many calls were lost so far in which something is named.
    pub(crate) fn lost(&self, name: &str) -> usize {
        let name = format!("\"{name}\"");
        let is_named = |call: &&Bytes| String::from_utf8_lossy(call).contains(&name);
        self.lost.lock().iter().filter(is_named).count()
    }
}

#[async_trait]
impl Link for Hesitant {
    async fn call(&self, to: Incarnation, request: Bytes, deadline: Duration) -> Result<Bytes, CallError> {
        if self.is_silent.load(Ordering::SeqCst) {
            self.lost.lock().push(request);
            return Err(CallError::OutcomeUnknown(Arc::new(std::io::Error::other("silence"))));
        }
        self.link.call(to, request, deadline).await
    }

    fn send(&self, to: Incarnation, frame: Bytes) -> Result<(), SendError> {
        self.link.send(to, frame)
    }

    fn peers(&self) -> watch::Receiver<Vec<Peer>> {
        self.link.peers()
    }

    fn serve(&self, service: Arc<dyn Service>) {
        self.link.serve(service);
    }
}
