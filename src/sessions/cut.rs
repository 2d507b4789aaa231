//! Cutting a connection from outside. A session whose socket takes nothing is not polled any more, so it can
//! neither write a close frame nor time itself out; only its socket can be taken away.

use std::os::fd::{BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_rt::ArbiterHandle;

/// The socket behind a connection, as the server saw it when it was accepted.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionSocket(pub RawFd);

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
        let Some(socket) = self.socket else { return };
        let alive = self.alive.clone();
        self.thread.spawn(async move {
            if alive.load(Ordering::Acquire) {
                shut_down(socket);
            }
        });
    }
}

#[expect(unsafe_code, reason = "a raw descriptor is borrowed; see the safety note")]
fn shut_down(socket: ConnectionSocket) {
    // SAFETY: runs on the thread that owns the connection, and only while its session is alive there, so the
    // descriptor is open and is still that connection's.
    let borrowed = unsafe { BorrowedFd::borrow_raw(socket.0) };
    if let Err(error) = socket2::SockRef::from(&borrowed).shutdown(std::net::Shutdown::Both) {
        tracing::debug!(%error, "a socket was gone before it could be cut");
    }
}
