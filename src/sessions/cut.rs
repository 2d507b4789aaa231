//! Cutting a connection from outside. A session whose socket takes nothing is not polled any more, so it can
//! neither write a close frame nor time itself out; only its socket can be taken away.

use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use actix_rt::ArbiterHandle;

/// The socket behind a connection, as the server saw it when it was accepted.
#[derive(Clone, Debug)]
pub struct ConnectionSocket {
    descriptor: RawFd,
    open: Weak<()>,
}

/// Lives with a connection, and goes before its socket is closed.
#[derive(Debug)]
pub struct ConnectionOpen(#[expect(dead_code, reason = "it only has to live")] Arc<()>);

impl ConnectionSocket {
    /// The socket of a connection, which keeps the other part for as long as it is open.
    pub fn new(descriptor: RawFd) -> (Self, ConnectionOpen) {
        let open = Arc::new(());
        (Self { descriptor, open: Arc::downgrade(&open) }, ConnectionOpen(open))
    }

    /// Shuts it down, both ways, if it is still open. Only on the thread that serves the connection.
    #[expect(unsafe_code, reason = "a raw descriptor is borrowed; see the safety note")]
    pub fn shut_down(&self) {
        if self.open.strong_count() == 0 {
            return;
        }
        // SAFETY: runs on the thread that owns the connection, and only while what goes before the socket is there,
        // so the descriptor is open and is still that connection's.
        let borrowed = unsafe { BorrowedFd::borrow_raw(self.descriptor) };
        if let Err(error) = socket2::SockRef::from(&borrowed).shutdown(std::net::Shutdown::Both) {
            tracing::debug!(%error, "a socket was gone before it could be cut");
        }
    }
}

/// Takes the socket of one session away.
#[derive(Debug)]
pub struct Cut {
    socket: Option<ConnectionSocket>,
    /// The thread on which the session lives, and on which its socket is closed.
    thread: ArbiterHandle,
    /// Cleared when the session ends, on that same thread: the descriptor may belong to somebody else then.
    alive: Arc<AtomicBool>,
}

impl Cut {
    /// For a session that lives on the current arbiter.
    pub fn new(socket: Option<ConnectionSocket>, thread: ArbiterHandle, alive: Arc<AtomicBool>) -> Self {
        Self { socket, thread, alive }
    }

    /// Shuts the socket down, both ways. The session notices and ends. Does nothing if it has ended.
    pub fn cut(&self) {
        let Some(socket) = self.socket.clone() else { return };
        let alive = self.alive.clone();
        self.thread.spawn(async move {
            if alive.load(Ordering::Acquire) {
                socket.shut_down();
            }
        });
    }
}
