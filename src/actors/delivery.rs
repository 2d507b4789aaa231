//! How actors push without knowing sessions.

use std::sync::Arc;

use super::Origin;
use crate::domain::license::License;
use crate::domain::push::Push;

/// Takes pushes to the sessions of a license. Never waits: a session that cannot take a push is cut.
pub trait Delivery: Send + Sync {
    /// Hands pushes out in this order. The session that `origin` names gets them with its request id.
    fn deliver(&self, license: &Arc<License>, pushes: &[Push], origin: Option<&Origin>);

    /// The same, just before the request of `origin` is answered: its session is not woken for copies of its own, as it
    /// writes them right after the answer. If the answer cannot be handed over, the caller has to [`wake`](Self::wake) it.
    fn deliver_before_answer(&self, license: &Arc<License>, pushes: &[Push], origin: &Origin);

    /// Has a session write what waits for it.
    fn wake(&self, session: u64);
}
