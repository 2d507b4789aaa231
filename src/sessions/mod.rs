//! Websocket sessions: one actor a socket, and the registry by which pushes find them.
//!
//! - [`AgentKind`] and [`CustomerKind`] are the two kinds of [`actor::Session`]: they read frames, hand
//!   requests to the `requests` room and write what their [`outbox`] holds. [`frames`] gives that to the connection,
//!   [`incoming`] what a client sends to the session, a frame at a time.
//! - [`Registry`] knows every session of this node, each by its [`SessionHandle`].
//! - [`fanout`] encodes a push once a surface and view and offers the bytes to each session that is to get it; it
//!   never waits.
//! - [`trail`] knows how far a session that may be resumed was told, [`resume`] tells it what it missed.
//! - [`heartbeat`] watches all sessions from outside: a session whose socket takes nothing cannot time itself out.
//! - [`revoked`] ends the sessions of tokens that are taken back and of customers who are banned.
//! - [`orphans`] finds out which customers left with a node that died.
//!
//! All use of `actix-web-actors` stays in this room.

pub mod actor;
pub mod cut;
mod fanout;
mod frames;
mod handle;
pub mod heartbeat;
mod incoming;
mod login;
pub mod orphans;
pub mod outbox;
mod presence;
mod registry;
mod resume;
pub mod revoked;
mod trail;
mod watching;

pub use actor::{AgentKind, CustomerKind, SessionContext};
pub use frames::open;
pub use handle::{SessionHandle, SessionUser, Wake};
pub use login::Connection;
pub use registry::{Registry, SessionCounts};
