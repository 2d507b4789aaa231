//! The server over real sockets: the real binary, real clients, one test binary.
//!
//! `support` holds the harness: [`support::TestNode`] starts the server, [`support::TestAgent`] and
//! [`support::TestCustomer`] speak to it. Whatever passes through them is compared with the protocol's tables.

#[path = "../support/tables.rs"]
#[allow(dead_code, reason = "other test binaries use the rest of it")]
mod tables;

mod bench;
mod robust;
mod support;

mod audience;
mod chats;
mod durability;
mod methods;
mod routing;
mod sessions;
mod walls;
