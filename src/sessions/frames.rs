//! The frames of a session as its connection takes them.
//!
//! A connection asks for frames whenever anything happens to its socket, and once more after each that it got. To ask a
//! session means to ask all that it waits for: its mailbox, what the client sends, its requests, its timers. So it is asked
//! only when one of these has happened, or its outbox is due: for a push once, not twice.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use actix_http::ws::Codec;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use futures_util::Stream;

use super::actor::{Kind, Session, SessionContext};
use super::cut::ConnectionSocket;
use super::handle::SessionHandle;
use super::incoming::Incoming;
use super::login::Connection;

/// Answers a request for a websocket with a session.
///
/// # Errors
/// If it is no such request.
pub fn open<K: Kind>(
    shared: Arc<SessionContext>,
    socket: Option<ConnectionSocket>,
    by: Connection,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let mut response = ws::handshake(request)?;
    let most = shared.settings.max_message;
    let codec = Codec::new().max_size(most);
    let session = Session::<K>::new(shared, socket, by);
    let handle = session.handle.clone();
    let incoming = Incoming::new(payload, most);
    let frames = ws::WebsocketContext::with_codec(session, incoming, codec);
    Ok(response.streaming(Frames::new(frames, handle)))
}

struct Frames<S> {
    frames: S,
    session: Arc<SessionHandle>,
    /// By which the session is woken.
    waker: Waker,
    /// Who is woken with it.
    connection: Option<Waker>,
}

impl<S> Frames<S> {
    fn new(frames: S, session: Arc<SessionHandle>) -> Self {
        Self { frames, waker: session.clone().into(), session, connection: None }
    }
}

impl<S: Stream + Unpin> Stream for Frames<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        // A connection stays with its task, so that this is once for almost all.
        if !this.connection.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            this.session.outbox.wakes(context.waker().clone());
            this.connection = Some(context.waker().clone());
        }
        if !this.session.take_news() {
            return Poll::Pending;
        }
        // Whatever it gives: it has registered itself with all that it waits for.
        Pin::new(&mut this.frames).poll_next(&mut Context::from_waker(&this.waker))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    use actix_rt::Arbiter;

    use super::*;
    use crate::protocol::version::Surface;
    use crate::sessions::cut::Cut;
    use crate::sessions::outbox::{Outbox, OutboxLimits};

    /// Counts how often it is asked, and keeps the waker.
    #[derive(Clone, Default)]
    struct Counting(Rc<Cell<usize>>, Rc<RefCell<Option<Waker>>>);

    impl Stream for Counting {
        type Item = ();

        fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<()>> {
            self.0.set(self.0.get() + 1);
            *self.1.borrow_mut() = Some(context.waker().clone());
            Poll::Ready(Some(()))
        }
    }

    #[actix_rt::test]
    async fn a_session_is_asked_once_for_whatever_happens() {
        let cut = Cut::new(None, Arbiter::current(), Arc::new(AtomicBool::new(true)));
        let outbox = Outbox::new(OutboxLimits::default());
        let session = Arc::new(SessionHandle::new(1, Surface::Agent, outbox, cut, 0));
        let counting = Counting::default();
        let mut frames = Frames::new(counting.clone(), session.clone());
        let mut ask = || {
            let polled = Pin::new(&mut frames).poll_next(&mut Context::from_waker(Waker::noop()));
            (polled.is_ready(), counting.0.get())
        };
        assert_eq!((ask(), ask()), ((true, 1), (false, 1)));
        session.outbox.offer("a push".into(), Instant::now);
        assert_eq!(ask(), (true, 2));
        assert!(session.outbox.take_due());
        assert_eq!(ask(), (false, 2));
        counting.1.borrow().as_ref().expect("a waker").wake_by_ref();
        assert_eq!((ask(), ask()), ((true, 3), (false, 3)));
        session.is_stopped();
        assert_eq!((ask(), ask()), ((true, 4), (true, 5)));
    }
}
