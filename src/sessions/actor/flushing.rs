//! The part of a session that writes what others put into its outbox, when it is due.
//!
//! A message to the session would do the same and cost two allocations on the thread of whoever pushes, which the session's
//! own thread would have to free.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix::fut::ActorFuture;
use actix_web_actors::ws;

use super::{Kind, Session};

/// Lives as long as its session.
pub(super) struct Flushing;

impl<K: Kind> ActorFuture<Session<K>> for Flushing {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut Session<K>,
        ctx: &mut ws::WebsocketContext<Session<K>>,
        _: &mut Context<'_>,
    ) -> Poll<()> {
        // Not whenever it is polled: what is held back until an answer waits for that.
        if session.handle.outbox.take_due() {
            session.flush(ctx);
        }
        // The session's connection is woken for its outbox (`sessions::frames`).
        Poll::Pending
    }
}
