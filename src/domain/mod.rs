//! The rules of the product, pure: who may do what, what changes, who is told.
//!
//! Nothing here performs I/O, reads a clock or draws randomness: state, command, time and ids come in as
//! arguments, [`change::Change`]s and [`push::Push`]es go out. The cast:
//!
//! - [`chat::Chat`] is the state that one chat actor owns. [`chat::Chat::apply`] is the only place it changes.
//! - [`command`] holds a file for each method that alters a chat: the struct, its rule and the rule's tests.
//! - [`change`] is what happened (stored), [`push`] what is told to whom.
//! - [`license`] is the tenant: agents, groups, limits, settings. [`rejection`] is every way to say no.
//! - [`routing`] decides who gets the next chat.
//!
//! Everything outside depends on this room; this room depends on nobody (serde's derives and parsers of addresses aside).

pub mod access;
mod address;
pub mod auto_access;
pub mod change;
pub mod chat;
pub mod command;
pub mod customer;
pub mod email_verification;
pub mod event;
pub mod geolocation;
pub mod greeting;
pub mod id;
pub mod license;
pub mod license_news;
pub mod mail_address;
pub mod operations;
pub mod properties;
pub mod property_definitions;
pub mod push;
pub mod rejection;
pub mod replaced;
pub mod retelling;
pub mod routing;
pub mod said_before;
pub mod system_message;
pub mod text;
pub mod thread;
pub mod thread_limits;
pub mod time;
pub mod transcript;
pub mod user;
pub mod visit;
pub mod watch;
pub mod whole_chat;
pub mod widget;

#[cfg(test)]
mod tests;
