//! How actors push without knowing sessions.

use std::sync::Arc;

use super::Origin;
use crate::domain::license::License;
use crate::domain::push::Push;

/// Takes pushes to the sessions of a license. Never waits: a session that cannot take a push is cut.
pub trait Delivery: Send + Sync {
    /// Hands pushes out in this order. The session that `origin` names gets them with its request id.
    fn deliver(&self, license: &Arc<License>, pushes: &[Push], origin: Option<&Origin>);
}
